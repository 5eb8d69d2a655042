"""Private daemons for these tests: a libvirtd in its own mount namespace, and an iSCSI target."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

# QEMU as root: where /dev/kvm is closed to its user, or is not what it seems, libvirtd probes QEMU at every definition
_QEMU_CONF = """user="root"
group="root"
dynamic_ownership=0
remember_owner=0
security_driver="none"
namespaces=[]
cgroup_controllers=[]
stdio_handler="file"
"""
_SCRIPT = """set -e
mount --make-rprivate /
for pair in run:/run/libvirt lib:/var/lib/libvirt log:/var/log/libvirt cache:/var/cache/libvirt etc:/etc/libvirt; do
  mkdir -p ${pair#*:} "$B/${pair%%:*}"; mount --bind "$B/${pair%%:*}" ${pair#*:}
done
exec libvirtd --config "$B/etc/libvirtd.conf" --pid-file "$B/libvirtd.pid"
"""


class PrivateLibvirt:
    """A libvirtd that shares nothing with the machine's own but the kernel."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None
        self.script, self.environment = _SCRIPT, dict[str, str]()
        self.uri = f"qemu+unix:///system?socket={folder}/run/libvirt-sock"
        for name in ("run", "lib", "log", "cache"):
            (folder / name).mkdir(parents=True)
        shutil.copytree("/etc/libvirt", folder / "etc")
        shutil.rmtree(folder / "etc/qemu", ignore_errors=True)
        shutil.rmtree(folder / "etc/secrets", ignore_errors=True)
        (folder / "etc/qemu.conf").write_text(_QEMU_CONF)
        (folder / "etc/libvirtd.conf").write_text(
            f'auth_unix_rw="none"\nauth_unix_ro="none"\nunix_sock_dir="{folder}/run"\n'
        )

    def start(self) -> None:
        """Start it and wait until it answers."""
        with open(self.folder / "libvirtd.log", "ab") as log:
            self.process = subprocess.Popen(
                ["unshare", "--mount", "bash", "-c", self.script],
                env={**os.environ, "B": str(self.folder), **self.environment},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        for _ in range(300):
            done = subprocess.run(["virsh", "-q", "-c", self.uri, "list"], capture_output=True, check=False)
            if done.returncode == 0:
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise AssertionError(f"libvirtd does not start:\n{(self.folder / 'libvirtd.log').read_text()}")

    def stop(self) -> None:
        """Stop the daemon only; its guests go on."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.process = None

    def close(self) -> None:
        """End all guests, then the daemon."""
        if self.process is not None:
            listed = subprocess.run(
                ["virsh", "-q", "-c", self.uri, "list", "--name"], capture_output=True, text=True, check=False
            )
            for name in listed.stdout.split():
                subprocess.run(
                    ["virsh", "-q", "-c", self.uri, "destroy", name], capture_output=True, check=False
                )
        self.stop()


class IscsiTarget:
    """A tgtd on a port of its own with one target, one LUN and CHAP."""

    iqn, user, password = "iqn.2010-10.org.altostack:test", "alice", "secret-of-twelve"

    def __init__(self, folder: pathlib.Path, size: int) -> None:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.control = str(20000 + os.getpid() % 10000)
        self.store = folder / "lun.img"
        with open(self.store, "wb") as f:
            f.truncate(size)
        self.process = subprocess.Popen(
            ["tgtd", "-f", "-C", self.control, "--iscsi", f"portal=127.0.0.1:{self.port}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(100):
            if self._admin("--mode", "sys", "--op", "show", check=False) == 0:
                break
            time.sleep(0.1)
        self._admin("--mode", "target", "--op", "new", "--tid", "1", "--targetname", self.iqn)
        self._admin(
            "--mode",
            "logicalunit",
            "--op",
            "new",
            "--tid",
            "1",
            "--lun",
            "1",
            "--backing-store",
            str(self.store),
        )
        self._admin("--mode", "account", "--op", "new", "--user", self.user, "--password", self.password)
        self._admin("--mode", "account", "--op", "bind", "--tid", "1", "--user", self.user)
        self._admin("--mode", "target", "--op", "bind", "--tid", "1", "--initiator-address", "ALL")

    def connection_info(self) -> dict[str, object]:
        """As block storage gives it."""
        return {
            "driver_volume_type": "iscsi",
            "data": {
                "target_portal": f"127.0.0.1:{self.port}",
                "target_iqn": self.iqn,
                "target_lun": 1,
                "auth_method": "CHAP",
                "auth_username": self.user,
                "auth_password": self.password,
                "access_mode": "rw",
            },
        }

    def close(self) -> None:
        """It ignores SIGTERM."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def _admin(self, *args: str, check: bool = True) -> int:
        done = subprocess.run(
            ["tgtadm", "-C", self.control, "--lld", "iscsi", *args],
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"tgtadm {' '.join(args)}: {done.stderr}")
        return done.returncode
