"""Images that stay on a web server: read only, for locations that an operator or (where allowed) a user may set."""

from collections.abc import Iterable, Iterator
from typing import Any

from oslo_config import cfg

from services.image.drivers import fetch
from services.image.drivers.base import BadLocation, NotFound, StoreDenied, StoredImage, StoreError


class HttpStore:
    """Implements `Store` without `add` and `delete`, which are refused. Addresses are checked as web-download's are."""

    scheme = "http"
    read_only = True

    def __init__(self, name: str, settings: cfg.ConfigOpts.GroupAttr) -> None:
        self.name = name
        self.guard = fetch.Guard(
            ports=[int(p) for p in settings.http_allowed_ports], networks=list(settings.http_allowed_networks),
            redirects_max=settings.http_max_redirects, timeout_s=settings.http_timeout_s, ca_file=settings.http_ca_file)

    def start(self) -> None:
        """Nothing to prepare."""

    def check(self, location: str) -> None:
        """Refused or BadLocation when the location may not be one of this store."""
        try:
            fetch.check(location.partition("#")[0], self.guard)
        except fetch.Refused as e:
            raise BadLocation(f"the location does not pass filtering: {e}") from e

    def add(self, image_id: str, stream: Iterable[bytes], size_hint: int | None = None) -> StoredImage:
        """Always StoreDenied."""
        raise StoreDenied(f"{self.name} is read only")

    def delete(self, location: str) -> None:
        """Always StoreDenied."""
        raise StoreDenied(f"{self.name} is read only")

    def get(self, location: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See `Store.get`; servers that know no ranges are read from their beginning."""
        if length == 0:
            return iter(())
        headers = {}
        if offset or length is not None:
            headers["Range"] = f"bytes={offset}-" + ("" if length is None else str(offset + length - 1))
        answer = self._request("GET", location, headers, (200, 206, 416))
        if answer.status == 416:
            answer.close()
            return iter(())
        return _part(fetch.chunks(answer), 0 if answer.status == 206 else offset, length)

    def size(self, location: str) -> int:
        """See `Store.size`; StoreError when the server does not say."""
        answer = self._request("HEAD", location, {}, (200,))
        length = answer.headers.get("Content-Length", "")
        answer.close()
        if not length.isdecimal():
            raise StoreError("the web server does not say how large the image is")
        return int(length)

    def exists(self, location: str) -> bool:
        """See `Store.exists`."""
        try:
            self._request("HEAD", location, {}, (200,)).close()
        except NotFound:
            return False
        return True

    def details(self) -> dict[str, Any]:
        """See `Store.details`."""
        return {}

    def _request(self, method: str, location: str, headers: dict[str, str], good: tuple[int, ...]) -> Any:
        try:
            answer = fetch.request(method, location.partition("#")[0], self.guard, headers)
        except fetch.Refused as e:
            raise BadLocation(f"the location does not pass filtering: {e}") from e
        if answer.status in good:
            return answer
        answer.close()
        if answer.status in (404, 410):
            raise NotFound("the web server has no such image")
        if answer.status in (401, 403):
            raise StoreDenied(f"the web server refuses with {answer.status}")
        raise StoreError(f"the web server answers {answer.status}")


def _part(received: Iterator[bytes], skip: int, length: int | None) -> Iterator[bytes]:
    left = length
    for piece in received:
        chunk, skip = piece[skip:], max(0, skip - len(piece))
        if left is not None:
            chunk = chunk[:left]
            left -= len(chunk)
        if chunk:
            yield chunk
        if left == 0:
            return


