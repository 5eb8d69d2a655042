"""Long tasks, export records and the reading of tgtadm's output."""

import os
import shutil
import stat
import threading

import pytest

from services.volume.drivers.base import BackendError, Cancelled
from services.volume.drivers.iscsi.exports import Connection, Records
from services.volume.drivers.iscsi.tgt import parse_targets
from services.volume.drivers.tasks import Tasks

SHOWN = """\
Target 1: iqn.x:volume-a
    System information:
        Driver: iscsi
        State: ready
    I_T nexus information:
        I_T nexus: 3
            Initiator: iqn.test:a alias: none
            Connection: 2
                IP Address: 127.0.0.1
    LUN information:
        LUN: 0
            Type: controller
            Size: 0 MB, Block size: 1
            Readonly: No
            Backing store path: None
        LUN: 1
            Type: disk
            Size: 1074 MB, Block size: 512
            Readonly: Yes
            Backing store path: /x/volume-a
    Account information:
        u2
        u1
    ACL information:
        iqn.test:a
Target 12: iqn.x:volume-b
    System information:
        Driver: iscsi
    I_T nexus information:
    LUN information:
    Account information:
    ACL information:
"""


def test_targets_are_read():
    found = parse_targets(SHOWN)
    one, two = found["iqn.x:volume-a"], found["iqn.x:volume-b"]
    assert (one.tid, one.accounts, one.acl, one.sessions) == (1, ["u2", "u1"], {"iqn.test:a"}, [(3, 2, "iqn.test:a")])
    assert (one.luns[1].path, one.luns[1].size_mb, one.luns[1].read_only) == ("/x/volume-a", 1074, True)
    assert (two.tid, two.luns, two.accounts) == (12, {}, [])
    assert parse_targets("") == {}


def test_a_deletion_ends_the_running_program_and_holds_the_key():
    tasks, outcome, started = Tasks(), [], threading.Event()

    def work():
        with tasks.begin("v1") as task:
            started.set()
            try:
                task.run(["sleep", "60"], 60)
            except Cancelled as e:
                outcome.append(e)

    thread = threading.Thread(target=work)
    thread.start()
    assert started.wait(5)
    with tasks.begin("v2"):
        pass
    with tasks.begin("v1", cancel_others=True):
        assert len(outcome) == 1
    thread.join(5)


def test_programs_that_fail_or_hang():
    with Tasks().begin("v1") as task:
        with pytest.raises(BackendError, match="more than 0 s"):
            task.run(["sleep", "60"], 0.05)
        with pytest.raises(BackendError, match="exited with 1: cp: "):
            task.run(["cp", "/does/not/exist", "/tmp/x"], 5)
        with pytest.raises(BackendError, match="could not be run"):
            task.run(["no-such-program"], 5)
        assert shutil.which("true") is None or task.run(["true"], 5) is None


def test_records_are_private_and_say_when_they_are_damaged(tmp_path):
    records = Records(str(tmp_path / "exports"))
    records.prepare()
    record = records.get("v1")
    assert record.connections == {}
    record.connections["a1"] = Connection("user", "secret", "iqn.test:a", None, "host", False, 5.0)
    records.put(record)
    path = tmp_path / "exports" / "v1.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert records.get("v1") == record and records.volume_ids() == ["v1"]
    record.connections.clear()
    records.put(record)
    records.put(record)
    assert os.listdir(tmp_path / "exports") == []
    path.write_text("{")
    with pytest.raises(BackendError, match="damaged"):
        records.get("v1")
