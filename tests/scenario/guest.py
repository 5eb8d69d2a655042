"""A server seen from outside: SSH into it, and what it says of itself."""

import base64
import dataclasses
import pathlib
import shlex
import subprocess
import time
from typing import Any

from tests.waiting import PATIENCE, wait_for

USER = "alto"
BOOT_LIMIT_S = 150  # emulated guests on a busy machine


@dataclasses.dataclass(frozen=True)
class Guest:
    """A server that can be reached at `address` with a private key."""

    server: Any
    address: str
    key: pathlib.Path

    def ssh(self, command: str, limit: float = 60, check: bool = True) -> str:
        """What `command` printed; AssertionError with all it said when it fails."""
        done = self._run(command, limit)
        if check and done.returncode:
            raise AssertionError(f"in {self.server.name}: {command}\nended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout.strip()

    def sudo(self, command: str, limit: float = 60) -> str:
        """As `ssh`, as root, with a shell."""
        return self.ssh(f"sudo sh -c {shlex.quote('set -e; ' + command)}", limit)

    def reachable(self) -> bool:
        """Whether a login works right now."""
        try:
            return self._run("true", 20, alone=True).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def wait(self, limit: float = BOOT_LIMIT_S) -> "Guest":
        """Wait until a login works."""
        self.hang_up()
        wait_for(f"login in {self.server.name} at {self.address}", self.reachable, limit, 1)
        return self

    def put(self, path: str, content: bytes) -> None:
        """Write a small file."""
        self.sudo(f"echo {base64.b64encode(content).decode()} | base64 -d > {shlex.quote(path)}; sync")

    def fetch(self, url: str) -> str:
        """What an HTTP server answers the guest."""
        return self.ssh(f"timeout 20 wget -q -O - {shlex.quote(url)}", 40)

    def disk(self, there_before: set[str], limit: float = 30) -> str:
        """The disk that has come, such as /dev/vdb."""
        new = wait_for(f"new disk in {self.server.name}", lambda: self.disks() - there_before, limit)
        return "/dev/" + new.pop()

    def disks(self) -> set[str]:
        """Names of the virtio disks the guest sees."""
        return set(self.ssh("ls /sys/block").split()) & {f"vd{c}" for c in "abcdefgh"}

    def boot_id(self) -> str:
        """Differs after every boot."""
        done = self._run("cat /proc/sys/kernel/random/boot_id", 20, alone=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def wait_rebooted(self, boot_id: str, limit: float = BOOT_LIMIT_S) -> None:
        """Wait for a boot other than `boot_id`."""
        self.hang_up()
        until = time.monotonic() + limit * PATIENCE
        while True:
            try:
                if self.boot_id() != boot_id:
                    return
            except (AssertionError, subprocess.TimeoutExpired):
                pass
            if time.monotonic() > until:
                raise AssertionError(f"{self.server.name} did not boot again within {limit:.0f} s")
            time.sleep(1)

    def hang_up(self) -> None:
        """End the shared connection: after a reboot nobody is at its other end."""
        if self._line.exists():
            self._ssh("-O", "exit", f"{USER}@{self.address}", limit=10)
            self._line.unlink(missing_ok=True)

    @property
    def _line(self) -> pathlib.Path:
        """The socket of a connection that several commands share: a login costs an emulated guest a second."""
        return self.key.parent / f"line-{self.address}"

    def _run(self, command: str, limit: float, alone: bool = False) -> subprocess.CompletedProcess[str]:
        if alone:
            return self._ssh("-o", "ControlPath=none", f"{USER}@{self.address}", command, limit=limit)
        if not self._line.exists():
            self._ssh("-o", "ControlMaster=yes", "-o", "ControlPersist=60", "-o", "ServerAliveInterval=5", "-fN",
                      f"{USER}@{self.address}", limit=30, quiet=True)
        return self._ssh(f"{USER}@{self.address}", command, limit=limit)

    def _ssh(self, *rest: str, limit: float, quiet: bool = False) -> subprocess.CompletedProcess[str]:
        out = subprocess.DEVNULL if quiet else subprocess.PIPE  # one that stays behind must not hold our pipes
        return subprocess.run(
            ["ssh", "-i", str(self.key), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
             "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=10", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes",
             "-o", f"ControlPath={self._line}", *rest],
            stdout=out, stderr=out, text=True, timeout=limit * PATIENCE, stdin=subprocess.DEVNULL, errors="replace")
