"""The iSCSI back end with a real tgtd, read and written through QEMU's own initiator."""

import os
import shutil
import signal
import socket
import subprocess
import time

import pytest
from oslo_config import cfg

from services.volume.drivers import base, load_driver, options
from services.volume.objects.storage import GIB, Connector
from tests.waiting import wait_for

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="tgtd needs root"),
    pytest.mark.skipif(not shutil.which("tgtd"), reason="package tgt is not installed"),
    pytest.mark.skipif(not os.path.exists("/usr/lib/x86_64-linux-gnu/qemu/block-iscsi.so"), reason="no qemu-block-extra"),
]
VOLUME, OTHER, SNAPSHOT = (f"{n}0000000-aaaa-4bbb-8ccc-00000000000{n}" for n in (1, 2, 3))
ONE = Connector(host="node1", ip="127.0.0.1", initiator="iqn.test:one")
TWO = Connector(host="node2", ip="127.0.0.1", initiator="iqn.test:two")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make(folder, port, **settings):
    conf = cfg.ConfigOpts()
    conf([], project="altostack-test", default_config_files=[])
    options.register(conf)
    # Below 32768 as a control port must be, and unlike the port of any other tgtd here.
    values = {"volumes_dir": str(folder), "target_port": port, "control_port": 20000 + port % 10000, "copy_timeout_s": 60}
    for key, value in (values | settings).items():
        conf.set_override(key, value, group="iscsi")
    return load_driver(conf, "iscsi")


@pytest.fixture
def port():
    return free_port()


@pytest.fixture
def driver(tmp_path, port):
    made = make(tmp_path, port)
    made.start()
    yield made
    made.shut_down()


def qemu_options(info, initiator="iqn.test:one", **changed):
    data = info["data"] | changed
    values = {
        "driver": "iscsi", "transport": "tcp", "portal": data["target_portal"], "target": data["target_iqn"],
        "lun": data["target_lun"], "user": data["auth_username"], "password": data["auth_password"],
        "initiator-name": initiator,
    }
    return ",".join(f"{key}={value}" for key, value in values.items())


def qemu_io(info, *commands, initiator="iqn.test:one", **changed):
    args = [part for command in commands for part in ("-c", command)]
    done = subprocess.run(
        ["qemu-io", "--image-opts", qemu_options(info, initiator, **changed), *args],
        capture_output=True, text=True, timeout=30,
    )
    return done.returncode, done.stdout + done.stderr


def has_pattern(info, pattern, **more):
    code, out = qemu_io(info, f"read -P {pattern} 0 64k", **more)
    return code == 0 and "Pattern verification failed" not in out


def test_data_written_over_iscsi_is_in_the_volume(driver, tmp_path):
    driver.create_volume(VOLUME, 1)
    driver.create_volume(VOLUME, 1)
    info = driver.connect(VOLUME, "a1", ONE)
    assert info["driver_volume_type"] == "iscsi"
    assert info["data"]["target_iqn"] == f"iqn.2026-11.org.altostack:volume-{VOLUME}"
    assert qemu_io(info, "write -P 7 0 64k", "flush")[0] == 0
    with open(tmp_path / f"volume-{VOLUME}", "rb") as stored:
        assert stored.read(65536) == b"\x07" * 65536
    assert driver.connect(VOLUME, "a1", ONE) == info
    with pytest.raises(base.InUse):
        driver.delete_volume(VOLUME)
    driver.disconnect(VOLUME, "a1")
    driver.disconnect(VOLUME, "a1")
    assert qemu_io(info, "read 0 512")[0] != 0
    driver.delete_volume(VOLUME)
    driver.delete_volume(VOLUME)
    assert driver.list_volumes() == [] and driver._tgt.targets() == {} and driver._tgt.accounts() == set()


def test_wrong_secret_or_initiator_is_refused(driver):
    driver.create_volume(VOLUME, 1)
    info = driver.connect(VOLUME, "a1", ONE)
    code, out = qemu_io(info, "read 0 512", auth_password="wrongsecret12")
    assert code != 0 and "Authentication failure" in out
    code, out = qemu_io(info, "read 0 512", initiator="iqn.test:other")
    assert code != 0 and "Target not found" in out
    with pytest.raises(base.InvalidConnector):
        driver.connect(VOLUME, "a2", Connector(host="x"))
    with pytest.raises(base.NotFound):
        driver.connect(OTHER, "a2", ONE)


