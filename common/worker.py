"""A daemon: its HTTP API, its messages, its periodic work and its threads, started and stopped as one.

`services/<s>/cmd/<daemon>.py` builds a Worker and wires it; nothing else in the
project knows about signals, threads or servers. The same Worker runs as a
process of its own (`run`) and as threads of the embedded profile (`start`, `stop`).
"""

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable
from typing import Any

from oslo_config import cfg
from oslo_context import context as oslo_context

from common import clock, context, errors, ids, logs, memory
from common.db.session import Database
from common.rpc import interface as rpc
from common.rpc import knock
from common.rpc import transport as rpc_transport
from common.service import DaemonInfo

LOG = logging.getLogger(__name__)
_LEAVE_S, _LEAVE_AWAY_S = 3.0, 0.3
_SAME_AGAIN_S = 60.0


class Runtime:
    """What daemons of one process share: database engines and message transports, by URL."""

    def __init__(self, *, embedded: bool = False) -> None:
        self.embedded = embedded
        self._databases: dict[str, Database] = {}
        self._transports: dict[str, Any] = {}
        self._lock = threading.Lock()

    def database(self, conf: cfg.ConfigOpts) -> Database:
        """The service's schema, answering; waits for it as long as [database] connect_wait_s says."""
        with self._lock:
            url = conf.database.connection or ""
            if url not in self._databases:
                database = Database.from_conf(conf)
                database.wait(conf.database.connect_wait_s)
                self._databases[url] = database
            return self._databases[url]

    def transport(self, conf: cfg.ConfigOpts, url: str | None = None) -> Any:
        """The message transport of `url` (default: the configuration's transport_url).

        One that does not answer is said once, and no error: it is asked again for as long as it takes. One that refuses
        is errors.ConfigError.
        """
        rpc_transport.prepare()
        with self._lock:
            key = url or conf.transport_url
            if key not in self._transports:
                self._transports[key] = rpc_transport.connect(conf, url)
                if silent := knock.knock(conf, url):
                    logs.tell(logging.WARNING, silent)
            return self._transports[key]

    def leave(self) -> float:
        """The daemon stops: wait no more for a RabbitMQ that is away. How long taking leave of it may take, seconds."""
        there = [rpc_transport.leave(transport) for transport in self._transports.values()]
        return _LEAVE_S if all(there) else _LEAVE_AWAY_S

    def hang_up(self) -> None:
        """End calls that still wait for an answer."""
        if self._transports:
            from common.rpc import link

        for transport in self._transports.values():
            link.hang_up(transport)

    def close(self) -> None:
        """Give back every connection."""
        for transport in self._transports.values():
            within(self.leave(), transport.cleanup)
        for database in self._databases.values():
            database.dispose()


