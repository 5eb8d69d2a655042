"""What one request of an embedded cloud costs: CPU of the thread that answers it, and SQL statements."""

from collections.abc import Callable
from typing import Any


def cost(place: Any, ask: Callable[[], Any], service: str, rounds: int, daemon: str | None = None) -> tuple[float, float]:
    """(CPU ms in the service, SQL statements of the service) per call of `ask`, after a first one that warms up."""
    prefix = f"http {daemon or service + '-api'} "
    ask()
    before = place.usage()
    for _ in range(rounds):
        ask()
    after = place.usage()
    seconds = sum(total - before["detail"]["cpu"].get(name, 0.0) for name, total in after["detail"]["cpu"].items()
                  if name.startswith(prefix))
    return seconds * 1000 / rounds, (after["queries"].get(service, 0) - before["queries"].get(service, 0)) / rounds
