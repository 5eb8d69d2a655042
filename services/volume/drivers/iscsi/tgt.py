"""tgtd and its administration program.

tgtd runs in the background on its own: an agent that restarts finds it by its pid file, or where that is
lost (or was never written, as the agent was killed) by the name of that file on its command line; its targets serve on
meanwhile. It ignores SIGTERM, and ends when told to over its control socket.
"""

import dataclasses
import logging
import os
import re
import signal
import subprocess
from collections.abc import Mapping

from common import clock, ids, process
from services.volume.drivers.base import BackendError

LOG = logging.getLogger(__name__)
SPARE = "spare-"


@dataclasses.dataclass
class Lun:
    """One unit of a target; `size_mb` is rounded (millions of bytes), as tgtd shows it."""

    size_mb: int = 0
    read_only: bool = False
    path: str | None = None


@dataclasses.dataclass
class Target:
    """One target as tgtd shows it.

    `sessions` are (session, connection, initiator), `luns` by number, `accounts` in the order of tgtd's slots.
    """

    tid: int
    name: str
    luns: dict[int, Lun] = dataclasses.field(default_factory=dict)
    accounts: list[str] = dataclasses.field(default_factory=list)
    acl: set[str] = dataclasses.field(default_factory=set)
    sessions: list[tuple[int, int, str]] = dataclasses.field(default_factory=list)


