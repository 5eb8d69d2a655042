"""Image APIs of other regions, as a user's own token reaches them."""

from collections.abc import Callable
from typing import Any

from common.clients.base import RemoteError, ServiceClient, Sessions
from common.clients.image import ImageClient
from common.context import RequestContext
from services.image.drivers.fetch import Refused


class _Identity(ServiceClient):
    """The catalog as a user sees it. Identity's URL in it has the version in it."""

    service_type = "identity"

    def images(self, region: str, interface: str) -> str | None:
        """The image endpoint of a region."""
        services = self.get("/auth/catalog")["catalog"]
        endpoints = [e for s in services if s["type"] == "image" for e in s["endpoints"]]
        return next((e["url"] for e in endpoints if e["interface"] == interface and region == e.get("region_id")), None)


class RemoteImages(ImageClient):
    """Another region's image API. A redirect would take the user's token to who knows where: it is a refusal."""

    url = ""

    def base_url(self) -> str:
        """The API's own URL, without a version."""
        return self.url.rstrip("/").removesuffix("/v2")

    def _endpoint(self) -> str:
        return self.base_url()

    def request(self, method: str, path: str, **kwargs: Any) -> Any:
        """See ServiceClient.request."""
        answer = super().request(method, path, redirect=False, **kwargs)
        if 300 <= answer.status_code < 400:
            raise RemoteError(answer.status_code, "it redirects", f"image {method} {path}")
        return answer


def remote_images(sessions: Sessions) -> Callable[[RequestContext, str, str], RemoteImages]:
    """Makes clients of other regions' image APIs, by the catalog that the user's token has now, called with that token alone.

    Refused when the catalog has no such endpoint.
    """

    def make(context: RequestContext, region: str, interface: str) -> RemoteImages:
        url = _Identity(sessions).as_user(context).images(region, interface)
        if not url:
            raise Refused(f"the catalog has no {interface} endpoint of the image service in region {region}")
        made: RemoteImages = RemoteImages(sessions).as_user(context)
        made.url = url
        return made

    return make
