"""Which server this thread is working on: the driver's image fetcher is asked by image, the conductor lends tokens by server."""

import contextlib
import threading
from collections.abc import Iterator

_LOCAL = threading.local()


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