def test_multiattach_has_a_secret_for_each_and_keeps_the_other(driver):
    driver.create_volume(VOLUME, 1)
    one, two = driver.connect(VOLUME, "a1", ONE), driver.connect(VOLUME, "a2", TWO)
    assert one["data"]["auth_password"] != two["data"]["auth_password"]
    assert qemu_io(one, "write -P 9 0 64k", "flush")[0] == 0
    assert has_pattern(two, 9, initiator="iqn.test:two")
    driver.disconnect(VOLUME, "a1")
    assert qemu_io(one, "read 0 512")[0] != 0
    assert has_pattern(two, 9, initiator="iqn.test:two")
    assert driver.list_volumes()[0].connections == ("a2",)
    driver.disconnect(VOLUME)
    assert driver.list_volumes()[0].connections == ()


def test_read_only_export_refuses_writes(driver, tmp_path):
    driver.create_volume(VOLUME, 1)
    info = driver.connect(VOLUME, "a1", ONE, read_only=True)
    assert info["data"]["access_mode"] == "ro"
    code, out = qemu_io(info, "write -P 4 0 64k", "flush")
    assert code != 0 or "fail" in out.lower() or "read-only" in out.lower() or "not permitted" in out.lower()
    with open(tmp_path / f"volume-{VOLUME}", "rb") as stored:
        assert not stored.read(65536).strip(b"\0")
    writer = driver.connect(VOLUME, "a2", TWO)
    assert qemu_io(writer, "write -P 4 0 64k", "flush", initiator="iqn.test:two")[0] == 0
    assert has_pattern(writer, 4, initiator="iqn.test:two")


def test_exports_survive_agent_and_tgtd_restarts(driver, tmp_path, port):
    driver.create_volume(VOLUME, 1)
    info = driver.connect(VOLUME, "a1", ONE)
    qemu_io(info, "write -P 3 0 64k", "flush")
    pid = driver._tgt.pid()
    again = make(tmp_path, port)
    again.start()
    assert again._tgt.pid() == pid and has_pattern(info, 3)
    (tmp_path / "tgtd.pid").unlink()  # or it was never written: the agent was killed, or the disk was full
    again = make(tmp_path, port)
    again.start()
    assert again._tgt.pid() == pid and has_pattern(info, 3)
    os.kill(pid, signal.SIGKILL)
    driver._tgt._child.wait(5)
    assert again.reconcile_exports({VOLUME: ["a1"]}) == [VOLUME]
    assert again._tgt.pid() != pid and has_pattern(info, 3)
    assert again.reconcile_exports({VOLUME: ["a1"]}) == []
    assert again.reconcile_exports({}) == [] and has_pattern(info, 3)
    assert again.reconcile_exports({}, min_age_s=0) == [] and again._tgt.targets() == {}
    again.shut_down()


