"""A worker's threads, server and end."""

import http.client
import socket
import threading
from types import SimpleNamespace

import pytest

from common import clock, errors, ids
from common.testing.api import make_conf
from common.worker import Runtime, Worker, listen
from tests.unit.common.support import SERVICE
from tests.waiting import wait_for


@pytest.fixture
def make(tmp_path):
    made = []

    def worker(name="demo-worker", **options):
        made.append(
            Worker(SERVICE.daemon(name), make_conf(SERVICE, name, tmp_path, worker__drain_s=2, **options), Runtime(embedded=True))
        )
        return made[-1]

    yield worker
    for item in made:
        item.stop()


def test_periodic_work_goes_on_after_failures(make, caplog):
    worker, seen = make(), []

    def work():
        seen.append(1)
        raise [KeyError("bug"), errors.Transient("away")][len(seen) % 2]

    worker.every("test", 0.01, work)
    worker.start()
    wait_for("fourth pass", lambda: len(seen) >= 4)
    worker.stop()
    count = len(seen)
    clock.sleep(0.05)
    assert len(seen) == count and "test failed" in caplog.text and "test: away" in caplog.text


def test_periodic_work_may_begin_later(make):
    worker, now, later = make(), [], []
    worker.every("now", 60, lambda: now.append(1))
    worker.every("later", 60, lambda: later.append(1), at_once=False)
    worker.start()
    wait_for("pass", lambda: now)
    assert later == []


def test_starts_in_order_and_stops_in_reverse(make):
    worker, log = make(), []
    for name in "ab":
        worker.on_start(lambda n=name: log.append(f"start {n}"))
        worker.on_stop(lambda n=name: log.append(f"stop {n}"))
    worker.start()
    worker.stop()
    assert log == ["start a", "start b", "stop b", "stop a"]


def test_a_failing_stop_does_not_keep_the_others(make, caplog):
    worker, log = make(), []
    worker.on_stop(lambda: log.append("last"))

    def bad():
        raise KeyError("x")

    worker.on_stop(bad)
    worker.start()
    worker.stop()
    assert log == ["last"] and "stop failed" in caplog.text


def test_a_loop_is_drained_but_not_for_ever(make):
    worker, ended = make(), []

    def loop():
        worker.stopping.wait()
        clock.sleep(0.2)
        ended.append(1)

    stuck = threading.Event()
    worker.loop("polite", loop)
    worker.loop("stuck", stuck.wait)
    worker.start()
    started = clock.monotonic()
    worker.stop()
    assert ended == [1] and 1.5 < clock.monotonic() - started < 6
    stuck.set()


def test_an_api_is_served_and_ends(make):
    def app(environ, start_response):
        start_response("200 OK", [("Content-Length", "2")])
        return [b"ok"]

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    worker = make("demo-api", api__bind_port=port)
    worker.http(app)
    worker.start()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/")
    assert connection.getresponse().read() == b"ok"
    worker.stop()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=1)
    with pytest.raises(RuntimeError, match="serve it with common.gunicorn"):
        worker.run()


def test_a_taken_port_is_one_clear_line(make):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        expected = rf"demo-api: cannot listen on 127.0.0.1:{port} \(Address already in use\); stop what uses the port, or "
        worker = make("demo-api", api__bind_port=port)
        worker.http(lambda environ, start_response: [])
        with pytest.raises(errors.ConfigError, match=expected + "choose others with --port-offset"):
            worker.start()
        with pytest.raises(errors.ConfigError, match=expected + r"set \[api\] bind_port in demo-api.conf"):
            listen("demo-api", ("127.0.0.1", port))


def test_the_address_is_the_options_or_the_daemons_own(make):
    assert make("demo-api").address == ("127.0.0.1", 5999)
    assert make("demo-api", api__bind_host="::1", api__bind_port=7).address == ("::1", 7)


def test_a_runtime_shares_what_has_the_same_address(tmp_path):
    runtime, conf = Runtime(), make_conf(SERVICE, "demo-worker", tmp_path)
    assert runtime.database(conf) is runtime.database(conf)
    assert runtime.transport(conf) is runtime.transport(conf)
    runtime.close()


@pytest.fixture
def beats(tmp_path):
    """(schema, its services table, the rows in it)"""
    import sqlalchemy as sa

    from common.db import models
    from common.db.session import Database

    base = models.make_base()
    model = type("Service", (models.ServiceColumns, base), {"__tablename__": "services"})
    database = Database(f"sqlite:///{tmp_path}/beats.db")
    base.metadata.create_all(database.engine)

    def rows():
        with database.read() as session:
            return list(session.scalars(sa.select(model).order_by(model.host)))

    yield database, model, rows
    database.dispose()


def test_heartbeats_keep_one_row_per_daemon(make, beats):
    from common import heartbeat
    from common.db import services

    database, model, rows = beats
    worker = make(worker__heartbeat_s=1)
    heartbeat.into(worker, database, model)
    worker.start()
    wait_for("heartbeat", rows)
    first = rows()[0].last_seen_at
    wait_for("next heartbeat", lambda: rows()[0].last_seen_at > first)
    row = rows()[0]
    assert len(rows()) == 1 and (row.daemon, row.binary, row.host) == ("demo-worker", "demo-worker", "test-host")
    assert services.is_up(row, 60) and not services.is_up(SimpleNamespace(forced_down=True, last_seen_at=clock.now()), 60)
    assert not services.is_up(SimpleNamespace(forced_down=False, last_seen_at=clock.after(-61)), 60)
    worker.stop()


def test_a_copy_that_is_gone_for_long_is_forgotten_by_those_of_its_kind(make, beats):
    from common import heartbeat

    database, model, rows = beats
    gone = {("demo-worker", "gone"): 301, ("demo-worker", "resting"): 200, ("other", "gone"): 9999}
    with database.write() as session:
        for (daemon, host), age_s in gone.items():
            session.add(model(uuid=ids.uuid(), daemon=daemon, binary=daemon, host=host, version="1", info={},
                              last_seen_at=clock.after(-age_s)))
    worker = make(worker__forget_after_s=300)
    heartbeat.into(worker, database, model)
    worker.start()
    wait_for("heartbeat", lambda: [r for r in rows() if r.host == "test-host"])
    assert [(r.daemon, r.host) for r in rows()] == [("other", "gone"), ("demo-worker", "resting"), ("demo-worker", "test-host")]
    worker.stop()
