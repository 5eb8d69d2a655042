"""Image bytes between the image service and this host.

The agent has no credentials: the conductor lends it the tenant's own token for the server it is just working on.
"""

import contextlib
import os
import threading
from collections.abc import Iterator
from typing import Any

import requests

from common import context, errors
from services.compute.agent.working import current_server

CHUNK_BYTES = 1 << 20
TIMEOUT_S = (10, 120)


class Images:
    """Fetches images into files, and puts files into images."""

    def __init__(self, conductor: Any, host: str) -> None:
        self.conductor, self.host = conductor, host
        self.session = requests.Session()
        self.session.trust_env = False
        self._own = threading.local()

    def fetch(self, image_id: str, path: str) -> None:
        """Stream an image's data into the new file `path`; errors.Transient when the image service does not answer."""
        access = self._access(image_id)
        try:
            with self.session.get(access["url"], headers={"X-Auth-Token": access["token"]}, stream=True,
                                  timeout=TIMEOUT_S) as response:
                if response.status_code != 200:
                    raise errors.NotFound(f"image {image_id} could not be read: {response.status_code} {response.reason}")
                with open(path, "wb") as out:
                    for chunk in response.iter_content(CHUNK_BYTES):
                        out.write(chunk)
        except requests.RequestException as e:
            raise errors.Transient(f"image {image_id} could not be read: {e}") from e

    def store(self, image_id: str, path: str) -> None:
        """Stream the file `path` into the image `image_id`, which waits for its data."""
        access = self._access(image_id)
        headers = {"X-Auth-Token": access["token"], "Content-Type": "application/octet-stream"}
        try:
            with open(path, "rb") as data:
                response = self.session.put(access["url"], data=data, headers=headers, timeout=(10, 600))
        except requests.RequestException as e:
            raise errors.Transient(f"image {image_id} could not be written: {e}") from e
        finally:
            os.unlink(path)
        if response.status_code not in (200, 201, 204):
            raise errors.BadGateway(f"image {image_id} could not be written: {response.status_code} {response.reason}")

    @contextlib.contextmanager
    def lent(self, url: str, token: str) -> Iterator[None]:
        """Inside the block this thread reads images of the image service at `url` with `token`, which somebody lent for it."""
        self._own.access = url, token
        try:
            yield
        finally:
            del self._own.access

    def _access(self, image_id: str) -> dict[str, Any]:
        lent = getattr(self._own, "access", None)
        if lent is not None:
            return {"url": f"{lent[0]}/v2/images/{image_id}/file", "token": lent[1]}
        return dict(self.conductor.image_access(context.internal(), self.host, current_server(), image_id))
