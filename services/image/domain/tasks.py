"""Import tasks of the old kind: the task makes its image and fills it from a URL."""

import datetime
from collections.abc import Mapping
from typing import Any

from common import clock, ids
from common.context import RequestContext
from common.db.session import Session
from services.image.db import images as rows
from services.image.db import sagas, tasks
from services.image.domain import images, imports, states
from services.image.domain.quotas import Room


def start(session: Session, context: RequestContext, given: Mapping[str, Any], properties: Mapping[str, Any],
          limits: images.Limits, room: Room, *, store: str, keep_h: int) -> tuple[Any, str]:
    """The task's row and its saga's id; the image appears at once, importing."""
    values = {k: v for k, v in properties.items() if k in images.BASE and k != "owner"}
    values.setdefault("disk_format", given["import_from_format"])
    values.setdefault("container_format", "bare")
    free = {k: str(v) for k, v in properties.items() if k not in images.BASE and k not in ("id", "tags", "locations")}
    image = images.create(session, limits, room, context.project_id, values, free, properties.get("tags") or [])
    writer = ids.uuid()
    rows.update(session, image.id, status=states.IMPORTING, writer=writer)
    row = tasks.insert(session, id=ids.uuid(), type="import", status="pending", owner=context.project_id,
                       user_id=context.user_id, request_id=context.request_id, image_id=image.id, input=dict(given),
                       expires_at=clock.now() + datetime.timedelta(hours=keep_h))
    data = {"task": row.id, "writer": writer, "method": {"name": "web-download", "uri": given["import_from"]},
            "stores": [store], "must": True, "delete_on_failure": True}
    return row, sagas.insert(session, imports.IMPORT, image.id, context, data)
