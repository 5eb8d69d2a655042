"""Volumes from images and images from volumes, through the iSCSI back end's files (no tgtd is needed)."""

import os
import shutil
import subprocess
import threading

import pytest
from oslo_config import cfg

from services.volume.drivers import base, options
from services.volume.drivers.iscsi.driver import IscsiDriver
from services.volume.objects.storage import GIB

pytestmark = pytest.mark.skipif(not shutil.which("qemu-img"), reason="qemu-img is not installed")
VOLUME = "10000000-aaaa-4bbb-8ccc-000000000001"
QEMU = {"vhd": "vpc"}


@pytest.fixture
def driver(tmp_path):
    conf = cfg.ConfigOpts()
    conf([], project="altostack-test", default_config_files=[])
    options.register(conf)
    for key, value in {"volumes_dir": str(tmp_path / "volumes"), "copy_timeout_s": 60}.items():
        conf.set_override(key, value, group="iscsi")
    made = IscsiDriver("iscsi", conf.iscsi)
    # As `start` does, without tgtd.
    made._files.prepare()
    made._records.prepare()
    return made


def image(tmp_path, disk_format, *options):
    path = str(tmp_path / f"image.{disk_format}")
    more = [part for option in options for part in ("-o", option)]
    name = QEMU.get(disk_format, disk_format)
    subprocess.run(["qemu-img", "create", "-q", "-f", name, *more, path, "32M"], check=True)
    subprocess.run(["qemu-io", "-f", name, "-c", "write -P 7 1M 1M", path], check=True, stdout=subprocess.DEVNULL)
    return path


def chunks(path):
    with open(path, "rb") as source:
        yield from iter(lambda: source.read(100_000), b"")


@pytest.mark.parametrize("disk_format", ["raw", "qcow2", "vmdk", "vhd", "vhdx", "vdi"])
def test_there_and_back(driver, tmp_path, disk_format):
    driver.create_from_image(VOLUME, 1, chunks(image(tmp_path, disk_format)), disk_format)
    path = tmp_path / "volumes" / f"volume-{VOLUME}"
    with open(path, "rb") as stored:
        stored.seek(1024 * 1024)
        assert stored.read(1024 * 1024) == b"\7" * 1024 * 1024 and stored.read(1) == b"\0"
    status = os.stat(path)
    assert status.st_size == GIB and status.st_blocks * 512 < 4 * 1024 * 1024
    driver.create_from_image(VOLUME, 1, iter(()), disk_format)
    back = tmp_path / "back"
    with open(back, "wb") as out:
        for chunk in driver.read_image(VOLUME, disk_format):
            out.write(chunk)
    check = ["qemu-io", "-f", QEMU.get(disk_format, disk_format), "-c", "read -P 7 1M 1M", "-c", "read -P 0 2M 1M", str(back)]
    done = subprocess.run(check, capture_output=True, text=True)
    assert done.returncode == 0 and "failed" not in done.stdout
    assert sorted(os.listdir(tmp_path / "volumes")) == ["exports", f"volume-{VOLUME}"]


def test_bad_images_leave_nothing(driver, tmp_path):
    qcow2 = image(tmp_path, "qcow2")
    backed = str(tmp_path / "backed")
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", qcow2, backed], check=True)
    big = str(tmp_path / "big")
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", big, "2G"], check=True)
    flat = str(tmp_path / "flat.vmdk")
    subprocess.run(["qemu-img", "create", "-q", "-f", "vmdk", "-o", "subformat=monolithicFlat", flat, "1M"], check=True)
    cases = [
        (chunks(backed), "qcow2", "backing file"), (chunks(big), "qcow2", "the volume has"),
        (chunks(flat), "vmdk", "single sparse"), (iter([b"noise" * 1000]), "qcow2", "cannot read"),
        (chunks(qcow2), "vhdx", "cannot read"), (iter(()), "tape", "cannot be converted"),
        ((bytes(1 << 20) for _ in range(1025)), "raw", "more than"),
    ]
    for stream, disk_format, why in cases:
        with pytest.raises(base.ImageUnacceptable, match=why):
            driver.create_from_image(VOLUME, 1, stream, disk_format)
        assert os.listdir(tmp_path / "volumes") == ["exports"]


def test_deleting_cancels_the_copy(driver, tmp_path):
    started, outcome = threading.Event(), []

    def endless():
        while True:
            started.set()
            yield bytes(1024)

    def create():
        try:
            driver.create_from_image(VOLUME, 1, endless(), "raw")
        except base.BackendError as e:
            outcome.append(e)

    thread = threading.Thread(target=create)
    thread.start()
    assert started.wait(5)
    driver.delete_volume(VOLUME)
    thread.join(5)
    assert isinstance(outcome[0], base.Cancelled) and os.listdir(tmp_path / "volumes") == ["exports"]


def test_a_crash_leaves_nothing_visible_and_clearing_goes_on(driver, tmp_path):
    folder = tmp_path / "volumes"
    driver._settings = type("Zero", (), {"volume_clear": "zero", "copy_timeout_s": 60})
    driver.create_from_image(VOLUME, 1, iter([b"secret" * 100_000]), "raw")
    kept = tmp_path / "link"
    os.link(folder / f"volume-{VOLUME}", kept)
    driver.delete_volume(VOLUME)
    assert not kept.read_bytes()[:600_000].strip(b"\0") and os.listdir(folder) == ["exports"]
    (folder / ".new-volume-x").write_bytes(b"half")
    (folder / "exports" / "x.json.tmp").write_bytes(b"half")
    driver._files.prepare()
    driver._records.prepare()
    assert os.listdir(folder) == ["exports"] and os.listdir(folder / "exports") == []


def test_stats_and_listing(driver):
    driver.create_volume(VOLUME, 3)
    driver.create_snapshot("s1", VOLUME)
    shown = driver.stats().capabilities()
    assert shown["allocated_capacity_gb"] == 3 and shown["provisioned_capacity_gb"] == 6 and shown["storage_protocol"] == "iSCSI"
    assert 0 < shown["free_capacity_gb"] < shown["total_capacity_gb"]
    assert [one.volume_id for one in driver.list_volumes()] == [VOLUME] and driver.list_snapshots()[0].size_bytes == 3 * GIB
    with pytest.raises(base.NotFound):
        driver.create_volume("../../etc/x", 1)
