"""Images that stay on a web server: read only, for locations that an operator may set."""

import urllib.parse
from collections.abc import Iterable, Iterator

import requests
from oslo_config import cfg

from services.image.drivers.base import CHUNK_BYTES, BadLocation, NotFound, StoreDenied, StoredImage, StoreError


class HttpStore:
    """Implements `Store` without `add` and `delete`, which are refused."""

    scheme = "http"
    read_only = True

    def __init__(self, name: str, settings: cfg.ConfigOpts.GroupAttr) -> None:
        self.name = name
        self._timeout_s, self._redirects = settings.http_timeout_s, settings.http_max_redirects
        self._verify = settings.http_ca_file or True

    def start(self) -> None:
        """Nothing to prepare."""

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
        headers = {"Accept-Encoding": "identity"}
        if offset or length is not None:
            headers["Range"] = f"bytes={offset}-" + ("" if length is None else str(offset + length - 1))
        answer = self._request("GET", location, headers, (200, 206, 416))
        if answer.status_code == 416:
            answer.close()
            return iter(())
        return self._read(answer, 0 if answer.status_code == 206 else offset, length)

    def size(self, location: str) -> int:
        """See `Store.size`; StoreError when the server does not say."""
        answer = self._request("HEAD", location, {"Accept-Encoding": "identity"}, (200,))
        with answer:
            length = answer.headers.get("Content-Length", "")
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

    def _request(self, method: str, location: str, headers: dict[str, str], good: tuple[int, ...]) -> requests.Response:
        parts = urllib.parse.urlsplit(location)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadLocation(f"the location is not one of {self.name}")
        session = requests.Session()
        session.max_redirects = self._redirects
        try:
            answer = session.request(
                method, location, headers=headers, stream=True, timeout=self._timeout_s, allow_redirects=self._redirects > 0,
                verify=self._verify,
            )
        except requests.RequestException as e:
            raise StoreError(f"the web server {parts.hostname} cannot be reached: {type(e).__name__}") from e
        if answer.status_code in good:
            return answer
        answer.close()
        if answer.status_code in (404, 410):
            raise NotFound(f"the web server {parts.hostname} has no such image")
        if answer.status_code in (401, 403):
            raise StoreDenied(f"the web server {parts.hostname} refuses with {answer.status_code}")
        raise StoreError(f"the web server {parts.hostname} answers {answer.status_code}")

    @staticmethod
    def _read(answer: requests.Response, skip: int, length: int | None) -> Iterator[bytes]:
        left = length
        try:
            with answer:
                for received in answer.iter_content(CHUNK_BYTES):
                    chunk, skip = received[skip:], max(0, skip - len(received))
                    if left is not None:
                        chunk = chunk[:left]
                        left -= len(chunk)
                    if chunk:
                        yield chunk
                    if left == 0:
                        return
        except requests.RequestException as e:
            raise StoreError(f"the web server broke off: {type(e).__name__}") from e