class Worker:
    """One daemon. Wire it with `http`, `rpc_server`, `every`, `loop`, `on_start` and `on_stop`; then run it."""

    def __init__(self, info: DaemonInfo, conf: cfg.ConfigOpts, runtime: Runtime) -> None:
        self.info, self.conf, self.runtime = info, conf, runtime
        self.name = info.name
        self.app: Any = None
        self.stopping = threading.Event()
        self._starts: list[Callable[[], None]] = []
        self._stops: list[Callable[[], None]] = []
        self._threads: list[threading.Thread] = []
        self._http_server: Any = None

    # wiring

    def http(self, app: Any) -> None:
        """Serve the WSGI `app` at [api] bind_host:bind_port (or the daemon's standard port)."""
        self.app = app

    def rpc_server(self, interface: type[rpc.Interface], implementation: Any, *, url: str | None = None,
                   server: str | None = None) -> None:
        """Receive the messages of `interface` for this host (or the name `server`)."""
        made: list[Any] = []

        def start() -> None:
            import oslo_messaging

            transport = self.runtime.transport(self.conf, url)
            made.append(rpc.server(interface, implementation, transport, server or self.conf.host, self.conf.worker.threads))
            try:
                made[0].start()
            except oslo_messaging.MessageDeliveryFailure as e:
                raise errors.ConfigError(f"{self.name}: {e}; see transport_url in altostack.conf") from e

        def stop() -> None:
            for item in made:
                if within(self.runtime.leave(), item.stop):
                    item.wait()

        self._starts.append(start)
        self._stops.append(stop)

    def every(self, name: str, seconds: float, work: Callable[[], Any], *, at_once: bool = True) -> None:
        """Call `work` every `seconds` (10 % early at most, at random) in a thread of its own.

        A pass that fails is logged, and the next one comes all the same. With `at_once` the first
        pass is at the start.
        """

        complaint = Complaint(name)

        def passes() -> None:
            pause = 0.0 if at_once else seconds
            while not clock.wait(self.stopping, pause):
                pause = seconds * ids.uniform(0.9, 1.0)
                guarded(name, work, complaint)

        self.loop(name, passes)

    def loop(self, name: str, work: Callable[[], Any]) -> None:
        """Run `work` in a thread of its own; it returns when `self.stopping` is set."""
        self._starts.append(lambda: self._spawn(name, work))

    def on_start(self, work: Callable[[], None]) -> None:
        """Call `work` at the start, in the order of wiring."""
        self._starts.append(work)

    def on_stop(self, work: Callable[[], None]) -> None:
        """Call `work` at the end; the last wired is called first."""
        self._stops.append(work)

    def _spawn(self, name: str, work: Callable[[], Any]) -> None:
        thread = threading.Thread(target=work, name=f"{self.name}/{name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    # running

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the API."""
        return str(self.conf.api.bind_host), int(self.conf.api.bind_port or self.info.port or 0)

    def start(self, *, serve_http: bool = True) -> None:
        """Start everything as threads of this process and return."""
        for work in self._starts:
            work()
        if self.app is not None and serve_http:
            self._start_http()

    def stop(self) -> None:
        """Stop accepting work, finish what is in hand (at most [worker] drain_s), and return.

        What is in hand but waits for something that does not answer is left: it is taken up again elsewhere, or later.
        """
        self.stopping.set()
        self.runtime.leave()
        impatient = threading.Timer(_LEAVE_S, self.runtime.hang_up)
        impatient.daemon = True
        impatient.start()
        if self._http_server is not None:
            self._http_server.stop()
        for work in reversed(self._stops):
            guarded("stop", work)
        deadline = clock.monotonic() + self.conf.worker.drain_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - clock.monotonic()))
        impatient.cancel()

    def run(self) -> int:
        """Be the process: start, serve until SIGTERM or SIGINT, stop; the exit status."""
        if self.app is not None:
            raise RuntimeError(f"{self.name} has an API; serve it with common.gunicorn")
        done = threading.Event()
        self.start()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: done.set())
        LOG.info("%s is up", self.name)
        memory.settled()
        done.wait()
        LOG.info("%s stops", self.name)
        self._end_within(self.conf.worker.drain_s + 5)
        self.stop()
        self.runtime.close()
        return 0

    def _end_within(self, seconds: float) -> None:
        """End the process then, whatever is still in hand."""

        def end() -> None:
            LOG.warning("%s did not stop within %.0f s; what was in hand is taken up again", self.name, seconds)
            logging.shutdown()
            os._exit(0)

        timer = threading.Timer(seconds, end)
        timer.daemon = True
        timer.start()

    def _start_http(self) -> None:
        from cheroot import wsgi

        # cheroot's own message does not say why; nobody but the embedded profile serves this way
        listen(self.name, self.address, "choose others with --port-offset").close()
        server = wsgi.Server(self.address, self.app, numthreads=self.conf.api.threads, request_queue_size=128,
                             timeout=75, shutdown_timeout=5)
        setattr(server, "error_log", lambda msg="", level=20, traceback=False: LOG.log(level, "%s", msg, exc_info=traceback))
        server.prepare()
        self._http_server = server
        self._spawn("http", server.serve)


def leave(*_: Any) -> None:
    """A signal's handler that ends a process that is only starting."""
    raise SystemExit(0)


def within(seconds: float, work: Callable[[], Any]) -> bool:
    """Call `work` in a thread of its own and wait that long for its end; whether it came."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    return not thread.is_alive()


def listen(daemon: str, address: tuple[str, int], remedy: str = "") -> socket.socket:
    """A bound, listening socket; errors.ConfigError when the port is taken, with the `remedy` for who must not stop the other."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(address)
        made.listen(1024)
    except OSError as e:
        made.close()
        raise errors.ConfigError(
            f"{daemon}: cannot listen on {address[0]}:{address[1]} ({e.strerror or e}); stop what uses the port, or "
            + (remedy or f"set [api] bind_port in {daemon}.conf")) from e
    return made


class Complaint:
    """What a loop says of something that does not answer: when it is news, and then once a minute."""

    def __init__(self, name: str) -> None:
        self.name, self._said, self._next_s = name, "", 0.0

    def say(self, text: str) -> None:
        """Log `text`, unless it was said just now."""
        now = clock.monotonic()
        news = text != self._said or now >= self._next_s
        if news:
            self._said, self._next_s = text, now + _SAME_AGAIN_S
        LOG.log(logging.WARNING if news else logging.DEBUG, "%s: %s", self.name, text)


def guarded(name: str, work: Callable[[], Any], complaint: Complaint | None = None) -> None:
    """Call `work` under a request id of its own; a failure is logged and goes no further."""
    context.internal().update_store()
    try:
        work()
    except (errors.Transient, errors.Refused) as e:
        (complaint or Complaint(name)).say(str(e))
    except Exception:  # process edge: a pass of a loop
        LOG.exception("%s failed", name)
    finally:
        oslo_context._request_store.context = None


def write_pid(conf: cfg.ConfigOpts, daemon: str) -> None:
    """Write `run_path`/<daemon>.pid where the folder exists and may be written."""
    if os.access(conf.run_path, os.W_OK):
        path = os.path.join(conf.run_path, f"{daemon}.pid")
        try:
            with open(path, "w") as f:
                f.write(f"{os.getpid()}\n")
        except OSError as e:
            raise errors.ConfigError(f"{daemon}: cannot write {path} ({e.strerror}); see run_path") from e


def fail(message: str) -> int:
    """Tell an error; the exit status 1."""
    logs.tell(logging.ERROR, message)
    return 1
