"""Finding again a program that an earlier run of the agent started.

The pid file alone proves nothing, as pids are reused: the command line in /proc must be the one we would start.
"""

import os
import signal

from common import clock

END_WAIT_S = 3.0


def running(pid_file: str, argv: list[str] | None = None, marker: str = "") -> int | None:
    """The pid in `pid_file` if that process runs `argv` (or, without, has `marker` in its command line), else None."""
    pid = read_pid(pid_file)
    if pid is None:
        return None
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            found = f.read().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return None
    if argv is not None:
        return pid if found[1:] == argv[1:] and os.path.basename(found[0]) == os.path.basename(argv[0]) else None
    return pid if any(marker in part for part in found) else None


def read_pid(path: str) -> int | None:
    """The number in a pid file, None when there is none."""
    try:
        with open(path) as f:
            return int(f.read().strip())
    except (OSError, ValueError):
        return None


def end(pid: int) -> None:
    """Terminate a process and wait until it is gone; after three seconds, kill it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        until = clock.monotonic() + END_WAIT_S
        while clock.monotonic() < until:
            if not _alive(pid):
                return
            clock.sleep(0.01)


def _alive(pid: int) -> bool:
    """A zombie (nobody reaps where there is no init) has no command line any more."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return bool(f.read(1))
    except OSError:
        return False


def write_if_changed(path: str, text: str) -> bool:
    """Replace a file atomically unless it already has this text; whether it was written."""
    try:
        with open(path) as f:
            if f.read() == text:
                return False
    except OSError:
        pass
    with open(path + ".new", "w") as f:
        f.write(text)
    os.replace(path + ".new", path)
    return True
