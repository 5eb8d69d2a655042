"""Waiting in tests: for the event itself, never for a time, and as long as a busy machine needs."""

import os
import time
from collections.abc import Callable
from typing import Any

PATIENCE = float(os.environ.get("ALTOSTACK_TEST_PATIENCE", "1"))
"""Factor on every time limit, which are for a machine that does nothing else; test.sh runs several tests at once."""


def wait_for(what: str, look: Callable[[], Any], seconds: float = 30, every: float = 0.1) -> Any:
    """Call `look` until it returns something true, and return that; AssertionError that names `what` after `seconds`."""
    seconds *= PATIENCE
    until = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > until:
            raise AssertionError(f"after {seconds:.0f} s: no {what}")
        time.sleep(every)
    return found
