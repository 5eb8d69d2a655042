"""What `altostack db`, `altostack status` and `altostack trace` tell, from real schemas and log files."""

import datetime
import json

import pytest
import sqlalchemy as sa

from common import clock, errors, operator
from common.db import services as service_rows
from common.db.session import Database
from services.scheduler.db import models

DAEMONS = ("placement-api", "scheduler")


@pytest.fixture
def etc(tmp_path):
    """A configuration folder that knows the scheduler's schema only."""
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "scheduler.conf").write_text(f"[database]\nconnection = sqlite:///{tmp_path}/scheduler.db\n")
    return str(folder)


@pytest.fixture
def database(etc, tmp_path):
    assert operator.upgrade(etc)[0].split()[0] == "scheduler"
    made = Database(f"sqlite:///{tmp_path}/scheduler.db")
    yield made
    made.dispose()


def test_schemas_are_upgraded_and_said_to_be_up_to_date(etc, database):
    assert [line.split()[0] for line in operator.schema_status(etc)] == ["scheduler"]
    assert operator.schema_status(etc)[0].endswith("up to date")
    assert operator.upgrade(etc, ["scheduler"]) == operator.upgrade(etc)  # again, and nothing happens


def test_a_schema_that_was_never_made_is_told_from_one_that_is_old(etc):
    assert operator.schema_status(etc)[0].split()[1] == "-" and "newest is" in operator.schema_status(etc)[0]


def test_without_any_schema_there_is_one_clear_error(tmp_path):
    with pytest.raises(errors.ConfigError, match="is --config-dir right"):
        operator.upgrade(str(tmp_path))


def test_a_daemon_that_was_not_heard_of_for_long_is_down(etc, database):
    for daemon in DAEMONS:
        database.transaction(service_rows.beat, models.Service, daemon=daemon, binary=daemon, host="one", version="1.0")
    lines, all_up = operator.daemon_status(etc)
    assert all_up and [line.split()[1:4] for line in lines[1:]] == [[d, "one", "up"] for d in DAEMONS]
    with database.write() as session:
        session.execute(sa.update(models.Service).where(models.Service.daemon == "scheduler")
                        .values(last_seen_at=clock.now() - datetime.timedelta(seconds=3600)))
    lines, all_up = operator.daemon_status(etc)
    assert not all_up
    assert [line.split()[1:4] for line in lines[1:]] == [["placement-api", "one", "up"], ["scheduler", "one", "DOWN"]]


def test_a_trace_is_what_all_daemons_said_of_a_request_in_order(tmp_path):
    def line(time, daemon, message, **more):
        return json.dumps({"time": time, "level": "INFO", "daemon": daemon, "message": message, **more}) + "\n"

    (tmp_path / "compute-api.log").write_text(
        line(100.5, "compute-api", "POST /servers 202", request_id="req-1", ms=7.5)
        + line(100.6, "compute-api", "GET /servers 200", request_id="req-2") + "not JSON, though it names req-1\n")
    (tmp_path / "scheduler.log").write_text(
        line(100.25, "scheduler", "s goes to h", request_id="req-9", global_request_id="req-1")
        + line(100.3, "scheduler", "speaks of req-1 only", request_id="req-3"))
    (tmp_path / "compute-api.out").write_text("req-1\n")
    assert [t.split(maxsplit=3) for t in operator.trace("req-1", str(tmp_path))] == [
        ["0.0", "ms", "scheduler", "INFO    s goes to h"], ["250.0", "ms", "compute-api", "INFO    POST /servers 202 (7.5 ms)"]]
    assert operator.trace("req-4", str(tmp_path)) == []
