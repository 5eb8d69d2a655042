"""What the service tells others about images, members and tasks, in the words of upstream's notifications."""

from collections.abc import Callable, Mapping
from typing import Any

from common import clock
from common.context import RequestContext
from common.db.session import Database
from services.image.db import images, tasks
from services.image.objects.image import ImageRecord

Tell = Callable[[RequestContext, str, Mapping[str, Any]], None]
_PLAIN = ("id", "name", "status", "min_disk", "min_ram", "protected", "checksum", "owner", "disk_format", "container_format",
          "size", "virtual_size", "visibility")


class Events:
    """`tell(context, event, payload)` sends one; without it nothing is told, and nothing is read for it."""

    def __init__(self, database: Database | None = None, tell: Tell | None = None) -> None:
        self._database, self._tell = database, tell

    def image(self, context: RequestContext, what: str, image: ImageRecord, **more: Any) -> None:
        """image.`what` of an image as it is; `more` goes beside its attributes."""
        if self._tell:
            self._tell(context, f"image.{what}", {**_image(image), **more})

    def changed(self, context: RequestContext, image_id: str, *whats: str, **more: Any) -> None:
        """As `image`, of an image that was just changed, one event for each of `whats`; nothing when it is gone."""
        if self._database and self._tell:
            with self._database.read() as session:
                image = images.find(session, image_id)
            if image is not None:
                for what in whats:
                    self.image(context, what, image, **more)

    def deleted(self, context: RequestContext, image: ImageRecord, status: str) -> None:
        """image.delete; `status` is deleted or pending_delete."""
        now = clock.iso(clock.now())
        self.image(context, "delete", image, status=status, deleted=True, deleted_at=now, updated_at=now)

    def sent(self, context: RequestContext, image: ImageRecord, size: int) -> None:
        """image.send: `size` bytes of an image go to the caller."""
        if self._tell:
            self._tell(context, "image.send", {
                "bytes_sent": size, "image_id": image.id, "owner_id": image.owner, "receiver_tenant_id": context.project_id,
                "receiver_user_id": context.user_id})

    def member(self, context: RequestContext, what: str, row: Any) -> None:
        """image.member.`what` of a membership."""
        if self._tell:
            gone = what == "delete"
            self._tell(context, f"image.member.{what}", {
                "image_id": row.image_id, "member_id": row.member, "status": row.status, "created_at": clock.iso(row.created_at),
                "updated_at": clock.iso(row.updated_at), "deleted": gone, "deleted_at": clock.iso(clock.now()) if gone else None})

    def task_begins(self, context: RequestContext, task_id: str) -> None:
        """task.create and task.processing."""
        if self._database and self._tell:
            with self._database.read() as session:
                row = tasks.find(session, task_id)
            for what in ("create", "processing"):
                self.task(context, what, row)

    def task(self, context: RequestContext, what: str, row: Any) -> None:
        """task.`what` (create, processing, success, failure); nothing when the task is gone."""
        if self._tell and row is not None:
            self._tell(context, f"task.{what}", {
                "id": row.id, "type": row.type, "status": row.status, "result": row.result, "owner": row.owner,
                "message": row.message or None, "expires_at": clock.iso(row.expires_at), "deleted": False,
                "created_at": clock.iso(row.created_at), "updated_at": clock.iso(row.updated_at), "deleted_at": None})


def _image(image: ImageRecord) -> dict[str, Any]:
    return {**{name: getattr(image, name) for name in _PLAIN}, "is_public": image.visibility == "public",
            "created_at": clock.iso(image.created_at), "updated_at": clock.iso(image.updated_at),
            "properties": dict(image.properties), "tags": list(image.tags), "deleted": False, "deleted_at": None}
