"""Block storage, as compute calls it (Block Storage API v3)."""

from typing import Any

from common.clients.base import ServiceClient
from common.context import RequestContext


class VolumeClient(ServiceClient):
    """Volumes, snapshots and attachments of one project. `for_project` or `as_user` says whose.

    Every method raises clients.base.RemoteError (status, message) or errors.Transient.
    """

    service_type = "block-storage"
    microversion = "3.44"

    project_id: str | None = None

    def as_user(self, context: RequestContext) -> "VolumeClient":
        """The same client with the caller's token and project."""
        made: VolumeClient = super().as_user(context)
        if made is self:
            made = VolumeClient(self.sessions)
        made.project_id = context.project_id
        return made

    def _path(self, tail: str) -> str:
        """The catalog's URL ends in the service's own project; the caller's stands here."""
        return f"{self._root()}/v3/{self.project_id}/{tail}" if self.project_id else f"/{tail}"

    def _root(self) -> str:
        url = str(self._adapter.get_endpoint() or "")
        return url.split("/v3", 1)[0].rstrip("/")

    def volume(self, volume_id: str) -> dict[str, Any]:
        """A volume; RemoteError 404 when it is not there or not visible."""
        return self.get(self._path(f"volumes/{volume_id}"))["volume"]  # type: ignore[no-any-return]

    def volumes(self, **filters: Any) -> list[dict[str, Any]]:
        """Volumes with details."""
        return self.get(self._path("volumes/detail"), **filters)["volumes"]  # type: ignore[no-any-return]

    def create_volume(self, values: dict[str, Any]) -> dict[str, Any]:
        """A new volume ({"size", "snapshot_id", "imageRef", "name", "volume_type", "availability_zone", "metadata"})."""
        return self.post(self._path("volumes"), {"volume": values})["volume"]  # type: ignore[no-any-return]

    def delete_volume(self, volume_id: str, *, missing_ok: bool = True) -> None:
        """Delete a volume."""
        self.delete(self._path(f"volumes/{volume_id}"), missing_ok=missing_ok)

    def action(self, volume_id: str, name: str, values: Any = None) -> Any:
        """A volume action such as os-reserve."""
        return self.post(self._path(f"volumes/{volume_id}/action"), {name: values})

    def reimage(self, volume_id: str, image_id: str) -> None:
        """Write an image over a volume that is free or reserved; it is `downloading` meanwhile."""
        self.post(self._path(f"volumes/{volume_id}/action"), {"os-reimage": {"image_id": image_id, "reimage_reserved": True}},
                  headers={"OpenStack-API-Version": "volume 3.68"})

    def snapshot(self, snapshot_id: str) -> dict[str, Any]:
        """A snapshot."""
        return self.get(self._path(f"snapshots/{snapshot_id}"))["snapshot"]  # type: ignore[no-any-return]

    def snapshots(self, **filters: Any) -> list[dict[str, Any]]:
        """Snapshots with details."""
        return self.get(self._path("snapshots/detail"), **filters)["snapshots"]  # type: ignore[no-any-return]

    def create_snapshot(self, values: dict[str, Any]) -> dict[str, Any]:
        """A new snapshot ({"volume_id", "name", "description", "force"})."""
        return self.post(self._path("snapshots"), {"snapshot": values})["snapshot"]  # type: ignore[no-any-return]

    def delete_snapshot(self, snapshot_id: str, *, missing_ok: bool = True) -> None:
        """Delete a snapshot."""
        self.delete(self._path(f"snapshots/{snapshot_id}"), missing_ok=missing_ok)

    def set_snapshot_status(self, snapshot_id: str, status: str) -> None:
        """Say what became of a snapshot that others take for block storage (os-update_snapshot_status)."""
        self.post(self._path(f"snapshots/{snapshot_id}/action"), {"os-update_snapshot_status": {"status": status}})

    def create_attachment(self, volume_id: str, server_id: str, connector: dict[str, Any] | None = None,
                          mode: str | None = None) -> dict[str, Any]:
        """Reserve a volume for a server (without `connector`), or connect it; {"id", "connection_info", …}."""
        values: dict[str, Any] = {"volume_uuid": volume_id, "instance_uuid": server_id, "connector": connector}
        if mode:
            values["mode"] = mode
        headers = {"OpenStack-API-Version": "volume 3.54"} if mode else None
        return self.post(self._path("attachments"), {"attachment": values}, headers=headers)["attachment"]  # type: ignore[no-any-return]

    def update_attachment(self, attachment_id: str, connector: dict[str, Any]) -> dict[str, Any]:
        """Connect a reserved attachment to a host; its `connection_info` is ready after it."""
        return self.put(self._path(f"attachments/{attachment_id}"), {"attachment": {"connector": connector}})["attachment"]  # type: ignore[no-any-return]

    def attachment(self, attachment_id: str) -> dict[str, Any]:
        """One attachment."""
        return self.get(self._path(f"attachments/{attachment_id}"))["attachment"]  # type: ignore[no-any-return]

    def attachments_of(self, volume_id: str, server_id: str) -> list[dict[str, Any]]:
        """The attachments of a volume to a server."""
        return self.get(self._path("attachments"), all_tenants=1, volume_id=volume_id, instance_id=server_id)["attachments"]  # type: ignore[no-any-return]

    def complete_attachment(self, attachment_id: str) -> None:
        """The guest has the volume now: it becomes in-use."""
        self.post(self._path(f"attachments/{attachment_id}/action"), {"os-complete": None})

    def delete_attachment(self, attachment_id: str) -> None:
        """Give the volume back; fine when it is gone."""
        self.delete(self._path(f"attachments/{attachment_id}"))
