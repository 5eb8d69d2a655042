"""What the agent is about: which server a thread works on, and which jobs are done but may still be handed out as open.

The driver's image fetcher is asked by image, while the conductor lends tokens by server.
"""

import contextlib
import threading
from collections.abc import Iterable, Iterator

from common import clock

_LOCAL = threading.local()
_FORGET_AFTER_S = 5.0


@contextlib.contextmanager
def on(server_id: str) -> Iterator[None]:
    """Work on `server_id` inside the block."""
    before = getattr(_LOCAL, "server_id", "")
    _LOCAL.server_id = server_id
    try:
        yield
    finally:
        _LOCAL.server_id = before


def current_server() -> str:
    """The server this thread works on, or an empty text."""
    return str(getattr(_LOCAL, "server_id", ""))


class Done:
    """Jobs that were done and must not be done again, though the conductor had not heard of it when it was asked for work.

    A job whose result could not be told is forgotten, for it has to be done again; one that was told, a little later: an answer
    from before may still be on its way.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told_s: dict[str, float] = {}

    def add(self, job_ids: Iterable[str]) -> None:
        """These are done."""
        with self._lock:
            self._told_s.update(dict.fromkeys(job_ids, float("inf")))

    def told(self, job_ids: Iterable[str]) -> None:
        """The conductor knows."""
        now = clock.monotonic()
        with self._lock:
            self._told_s.update(dict.fromkeys(job_ids, now))
            self._told_s = {job: at for job, at in self._told_s.items() if now - at < _FORGET_AFTER_S}

    def lost(self, job_ids: Iterable[str]) -> None:
        """The conductor could not be told."""
        with self._lock:
            for job_id in job_ids:
                self._told_s.pop(job_id, None)

    def __contains__(self, job_id: object) -> bool:
        with self._lock:
            at = self._told_s.get(str(job_id))
        return at is not None and clock.monotonic() - at < _FORGET_AFTER_S