def test_extend_while_connected(driver, tmp_path):
    driver.create_volume(VOLUME, 1)
    info = driver.connect(VOLUME, "a1", ONE)
    session = subprocess.Popen(
        ["qemu-io", "--image-opts", qemu_options(info)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, bufsize=1,
    )
    session.stdin.write("write -P 5 0 64k\n")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and not driver._tgt.targets()[info["data"]["target_iqn"]].sessions:
        time.sleep(0.05)
    driver.extend_volume(VOLUME, 2)
    out, _ = session.communicate("write -P 6 64k 64k\nflush\ntruncate 2G\nlength\nquit\n", timeout=30)
    assert "2 GiB" in out and "rror" not in out.replace("CheckCondition: SENSE KEY:UNIT_ATTENTION", ""), out
    with open(tmp_path / f"volume-{VOLUME}", "rb") as stored:
        assert stored.read(131072) == b"\x05" * 65536 + b"\x06" * 65536
    assert driver.list_volumes()[0].size_bytes == 2 * GIB


def test_snapshots_clones_and_revert(driver):
    driver.create_volume(VOLUME, 1)
    info = driver.connect(VOLUME, "a1", ONE)
    qemu_io(info, "write -P 1 0 64k", "flush")
    driver.create_snapshot(SNAPSHOT, VOLUME)
    qemu_io(info, "write -P 2 0 64k", "flush")
    driver.create_from_snapshot(OTHER, 2, SNAPSHOT)
    other = driver.connect(OTHER, "b1", ONE)
    assert has_pattern(other, 1) and "2 GiB" in qemu_io(other, "length")[1]
    clone = OTHER.replace("2", "4")
    driver.clone_volume(clone, 1, VOLUME)
    assert has_pattern(driver.connect(clone, "c1", ONE), 2)
    with pytest.raises(base.InUse):
        driver.revert_to_snapshot(VOLUME, SNAPSHOT)
    driver.disconnect(VOLUME)
    driver.revert_to_snapshot(VOLUME, SNAPSHOT)
    assert has_pattern(driver.connect(VOLUME, "a1", ONE), 1)
    assert [one.snapshot_id for one in driver.list_snapshots()] == [SNAPSHOT]
    driver.delete_snapshot(SNAPSHOT)
    assert driver.list_snapshots() == []
    with pytest.raises(base.BackendError, match="smaller"):
        driver.clone_volume("small", 1, OTHER)


def test_port_already_taken_is_said(tmp_path, port):
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        driver = make(tmp_path, port)
        with pytest.raises(base.BackendError, match="tgtd did not start"):
            driver.start()
        driver.shut_down()


def test_the_tgtd_of_a_container_with_the_same_folders_is_not_its_own(tmp_path, port):
    folder, control_port = tmp_path / "volumes", 20000 + port % 10000
    os.makedirs("/run/tgtd", exist_ok=True)
    start = f"mount -t tmpfs none /run/tgtd && exec tgtd -f -C {control_port} --pid-file {folder}/tgtd.pid"
    there = subprocess.Popen(["unshare", "--net", "--mount", "sh", "-c", start])
    wait_for("tgtd", lambda: b"tgtd\0-f" in open(f"/proc/{there.pid}/cmdline", "rb").read())
    made = make(folder, port)
    try:
        made.start()
        assert made._tgt.pid() not in (None, there.pid)
    finally:
        there.kill()  # it ignores SIGTERM
        there.wait(20)
        made.shut_down()


def test_one_broken_export_does_not_keep_the_others(driver, tmp_path, port):
    for volume_id in (VOLUME, OTHER):
        driver.create_volume(volume_id, 1)
    driver.connect(VOLUME, "a1", ONE)
    info = driver.connect(OTHER, "b1", ONE)
    driver.shut_down()
    (tmp_path / f"volume-{VOLUME}").unlink()
    (tmp_path / "exports" / "odd.json").write_text("{")
    again = make(tmp_path, port)
    again.start()
    assert qemu_io(info, "write -P 1 0 64k")[0] == 0
    assert again.reconcile_exports({OTHER: ["b1"]}) == [] and has_pattern(info, 1)
    again.shut_down()


def test_many_attachments_come_and_go(driver):
    """Accounts are replaced in every order without tgtd losing its way."""
    driver.create_volume(VOLUME, 1)
    infos = {}
    for step in ["+a", "+b", "+c", "-a", "+d", "-c", "-b", "+e", "+f", "-d", "-f", "+a", "-e"]:
        key = step[1]
        who = Connector(host=key, ip="127.0.0.1", initiator=f"iqn.test:{key}")
        if step[0] == "+":
            infos[key] = driver.connect(VOLUME, key, who)
        else:
            driver.disconnect(VOLUME, key)
            assert qemu_io(infos.pop(key), "read 0 512", initiator=who.initiator)[0] != 0
        for other, info in infos.items():
            assert qemu_io(info, "read 0 512", initiator=f"iqn.test:{other}")[0] == 0, (step, other)
    driver.disconnect(VOLUME)
    assert driver._tgt.accounts() == set() and driver._tgt.targets() == {}
