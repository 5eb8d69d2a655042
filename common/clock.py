"""The one place that reads a clock or sleeps, so that tests can drive time.

Every other module calls these functions; `tests/tidy` forbids reading the
time directly. `frozen()` replaces the clock of the whole process in a test.
"""

import contextlib
import datetime
import threading
import time as _time
from collections.abc import Iterator

UTC = datetime.UTC


class Clock:
    """Wall clock, monotonic clock and sleeping, as one replaceable object."""

    def time(self) -> float:
        """Seconds since the epoch."""
        return _time.time()

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        return _time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Block this thread for `seconds`."""
        _time.sleep(seconds)

    def wait(self, event: threading.Event, seconds: float | None) -> bool:
        """Wait for `event` at most `seconds`; true when it is set."""
        return event.wait(seconds)


class FakeClock(Clock):
    """A clock that only moves when told to; sleeping moves it."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self.now_s = start

    def time(self) -> float:
        return self.now_s

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def wait(self, event: threading.Event, seconds: float | None) -> bool:
        if not event.is_set() and seconds:
            self.now_s += seconds
        return event.is_set()

    def advance(self, seconds: float) -> None:
        """Move the clock forward by `seconds`."""
        self.now_s += seconds


_clock: list[Clock] = [Clock()]


def time() -> float:
    """Seconds since the epoch."""
    return _clock[-1].time()


def monotonic() -> float:
    """Seconds from an arbitrary start, for measuring durations."""
    return _clock[-1].monotonic()


def sleep(seconds: float) -> None:
    """Block this thread for `seconds`."""
    _clock[-1].sleep(seconds)


def wait(event: threading.Event, seconds: float | None) -> bool:
    """Wait for `event` at most `seconds` (None: for ever); true when it is set."""
    return _clock[-1].wait(event, seconds)


def now() -> datetime.datetime:
    """The current UTC time, naive, as the databases store it (microseconds kept)."""
    return datetime.datetime.fromtimestamp(time(), UTC).replace(tzinfo=None)


def after(seconds: float) -> datetime.datetime:
    """The naive UTC time `seconds` from now (may be negative)."""
    return now() + datetime.timedelta(seconds=seconds)


def iso(when: datetime.datetime | None) -> str | None:
    """`2024-01-31T12:00:00Z`: how compute and most APIs print a time."""
    if when is None:
        return None
    return (when if when.tzinfo is None else when.replace(tzinfo=None)).isoformat(timespec="seconds") + "Z"


def iso_micro(when: datetime.datetime | None) -> str | None:
    """`2024-01-31T12:00:00.000000`: microseconds and no zone, as block storage prints it."""
    return None if when is None else when.replace(tzinfo=None).isoformat(timespec="microseconds")


def parse(text: str) -> datetime.datetime:
    """A naive UTC time from an ISO 8601 text; ValueError when it is none."""
    when = datetime.datetime.fromisoformat(text.strip())
    if when.tzinfo is not None:
        when = when.astimezone(UTC).replace(tzinfo=None)
    return when


@contextlib.contextmanager
def frozen(start: float = 1_700_000_000.0) -> Iterator[FakeClock]:
    """For tests: replace the process's clock with one that only moves when told to."""
    fake = FakeClock(start)
    _clock.append(fake)
    try:
        yield fake
    finally:
        _clock.remove(fake)
