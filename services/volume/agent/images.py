"""Image bytes between the image service and a back end.

The agent has no credentials: the conductor lends it the tenant's own token for a job that is open on this back end.
"""

from collections.abc import Iterator
from typing import Any

import requests

from common import context, errors

CHUNK_BYTES = 1 << 20
TIMEOUT_S = (10, 120)


class Images:
    """Reads and writes the image of a job."""

    def __init__(self, conductor: Any, host: str) -> None:
        self.conductor, self.host = conductor, host
        self.session = requests.Session()
        self.session.trust_env = False

    def read(self, job_id: str) -> Iterator[bytes]:
        """The image's data in chunks; errors.NotFound, errors.Transient."""
        access = self._access(job_id)
        try:
            with self.session.get(
                access["url"], headers={"X-Auth-Token": access["token"]}, stream=True, timeout=TIMEOUT_S
            ) as response:
                if response.status_code != 200:
                    raise errors.NotFound(f"the image could not be read: {response.status_code} {response.reason}")
                yield from response.iter_content(CHUNK_BYTES)
        except requests.RequestException as e:
            raise errors.Transient(f"the image could not be read: {e}") from e

    def write(self, job_id: str, chunks: Iterator[bytes]) -> None:
        """Stream `chunks` into the image, which waits for its data; errors.BadGateway, errors.Transient."""
        access = self._access(job_id)
        headers = {"X-Auth-Token": access["token"], "Content-Type": "application/octet-stream"}
        try:
            response = self.session.put(access["url"], data=chunks, headers=headers, timeout=(10, 600))
        except requests.RequestException as e:
            raise errors.Transient(f"the image could not be written: {e}") from e
        if response.status_code not in (200, 201, 204):
            raise errors.BadGateway(f"the image could not be written: {response.status_code} {response.reason}")

    def _access(self, job_id: str) -> dict[str, Any]:
        return dict(self.conductor.image_access(context.internal(), self.host, job_id))
