"""The image service, as compute and block storage call it (Images API v2)."""

from collections.abc import Iterator
from typing import Any

from common import errors
from common.clients.base import ServiceClient


class ImageClient(ServiceClient):
    """Images by id. Every method raises clients.base.RemoteError (status, message) or errors.Transient."""

    service_type = "image"

    def base_url(self) -> str:
        """The service's own URL from the catalog, for those who stream by themselves; errors.Transient without one."""
        url = str(self._adapter.get_endpoint() or "").rstrip("/")
        if not url:
            raise errors.Transient("the catalog has no image service")
        return url.removesuffix("/v2")

    def show(self, image_id: str) -> dict[str, Any]:
        """The image's record; RemoteError 404 when it is not there or not visible."""
        return self.get(f"/v2/images/{image_id}")  # type: ignore[no-any-return]

    def find(self, **filters: Any) -> list[dict[str, Any]]:
        """One page of images; `filters` go into the query (limit, marker, name, status …)."""
        return self.get("/v2/images", **filters)["images"]  # type: ignore[no-any-return]

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        """A new image record, its data still missing (`queued`)."""
        return self.post("/v2/images", body)  # type: ignore[no-any-return]

    def update(self, image_id: str, patch: list[dict[str, Any]]) -> dict[str, Any]:
        """Apply a JSON patch ([{"op", "path", "value"}]) to an image's record."""
        headers = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
        return self.request("PATCH", f"/v2/images/{image_id}", json=patch, headers=headers).json()  # type: ignore[no-any-return]

    def remove(self, image_id: str) -> None:
        """Delete an image; RemoteError 404 when it is gone."""
        self.delete(f"/v2/images/{image_id}", missing_ok=False)

    def upload(self, image_id: str, data: Any) -> None:
        """Stream `data` (a file or an iterator of bytes) into an image."""
        self.request("PUT", f"/v2/images/{image_id}/file", data=data, headers={"Content-Type": "application/octet-stream"})

    def download(self, image_id: str, chunk_bytes: int = 1 << 20) -> Iterator[bytes]:
        """The image's data in chunks."""
        response = self.request("GET", f"/v2/images/{image_id}/file", stream=True, headers={"Accept": "application/octet-stream"})
        yield from response.iter_content(chunk_bytes)

    def link(self, image_id: str) -> str:
        """The URL that clients of the image service know an image by."""
        return f"{str(self._adapter.get_endpoint() or '').rstrip('/')}/images/{image_id}"