class Tgt:
    """One tgtd, named by its control port."""

    def __init__(self, control_port: int, portal: str, pid_path: str, io_threads: int, own: bool) -> None:
        self._control_port, self._portal, self._pid_path = control_port, portal, pid_path
        self._io_threads, self._own = io_threads, own
        self._child: subprocess.Popen[bytes] | None = None
        self._portal_open = False  # known to listen at the portal; one that an earlier agent started may listen elsewhere

    def ensure_running(self) -> bool:
        """Start tgtd when it is ours and not there; true when it was started, BackendError when it cannot be."""
        if not self._own:
            return False
        if self.pid() is not None:
            if not self._portal_open:
                self._open_portal()
            return False
        log_path = self._pid_path + ".log"
        command = ["tgtd", "-f", "-C", str(self._control_port), "-t", str(self._io_threads)]
        command += ["--pid-file", self._pid_path]  # in the foreground it does not write the file, but it bears its name
        command += ["--iscsi", f"portal={self._portal}"]
        try:
            self._child = process.spawn(command, log_path=log_path)
        except process.CommandError as e:
            raise BackendError(f"{e} (package tgt)") from e
        with open(self._pid_path, "w") as out:
            out.write(str(self._child.pid))
        for _ in range(100):
            if self._child.poll() is not None:
                break
            code, portals, _ = process.execute(self._admin("portal", "show"), timeout_s=10)
            if code == 0 and f"Portal: {self._portal}," not in portals:
                # The port is taken: tgtd then listens on every address at 3260, which nobody asked for.
                self._child.kill()
                self._child.wait()
                break
            if code == 0:
                self._portal_open = True
                LOG.info("started tgtd for %s, control port %d", self._portal, self._control_port)
                return True
            clock.sleep(0.05)
        with open(log_path, errors="replace") as log:
            detail = log.read()[-300:].strip()
        raise BackendError(f"tgtd did not start for {self._portal} (control port {self._control_port}): {detail}")

    def _open_portal(self) -> None:
        """Listen at the portal as well: target_ip may have changed since tgtd was started, and old guests keep the old one."""
        if f"Portal: {self._portal}," not in self._run("portal", "show"):
            self._run("portal", "new", "--param", f"portal={self._portal}")
            LOG.info("tgtd now listens at %s, too", self._portal)
        self._portal_open = True

    def pid(self) -> int | None:
        """The process id of the running own tgtd, None when it does not run."""
        if self._child is not None and self._child.poll() is not None:
            self._child = None
        try:
            with open(self._pid_path) as stored:
                pid = int(stored.read())
        except (OSError, ValueError):
            pid = 0
        if self._serves(pid, "-C", str(self._control_port)):  # the pid may belong to another program by now
            return pid
        running = (int(name) for name in os.listdir("/proc") if name.isdigit())
        return next((other for other in running if self._serves(other, "--pid-file", self._pid_path)), None)

    @staticmethod
    def _serves(pid: int, option: str, value: str) -> bool:
        """Whether that process is a tgtd with this option on its command line; one in a container or another host's namespace,
        whose control port is not reached from here, is not."""
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as running:
                words = running.read().decode(errors="replace").split("\0")
            if not words[0].endswith("tgtd") or (option, value) not in zip(words, words[1:], strict=False):
                return False
            return os.path.samestat(os.stat(f"/proc/{pid}/ns/net"), os.stat("/proc/self/ns/net"))
        except OSError:
            return False

    def shut_down(self) -> None:
        """End the own tgtd with all its targets, for taking a back end away."""
        pid = self.pid()
        if pid is None or not self._own:
            return
        for target in self.targets().values():
            self.delete_target(target.tid)
        process.execute(self._admin("system", "delete"), timeout_s=10)
        for attempt in range(100):
            if self.pid() is None:
                break
            if attempt == 40:
                os.kill(pid, signal.SIGKILL)
            clock.sleep(0.05)
        if os.path.exists(self._pid_path):
            os.unlink(self._pid_path)

    def targets(self) -> dict[str, Target]:
        """All targets by name."""
        return parse_targets(self._run("target", "show"))

    def accounts(self) -> set[str]:
        """The names of all accounts."""
        return {line.strip() for line in self._run("account", "show").splitlines()[1:] if line.strip()}

    def create_target(self, name: str) -> int:
        """Make a target with the next free number; the number."""
        taken = {target.tid for target in self.targets().values()}
        first = max(taken, default=0) + 1
        for tid in range(first, first + 50):
            code, out, err = process.execute(
                self._admin("target", "new", "--tid", str(tid), "--targetname", name), timeout_s=30
            )
            if code == 0:
                return tid
            if "already exists" not in out + err:
                raise BackendError(f"tgtd refuses target {name}: {(err or out).strip()}")
        raise BackendError(f"tgtd has no free number for target {name}")

    def delete_target(self, tid: int) -> None:
        """Remove a target and end its sessions."""
        self._run("target", "delete", "--force", "--tid", str(tid))

    def set_read_only(self, tid: int, read_only: bool) -> None:
        """Allow or refuse writes to unit 1 from now on."""
        self._run("logicalunit", "update", "--tid", str(tid), "--lun", "1", "--params", f"readonly={int(read_only)}")

    def add_lun(self, tid: int, path: str, serial: str, read_only: bool) -> None:
        """Offer a file as unit 1 of a target; discards free its blocks."""
        self._run("logicalunit", "new", "--tid", str(tid), "--lun", "1", "--backing-store", path)
        params = f"thin_provisioning=1,vendor_id=ALTO,product_id=VOLUME,scsi_sn={serial},readonly={int(read_only)}"
        self._run("logicalunit", "update", "--tid", str(tid), "--lun", "1", "--params", params)

    def delete_account(self, user: str) -> None:
        """Remove a CHAP account that is bound to no target."""
        self._run("account", "delete", "--user", user)

    def set_accounts(self, target: Target, wanted: Mapping[str, str]) -> bool:
        """Let exactly the accounts `wanted` {user: password} log in to a target; true when anything changed.

        tgtd 1.0.85 crashes on the next `show` when an account is unbound before another one's slot, and asks for
        no secret at all while none is bound. So a removed account's slot is taken at once by a new one, or by a
        spare that nobody knows; only the last slot is ever emptied, and never the only one.
        """
        slots, changed = list(target.accounts), False
        missing = [user for user in wanted if user not in slots]
        existing = self.accounts() if missing else set()
        for user in missing:
            changed = True
            if user in existing:
                self.delete_account(user)
            self._run("account", "new", "--user", user, "--password", wanted[user])
            stale = [one for one in slots if one not in wanted]
            if stale and len(slots) > 1:
                self._replace_account(target.tid, stale[0], user)
                slots[slots.index(stale[0])] = user
            else:
                self._run("account", "bind", "--tid", str(target.tid), "--user", user)
                slots.append(user)
        for index in reversed(range(len(slots))):
            user = slots[index]
            if user in wanted or (user.startswith(SPARE) and index < len(slots) - 1):
                continue
            changed = True
            if index == len(slots) - 1:
                self._run("account", "unbind", "--tid", str(target.tid), "--user", user)
                self.delete_account(user)
                slots.pop()
                continue
            spare = SPARE + ids.hex_id()[:12]
            self._run("account", "new", "--user", spare, "--password", ids.secret(12).replace("-", "0"))
            self._replace_account(target.tid, user, spare)
            slots[index] = spare
        return changed

    def _replace_account(self, tid: int, old: str, new: str) -> None:
        self._run("account", "unbind", "--tid", str(tid), "--user", old)
        self._run("account", "bind", "--tid", str(tid), "--user", new)
        self.delete_account(old)

    def allow(self, tid: int, who: str) -> None:
        """Let an initiator (its name or its address) reach a target."""
        self._run("target", "bind", "--tid", str(tid), *_initiator(who))

    def forbid(self, tid: int, who: str) -> None:
        """Take `allow` back; a running session goes on until `end_session`."""
        self._run("target", "unbind", "--tid", str(tid), *_initiator(who))

    def end_session(self, tid: int, session: int, connection: int) -> None:
        """Close one connection; no error when it is gone already."""
        ids = ["--tid", str(tid), "--sid", str(session), "--cid", str(connection)]
        process.execute(self._admin("conn", "delete", *ids), timeout_s=30)

    def _admin(self, mode: str, operation: str, *args: str) -> list[str]:
        base = ["tgtadm", "-C", str(self._control_port), "--lld", "iscsi"]
        return [*base, "--mode", mode, "--op", operation, *args]

    def _run(self, mode: str, operation: str, *args: str) -> str:
        try:
            return process.run(self._admin(mode, operation, *args), timeout_s=30, secret=mode == "account")
        except process.CommandError as e:
            what = (e.stderr or e.stdout).strip() or "no answer"
            raise BackendError(f"tgtadm {mode} {operation} failed (control port {self._control_port}): {what}") from e


