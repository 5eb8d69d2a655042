"""A whole embedded cloud in a process of its own that counts what it does: started by the benchmarks.

    python -m tests.bench.embedded_cloud DATA_DIR PORT_OFFSET GROUP.OPTION=VALUE…

It reads commands on standard input, a line each, and answers with one line of JSON: `stats` (counters since the start),
`left` `profile FILE` (start a profile of all threads, or write it), `stop`.

CPU is told by who used it: an API daemon's requests, an RPC method's handling, a thread's own work.
"""

import collections
import contextlib
import cProfile
import json
import logging
import os
import pstats
import resource
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

STARTED = time.monotonic()


class Counters:
    """What happened, by name: how often, and CPU seconds of it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.calls: collections.Counter[str] = collections.Counter()
        self.cpu: collections.Counter[str] = collections.Counter()
        self.profiled: str | None = None
        self.profiles: list[cProfile.Profile] = []

    def add(self, name: str, cpu_s: float = 0.0) -> None:
        """One more of `name`."""
        with self.lock:
            self.calls[name] += 1
            self.cpu[name] += cpu_s

    @contextlib.contextmanager
    def section(self, name: str) -> Iterator[None]:
        """Count the block, with the CPU of the thread that runs it."""
        watch = None
        if self.profiled and name.startswith(self.profiled):
            watch = cProfile.Profile(time.thread_time)
            watch.enable()
        before = time.thread_time()
        try:
            yield
        finally:
            self.add(name, time.thread_time() - before)
            if watch is not None:
                watch.disable()
                self.profiles.append(watch)

    def timed(self, name: str, function: Any) -> Any:
        """`function`, as a section."""

        def call(*args: Any, **kwargs: Any) -> Any:
            with self.section(name):
                return function(*args, **kwargs)

        return call


def http_name(daemon: str, environ: dict[str, Any]) -> str:
    """`daemon METHOD path` with ids left out."""
    parts = [p if len(p) < 30 and not p.isdigit() else "ID" for p in environ.get("PATH_INFO", "").split("/")]
    return f"http {daemon} {environ['REQUEST_METHOD']} {'/'.join(parts)}"


def observe(counters: Counters) -> None:
    """Count requests, messages, statements and saga steps; to be called before anything is built."""
    from common import saga_gang
    from common.db import session
    from common.rpc import interface
    from common.worker import Worker

    plain_http, plain_wrap, plain_send = Worker.http, interface._Endpoint._wrap, interface.Client._send
    plain_init, plain_go = session.Database.__init__, saga_gang.Gang.go

    def http(self: Any, app: Any) -> None:
        def counted_app(environ: dict[str, Any], start_response: Any) -> Any:
            with counters.section(http_name(self.name, environ)):
                return app(environ, start_response)

        plain_http(self, counted_app)

    def wrap(name: str, method: Any, function: Any) -> Any:
        owner = type(function.__self__).__module__.split(".")[1]
        return counters.timed(f"rpc {owner} {name}", plain_wrap(name, method, function))

    def send(self: Any, name: str, method: Any, *args: Any, **kwargs: Any) -> Any:
        counters.add(f"message {method.kind} {self.interface.topic}.{name}")
        return plain_send(self, name, method, *args, **kwargs)

    def init(self: Any, url: str, **kwargs: Any) -> None:
        from sqlalchemy import event

        plain_init(self, url, **kwargs)
        service = os.path.basename(self.url.database or "").removesuffix(".db")

        def note(_c: Any, _cur: Any, statement: str, *_rest: Any) -> None:
            counters.add(f"sql {service}")
            if os.environ.get("BENCH_SQL"):
                counters.add(f"statement {service} {' '.join(statement.split())[:int(os.environ['BENCH_SQL'])]}")

        event.listen(self.engine, "before_cursor_execute", note)
        event.listen(self.engine, "commit", lambda _c: counters.add(f"commit {service}"))

    def go(self: Any) -> None:
        with counters.section(f"saga {self.saga.kind}"):
            plain_go(self)

    Worker.http, interface.Client._send, session.Database.__init__ = http, send, init  # type: ignore[method-assign,assignment]
    interface._Endpoint._wrap = staticmethod(wrap)  # type: ignore[method-assign]
    saga_gang.Gang.go = go  # type: ignore[method-assign]


def threads() -> dict[str, float]:
    """Python thread's name (numbers left out) -> CPU seconds of its live threads."""
    ticks = os.sysconf("SC_CLK_TCK")
    found: collections.Counter[str] = collections.Counter()
    for thread in threading.enumerate():
        try:
            with open(f"/proc/self/task/{thread.native_id}/stat") as f:
                fields = f.read().rpartition(")")[2].split()
        except OSError:
            continue
        name = thread.name.rstrip("0123456789-_")
        found[name] += (int(fields[11]) + int(fields[12])) / ticks
    return dict(found)


def memory_mib() -> float:
    """Proportional set size of this process, MiB."""
    with open("/proc/self/smaps_rollup") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("Pss:")) / 1024


def stats(cloud: Any, counters: Counters) -> dict[str, Any]:
    """Everything counted so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    with counters.lock:
        calls, cpu = dict(counters.calls), dict(counters.cpu)
    return {"cpu_s": usage.ru_utime + usage.ru_stime, "calls": calls, "cpu": cpu, "threads": threads(), "pss_mib": memory_mib(),
            "ready_s": cloud.ready_s}


def profile(counters: Counters, word: str) -> dict[str, Any]:
    """Start profiling the work whose name begins with `word` (CPU of its threads), or write `word` as a pstats file."""
    if counters.profiled is None:
        counters.profiled, counters.profiles = word, []
        return {"profiling": word}
    profiles, counters.profiled = counters.profiles, None
    if profiles:
        made = pstats.Stats(profiles[0])
        for item in profiles[1:]:
            made.add(item)
        made.dump_stats(word)
    return {"written": word, "sections": len(profiles)}


def main() -> int:
    """Serve until told to stop; the exit status."""
    counters = Counters()
    observe(counters)
    from common import config, embedded, errors, logs, memory

    overrides: dict[str, Any] = {}
    for item in sys.argv[3:]:
        name, _, value = item.partition("=")
        overrides[name] = int(value) if value.isdigit() else value
    cloud: Any = embedded.Cloud(sys.argv[1], port_offset=int(sys.argv[2]), overrides=overrides)
    os.makedirs(cloud.data_dir, exist_ok=True)
    first = next(iter(cloud.services.values()))
    logs.setup(config.load(first, first.daemons[0].name, files=[], overrides={
        "log_dir": os.path.join(cloud.data_dir, "log"), "host": "embedded"}), "altostack")
    logging.captureWarnings(True)
    memory.one_heap()  # as `altostack up` does
    try:
        cloud.start()
        memory.settled()
    except errors.ConfigError as e:
        print(e, file=sys.stderr, flush=True)
        os._exit(1)  # threads of half a cloud would go on
    cloud.ready_s = time.monotonic() - STARTED
    ready = {"ready_s": cloud.ready_s, "pid": os.getpid(), "auth_url": cloud.auth_url, "password": cloud.secrets["admin"],
             "urls": {d.name: cloud.url(d) for s in cloud.services.values() for d in s.daemons if d.port}}
    print(json.dumps(ready), flush=True)
    for line in sys.stdin:
        word, _, rest = line.strip().partition(" ")
        if word == "stats":
            answer = stats(cloud, counters)
        elif word == "profile":
            answer = profile(counters, rest)
        else:
            break
        print(json.dumps(answer), flush=True)
    cloud.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
