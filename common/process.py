"""Running other programs: the only way a service starts a subprocess.

Arguments are always a list (never a shell line), every call has a time-out,
and a failure carries what the program printed.
"""

import logging
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import IO

LOG = logging.getLogger(__name__)


class CommandError(Exception):
    """A program failed, timed out or is not installed.

    `code` is the exit status (None: not started or timed out), `stdout` and `stderr` what it printed.
    """

    def __init__(self, args: Sequence[str], code: int | None, stdout: str = "", stderr: str = "") -> None:
        self.command, self.code, self.stdout, self.stderr = list(args), code, stdout, stderr
        why = "could not be run" if code is None else f"exited with {code}"
        detail = (stderr or stdout).strip()[-500:]
        super().__init__(f"{args[0]} {why}: {detail}" if detail else f"{args[0]} {why}")


def run(
    args: Sequence[str],
    *,
    stdin: str | bytes | None = None,
    check: bool = True,
    timeout_s: float = 60.0,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    secret: bool = False,
) -> str:
    """Run a program to its end and return its standard output as text.

    `stdin` is fed to it. With `check`, a non-zero exit raises CommandError; without, the output is
    returned whatever the status. `secret` keeps the arguments out of the log.
    """
    return execute(args, stdin=stdin, check=check, timeout_s=timeout_s, env=env, cwd=cwd, secret=secret)[1]


def execute(
    args: Sequence[str],
    *,
    stdin: str | bytes | None = None,
    check: bool = False,
    timeout_s: float = 60.0,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    secret: bool = False,
) -> tuple[int, str, str]:
    """Run a program to its end: (exit status, standard output, standard error), see `run`."""
    LOG.debug("run %s", args[0] if secret else " ".join(args))
    data = stdin.encode() if isinstance(stdin, str) else stdin
    try:
        done = subprocess.run(
            list(args), input=data, stdin=None if data is not None else subprocess.DEVNULL, capture_output=True,
            timeout=timeout_s, env=env, cwd=cwd, check=False,
        )
    except subprocess.TimeoutExpired as e:
        raise CommandError(args, None, _text(e.stdout), f"no end within {timeout_s:.0f} s") from e
    except OSError as e:
        raise CommandError(args, None, "", e.strerror or str(e)) from e
    out, err = _text(done.stdout), _text(done.stderr)
    if check and done.returncode != 0:
        raise CommandError(args, done.returncode, out, err)
    return done.returncode, out, err


def spawn(
    args: Sequence[str],
    *,
    log_path: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    pass_fds: Sequence[int] = (),
    preexec: Callable[[], None] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a long-running program in its own session; output goes to `log_path` or nowhere.

    The caller owns the process: it waits for it or ends it by its pid.
    """
    LOG.debug("spawn %s", " ".join(args))
    out: IO[bytes] | int = open(log_path, "ab") if log_path else subprocess.DEVNULL
    try:
        return subprocess.Popen(
            list(args), stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
            env=env, cwd=cwd, pass_fds=tuple(pass_fds), preexec_fn=preexec,
        )
    except OSError as e:
        raise CommandError(args, None, "", e.strerror or str(e)) from e
    finally:
        if not isinstance(out, int):
            out.close()


def pipe(args: Sequence[str], **kwargs: object) -> subprocess.Popen[bytes]:
    """Start a program whose standard input and output are pipes, for streaming through it."""
    try:
        return subprocess.Popen(
            list(args), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs  # type: ignore[call-overload]
        )
    except OSError as e:
        raise CommandError(args, None, "", e.strerror or str(e)) from e


def _text(data: bytes | str | None) -> str:
    return data.decode(errors="replace") if isinstance(data, bytes) else (data or "")
