"""Messages between the threads of one process: kombu's in-memory transport, whose receivers sleep until something comes.

Kombu's own looks again and again (a hundredth of a core for each receiver at best, all that is left at worst); here a
sender wakes the receivers of its queue. The transport URL is `kombu+inprocess:////`.
"""

import queue
import threading
from collections import defaultdict
from typing import Any, ClassVar

from kombu.transport import TRANSPORT_ALIASES, memory

from common import clock

URL = "kombu+inprocess:////"


class Channel(memory.Channel):  # type: ignore[misc]
    """Kombu's channel; whoever consumes a queue is told of every message in it."""

    waiting: ClassVar[dict[str, set["Transport"]]] = defaultdict(set)
    lock: ClassVar[threading.Lock] = threading.Lock()

    def basic_consume(self, queue: str, *args: Any, **kwargs: Any) -> None:
        """As kombu's; and be woken from now on."""
        super().basic_consume(queue, *args, **kwargs)
        with self.lock:
            self.waiting[queue].add(self.connection)
        self.connection.news.set()

    def basic_cancel(self, consumer_tag: str) -> None:
        """As kombu's; and be woken no more."""
        name = str(self._tag_to_queue.get(consumer_tag))
        with self.lock:
            self.waiting.get(name, set()).discard(self.connection)
        super().basic_cancel(consumer_tag)

    def _put(self, queue: str, message: Any, **kwargs: Any) -> None:
        super()._put(queue, message, **kwargs)
        self._tell(queue)

    def _put_fanout(self, exchange: str, message: Any, routing_key: str | None = None, **kwargs: Any) -> None:
        super()._put_fanout(exchange, message, routing_key, **kwargs)
        for name in self._lookup(exchange, routing_key):
            self._tell(name)

    def _tell(self, queue: str) -> None:
        with self.lock:
            receivers = list(self.waiting.get(queue, ()))
        for receiver in receivers:
            receiver.news.set()


class Transport(memory.Transport):  # type: ignore[misc]
    """One connection. `news` is set when a message may have come for it."""

    Channel = Channel
    driver_name = "inprocess"

    def __init__(self, client: Any, **kwargs: Any) -> None:
        super().__init__(client, **kwargs)
        self.news = threading.Event()

    def drain_events(self, connection: Any, timeout: float | None = None, **_: Any) -> None:
        """Deliver one message; TimeoutError when none comes within `timeout` seconds (None: wait for ever)."""
        deadline = None if timeout is None else clock.monotonic() + timeout
        while True:
            self.news.clear()
            try:
                self.cycle.get(self._deliver, timeout=timeout)  # type: ignore[union-attr]
                return
            except queue.Empty:
                left = None if deadline is None else deadline - clock.monotonic()
                if left is not None and (left <= 0 or not clock.wait(self.news, left)):
                    raise TimeoutError from None
                if left is None:
                    self.news.wait()


def register() -> None:
    """Make the URL known to kombu."""
    TRANSPORT_ALIASES["inprocess"] = f"{__name__}:Transport"