def _initiator(who: str) -> list[str]:
    # Names start with a type; addresses are IPv4 or IPv6 texts.
    is_name = who.startswith(("iqn.", "eui.", "naa."))
    return ["--initiator-name" if is_name else "--initiator-address", who]


def parse_targets(text: str) -> dict[str, Target]:
    """The targets in the output of `tgtadm --mode target --op show`, by name."""
    found: dict[str, Target] = {}
    target, section = None, ""
    for line in text.splitlines():
        depth, word = len(line) - len(line.lstrip()), line.strip()
        if match := re.fullmatch(r"Target (\d+): (\S+)", line):
            target = found[match[2]] = Target(int(match[1]), match[2])
        elif target is not None and depth == 4:
            section = word
        elif target is not None:
            _parse_detail(target, section, word)
    return found


def _parse_detail(target: Target, section: str, word: str) -> None:
    key, _, value = word.partition(": ")
    if section.startswith("Account"):
        target.accounts.append(word)
    elif section.startswith("ACL"):
        target.acl.add(word)
    elif section.startswith("I_T nexus"):
        if key == "I_T nexus":
            target.sessions.append((int(value), 0, ""))
        elif key == "Initiator":
            target.sessions[-1] = (target.sessions[-1][0], 0, value.split(" alias:")[0])
        elif key == "Connection":
            session, _, initiator = target.sessions[-1]
            target.sessions[-1] = (session, int(value), initiator)
    elif section.startswith("LUN"):
        if key == "LUN":
            target.luns[int(value)] = Lun()
            return
        lun = target.luns[max(target.luns)]
        if key == "Size":
            lun.size_mb = int(value.split()[0])
        elif key == "Readonly":
            lun.read_only = value == "Yes"
        elif key == "Backing store path":
            lun.path = value
