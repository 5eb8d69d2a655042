"""`altostack up` as a user runs it: its contents, a server, Ctrl-C, again; and a port that is taken."""

import os
import pathlib
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import openstack
import pytest
import yaml

from tests.waiting import wait_for

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(180)]
STANDARD_PORTS = (5000, 9292, 8778, 8774, 8775, 6080, 9696, 8776)


def free_offset() -> int:
    """A port offset with which every API finds its port free."""
    for offset in range(11000, 22000, 37):
        try:
            for port in STANDARD_PORTS:
                with socket.create_server(("127.0.0.1", port + offset)):
                    pass
        except OSError:
            continue
        return offset
    raise AssertionError("no port offset is free")


class Up:
    """A running `altostack up`."""

    def __init__(self, folder: pathlib.Path, offset: int) -> None:
        self.folder = folder
        self.child = subprocess.Popen(
            [sys.executable, "-m", "common.cli", "up", "--data-dir", str(folder), "--port-offset", str(offset)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.said = ""

    def wait(self) -> "Up":
        """Until it says how to stop it."""
        for line in self.child.stdout or ():
            self.said += line
            if line.startswith("Ctrl-C"):
                return self
        raise AssertionError(self.said + (self.child.stderr.read() if self.child.stderr else ""))

    def stop(self) -> int:
        """Ctrl-C; the exit status."""
        self.child.send_signal(signal.SIGINT)
        return self.child.wait(60)

    def connect(self, cloud: str) -> Any:
        """A client as clouds.yaml says."""
        config = openstack.config.OpenStackConfig(config_files=[str(self.folder / "clouds.yaml")], load_envvars=False)
        return openstack.connection.Connection(config=config.get_one(cloud=cloud), app_name="test")


@pytest.fixture
def offset() -> int:
    return free_offset()


@pytest.fixture
def up(tmp_path: pathlib.Path, offset: int) -> Iterator[Up]:
    made = Up(tmp_path / "data", offset)
    try:
        yield made.wait()
    finally:
        if made.child.poll() is None:
            made.child.kill()


def test_its_demo_user_boots_a_server_and_what_was_deleted_stays_so(up, tmp_path, offset):
    demo, admin = up.connect("altostack"), up.connect("altostack-admin")
    server = demo.create_server("first", image="altostack-guest", flavor="m1.nano", network="private", wait=True, timeout=60,
                                auto_ip=False)
    assert server.status == "ACTIVE" and server.addresses["private"][0]["addr"].startswith("10.10.0.")
    admin.delete_flavor("m1.xlarge")
    assert up.stop() == 0

    again = Up(tmp_path / "data", offset).wait()
    try:
        demo, admin = again.connect("altostack"), again.connect("altostack-admin")
        assert demo.get_server("first").status == "ACTIVE"
        assert admin.get_flavor("m1.xlarge") is None and admin.get_flavor("m1.nano") is not None
        assert demo.delete_server("first", wait=True, timeout=60)
        assert not [p for p in admin.network.ports() if p.device_owner.startswith("compute:")]
    finally:
        assert again.stop() == 0


def test_its_image_service_has_stores_imports_and_a_cache(up):
    admin = up.connect("altostack-admin")
    guest = admin.image.find_image("altostack-guest")
    admin.image.import_image(guest, method="copy-image", all_stores=True)
    wait_for("copy in each store", lambda: admin.image.get(f"/images/{guest.id}").json()["stores"] == "file,second")
    assert len(admin.image.download_image(guest).content) == guest.size
    wait_for("cached image", lambda: [i["image_id"] for i in admin.image.get("/cache").json()["cached_images"]] == [guest.id])


def test_what_it_writes_is_for_its_owner_alone(up):
    for name in ("openrc", "clouds.yaml", "secrets.json"):
        assert (up.folder / name).stat().st_mode & 0o077 == 0, name
    passwords = {c["auth"]["password"] for c in yaml.safe_load((up.folder / "clouds.yaml").read_text())["clouds"].values()}
    log = (up.folder / "log" / "altostack.log").read_text()
    assert len(passwords) == 2 and not any(p in log or p in up.said for p in passwords)


def refused(folder: pathlib.Path, offset: int) -> str:
    """What it says when it cannot start: one line."""
    child = Up(folder, offset).child
    output, said = child.communicate(timeout=120)
    assert child.returncode == 1 and output == ""
    (line,) = [one for one in said.splitlines() if one.startswith("altostack:")]
    assert "Traceback" not in said
    return line


def test_a_taken_port_is_one_line_that_names_it(tmp_path, offset):
    with socket.create_server(("127.0.0.1", 9292 + offset)):
        line = refused(tmp_path / "other", offset)
    assert line == (f"altostack: image-api: cannot listen on 127.0.0.1:{9292 + offset} (Address already in use); "
                    "stop what uses the port, or choose others with --port-offset")


def test_a_data_folder_that_is_none_is_one_line_that_names_it(tmp_path, offset):
    (tmp_path / "file").write_text("")
    assert refused(tmp_path / "file", offset) == f"altostack: the data folder {tmp_path / 'file'} cannot be used: File exists"


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_full_disk_is_one_line_that_says_so(tmp_path, offset):
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=900k", "tmpfs", str(folder)], check=True)
    try:
        line = refused(folder, offset)
        assert str(folder) in line and "has no room on its disk" in line
    finally:
        subprocess.run(["umount", str(folder)], check=True)
