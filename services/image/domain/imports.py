"""Asking for imports: the task that people see and the saga that does the work, written in one transaction."""

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from common import clock, errors, ids
from common.context import RequestContext
from common.db.session import Session
from services.image.db import images, locations, sagas, tasks
from services.image.domain import states
from services.image.domain.images import conflict
from services.image.domain.quotas import Room
from services.image.objects.image import ImageRecord

IMPORT, ADD_LOCATION = "image_import", "location_add"
IMPORTING_TO, FAILED_IN = "os_glance_importing_to_stores", "os_glance_failed_import"
TASK = "os_glance_import_task"


def start(session: Session, image: ImageRecord, room: Room, context: RequestContext, *, method: Mapping[str, Any],
          stores: Sequence[str], all_must_succeed: bool, request_body: Any, keep_h: int) -> str:
    """Begin an import of a queued, uploading or (copy-image) active image; the saga's id.

    errors.Conflict when the image is in another state, or another import of it runs; TooLarge where there is no room.
    """
    room.require(session)
    copy = method["name"] == "copy-image"
    if sagas.active(session, image.id):
        raise errors.Conflict("Image has active task")
    writer = ids.uuid()
    task = _task(session, image, context, request_body, keep_h)
    with conflict(image.id):
        if copy:
            images.update(session, image.id, expect_status=[states.ACTIVE])
        else:
            images.update(session, image.id, expect_status=[image.status], expect={"writer": None}, writer=writer,
                          status=states.IMPORTING)
            locations.drop_leftovers(session, image.id)
    images.set_properties(session, image.id, {TASK: task.id, IMPORTING_TO: ",".join(stores), FAILED_IN: ""}, [])
    data = {"task": task.id, "writer": writer, "method": dict(method), "stores": list(stores),
            "must": all_must_succeed}
    return sagas.insert(session, IMPORT, image.id, context, data)


def add_location(session: Session, image: ImageRecord, context: RequestContext, *, url: str, store: str, validation: Any,
                 keep_h: int) -> str:
    """Begin to add a location to a queued image; the saga's id. errors.Conflict as `start`."""
    writer = ids.uuid()
    task = _task(session, image, context, {"image_id": image.id, "loc_url": url, "validation_data": validation or {}}, keep_h,
                 kind="location_import")
    with conflict(image.id):
        images.update(session, image.id, expect_status=[states.QUEUED], expect={"writer": None}, writer=writer,
                      status=states.IMPORTING)
    locations.drop_leftovers(session, image.id)
    images.set_properties(session, image.id, {TASK: task.id}, [])
    data = {"task": task.id, "writer": writer, "url": url, "store": store, "validation": dict(validation or {})}
    return sagas.insert(session, ADD_LOCATION, image.id, context, data)


def _task(session: Session, image: ImageRecord, context: RequestContext, request_body: Any, keep_h: int,
          kind: str = "api_image_import") -> Any:
    given = request_body if kind == "location_import" else {
        "image_id": image.id, "import_req": request_body, "backend": list((request_body or {}).get("stores") or [])}
    return tasks.insert(session, id=ids.uuid(), type=kind, status="pending", owner=context.project_id, user_id=context.user_id,
                        request_id=context.request_id, image_id=image.id, input=given,
                        expires_at=clock.now() + datetime.timedelta(hours=keep_h))


def ended(session: Session, task_id: str, keep_h: int, *, result: Any = None, error: str | None = None,
          message: str = "") -> Any:
    """Write down a task's end; its row. `message` is for a good one."""
    tasks.update(session, task_id, status="failure" if error is not None else "success", message=error or message, result=result,
                 expires_at=clock.now() + datetime.timedelta(hours=keep_h))
    return tasks.find(session, task_id)
