"""What all connections of one transport know together: whether RabbitMQ is away or blocked, and whether the daemon leaves.

Each connection finds out by itself that RabbitMQ went away, several times a minute; people are told once, and once again
when it is back.
"""

import logging
import threading
from typing import Any

import oslo_messaging

from common import clock, logs


class Link:
    """The state of one transport's RabbitMQ. `leaving` is set when the daemon stops: nobody waits for RabbitMQ any more."""

    def __init__(self) -> None:
        self.leaving = threading.Event()
        self._away_since_s: float | None = None
        self._blocked = False
        self._lock = threading.Lock()

    @property
    def away(self) -> bool:
        """Whether RabbitMQ was away when a connection last tried."""
        return self._away_since_s is not None

    @property
    def full(self) -> bool:
        """Whether RabbitMQ said that it takes no messages."""
        return self._blocked

    def lost(self, where: str, why: object) -> None:
        """A connection to `where` (HOST:PORT) failed, and will be tried again."""
        with self._lock:
            if self._away_since_s is not None or self._blocked:
                return
            self._away_since_s = clock.monotonic()
        logs.tell(logging.WARNING, f"RabbitMQ at {where} is away ({reason(why)}); trying again until it answers")

    def found(self, where: str) -> None:
        """A connection that had failed stands again."""
        with self._lock:
            if self._away_since_s is None:
                return
            gone_s, self._away_since_s = clock.monotonic() - self._away_since_s, None
        logs.tell(logging.INFO, f"RabbitMQ at {where} answers again, after {gone_s:.0f} s")

    def blocked(self, where: str, now: bool) -> None:
        """RabbitMQ takes no messages (`now`), or takes them again."""
        with self._lock:
            if self._blocked == now:
                return
            self._blocked = now
        if now:
            logs.tell(logging.ERROR, f"RabbitMQ at {where} takes no messages, because it is low on disk or memory; make room on "
                      "the disk of its data folder (its log says which it is): what waits goes on by itself then")
        else:
            logs.tell(logging.INFO, f"RabbitMQ at {where} takes messages again")


class _HungUp(dict[str, Any]):
    """An answer that never came, as oslo.messaging's waiting caller takes it."""

    def pop(self, *_: Any) -> Any:
        raise oslo_messaging.MessagingTimeout("this daemon stops and waits no longer")


def hang_up(transport: Any) -> None:
    """End the calls that wait for an answer, as if their time were over: the daemon stops."""
    waiter = getattr(transport._driver, "_waiter", None)
    if waiter is not None:
        for answers in list(waiter.waiters._queues.values()):
            answers.put(_HungUp())


def reason(error: object) -> str:
    """An error of a connection in few words."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = str(error)
    return "the connection broke" if not text or text.startswith("<") else text
