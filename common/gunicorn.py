"""Serving one daemon's API as processes of gunicorn, with threads."""

import contextlib
import logging
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.config import Chdir
from gunicorn.http.errors import ParseException
from gunicorn.sock import create_sockets
from gunicorn.workers.gthread import ThreadWorker
from oslo_config import cfg

from common import clock, errors, memory
from common import worker as workers
from common.service import DaemonInfo

LOG = logging.getLogger(__name__)
# gunicorn touches a file once a second to show that it lives; on a disk that would be writes for ever
_MEMORY = "/dev/shm"  # noqa: S108
_IDLE_S = 600.0


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn for the Worker that `build` makes inside each of gunicorn's processes."""

    def __init__(self, info: DaemonInfo, conf: cfg.ConfigOpts, build: Callable[[], workers.Worker]) -> None:
        self.info, self.options, self.build = info, conf, build
        address = (str(conf.api.bind_host), int(conf.api.bind_port or info.port or 0))
        self.socket = workers.listen(info.name, address)
        self.running: workers.Worker | None = None
        # its default, checked on construction, is where the parent was started: maybe closed to our account (root's home)
        Chdir.default = "/"
        super().__init__()

    def load_config(self) -> None:
        os.set_inheritable(self.socket.fileno(), True)
        settings = {
            "bind": [f"fd://{self.socket.fileno()}"], "workers": self.options.api.workers, "worker_class": "gthread",
            "threads": self.options.api.threads, "keepalive": 75, "timeout": 120, "proc_name": self.info.name,
            "graceful_timeout": self.options.worker.drain_s, "worker_tmp_dir": _MEMORY, "backlog": 1024,
            "accesslog": None, "errorlog": "-", "loglevel": "warning", "logger_class": _Logger,
            "worker_exit": self._worker_exit, "limit_request_line": 8190, "limit_request_field_size": 16380,
            "control_socket_disable": True,
            # gunicorn's defaults were taken when it was imported, by a warm parent that was still root
            "user": os.geteuid(), "group": os.getegid(),
        }
        for name, value in settings.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def run(self) -> None:
        """Serve until SIGTERM.

        One worker needs no arbiter: starting it again when it dies is what our supervisor (or systemd) does, and a second
        process per API costs memory. With [api] workers above one gunicorn's arbiter keeps them.
        """
        if self.options.api.workers > 1:
            super().run()
            return
        log = self.cfg.logger_class(self.cfg)
        worker = _Alone(1, os.getppid(), create_sockets(self.cfg, log), self, self.cfg.timeout / 2.0, self.cfg, log)
        try:
            worker.init_process()
        finally:
            worker.tmp.close()
            self._worker_exit(None, worker)

    def load(self) -> Any:
        try:
            with _leaving():
                self.running = self.build()
                self.running.start(serve_http=False)
            memory.settled()
        except errors.ConfigError as e:
            raise SystemExit(workers.fail(str(e))) from e
        return _whole_bodies(self.running.app)

    def _worker_exit(self, _server: Any, _worker: Any) -> None:
        if self.running is not None:
            self.running.stop()
            self.running.runtime.close()


class _Alone(ThreadWorker):  # type: ignore[misc]
    """gunicorn's worker without its arbiter: nobody is to be told every second that it lives, or watched for an end.

    A parent's end is told by the kernel where it matters (common.supervisor); where it does not, the daemon stays.
    """

    def notify(self) -> None:
        """Nobody looks."""

    def is_parent_alive(self) -> bool:
        return True

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Sleep until something comes, or the first idle connection is to be closed; stopping, as long as gunicorn says."""
        if self.alive:
            first = [c.timeout for queue in (self.keepalived_conns, self.pending_conns) for c in list(queue)[:1]]
            timeout = max(timeout, min([clock.monotonic() + _IDLE_S, *first]) - clock.monotonic())
        super().wait_for_and_dispatch_events(timeout)


def _whole_bodies(app: Any) -> Any:
    """WSGI middleware: a body in broken chunks ends with an OSError, as one that breaks off does."""

    def run(environ: dict[str, Any], start_response: Any) -> Any:
        if "HTTP_TRANSFER_ENCODING" in environ:
            environ["wsgi.input"] = _Chunks(environ["wsgi.input"])
        return app(environ, start_response)

    return run


class _Chunks:
    """A chunked body whose syntax errors are OSErrors: to gunicorn they are no errors of reading."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def read(self, size: int | None = None) -> bytes:
        """At most `size` bytes, fewer only at the end."""
        try:
            data: bytes = self._body.read(size)
        except ParseException as e:
            raise OSError(str(e)) from e
        return data


@contextlib.contextmanager
def _leaving() -> Iterator[None]:
    """End at a signal: gunicorn's own handlers only take effect when all is loaded, and a start may wait long for MariaDB."""
    before = {number: signal.signal(number, workers.leave) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Logger:
    """gunicorn's own messages go into the daemon's log."""

    def __init__(self, _cfg: Any) -> None:
        self.error_log = self.access_log = logging.getLogger("gunicorn.error")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.error_log, name)

    def access(self, *_args: Any) -> None:
        """The app logs its requests itself."""

    def reopen_files(self) -> None:
        """Nothing is open here."""

    def close_on_exec(self) -> None:
        """Nothing is open here."""
