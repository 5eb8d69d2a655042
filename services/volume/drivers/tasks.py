"""Long work on volumes that a deletion can cancel.

At most one task runs for each key (a volume id); a second one waits, so a repeated request finds the
first one's result. A deletion ends what runs, then holds the key itself.
"""

import contextlib
import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence

from common import process
from services.volume.drivers.base import BackendError, Cancelled, NoSpace


class Task:
    """One piece of long work; `check` and `run` raise Cancelled once it is cancelled."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.done = threading.Event()
        self._lock = threading.Lock()
        self._cancelled = False
        self._process: subprocess.Popen[bytes] | None = None

    def cancel(self) -> None:
        """End the program this task runs, if any, and make the next `check` raise."""
        with self._lock:
            self._cancelled = True
            if self._process is not None and self._process.poll() is None:
                self._process.kill()

    def check(self) -> None:
        """Raise Cancelled when somebody deletes what this task works on."""
        if self._cancelled:
            raise Cancelled(f"work on {self.key} was cancelled by its deletion")

    def run(self, args: Sequence[str], timeout_s: float) -> None:
        """Run a program to its end; BackendError with what it printed when it fails or takes too long."""
        fd, log_path = tempfile.mkstemp(prefix="altostack-task-")
        os.close(fd)
        try:
            with self._lock:
                self.check()
                self._process = process.spawn(args, log_path=log_path)
            try:
                code = self._process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
                raise BackendError(f"{args[0]} took more than {timeout_s:.0f} s") from None
            self.check()
            if code != 0:
                with open(log_path, errors="replace") as log:
                    text = log.read()[-500:].strip()
                kind = NoSpace if "No space left" in text else BackendError
                raise kind(f"{args[0]} exited with {code}: {text}")
        except process.CommandError as e:
            raise BackendError(str(e)) from e
        finally:
            os.unlink(log_path)


class Tasks:
    """The running tasks of one driver."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, Task] = {}

    @contextlib.contextmanager
    def begin(self, key: str, *, cancel_others: bool = False) -> Iterator[Task]:
        """Hold `key` for the block; waits for the present holder, or cancels it first."""
        while True:
            with self._lock:
                other = self._running.get(key)
                if other is None:
                    task = self._running[key] = Task(key)
                    break
            if cancel_others:
                other.cancel()
            other.done.wait()
        try:
            yield task
        finally:
            with self._lock:
                del self._running[key]
            task.done.set()
