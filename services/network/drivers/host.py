"""The one door through which the drivers read and change a host's network.

It knows network namespaces: a thread enters one (setns acts on a single thread), does its work there, and ends; a
program started by that thread lives in the namespace, so no `ip netns exec` is needed. Measured: one `ip -batch`
takes 2 ms, less than the same requests by a Python netlink library. Changes are counted, so that tests can
assert that a second pass changes nothing.
"""

import ctypes
import json
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from common import process

T = TypeVar("T")
NETNS_DIR = "/run/netns"
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class Host:
    """A host: this process's own namespace, or the named namespace `netns`.

    In all methods `ns` is a full namespace name as `namespace()` gives it; None means the host itself.
    """

    def __init__(self, netns: str | None = None, prefix: str = "") -> None:
        self.netns, self.prefix = netns, prefix
        self.mutations: list[str] = []
        self.mutation_count = 0
        self.queries = 0
        self._lock = threading.Lock()

    def namespace(self, name: str) -> str:
        """The full name of our namespace `name` (`qdhcp-…`, `qrouter-…`)."""
        return self.prefix + name

    def namespaces(self, kind: str) -> list[str]:
        """Full names of our namespaces that start with `kind`."""
        try:
            return sorted(name for name in os.listdir(NETNS_DIR) if name.startswith(self.prefix + kind))
        except FileNotFoundError:
            return []

    def enter(self, work: Callable[[], T], ns: str | None = None) -> T:
        """Run `work` inside the namespace, in a thread of its own, and return its result; OSError if there is none."""
        target = ns or self.netns
        if target is None:
            return work()
        result: list[T] = []
        failure: list[BaseException] = []

        def body() -> None:
            try:
                _set_namespace(target)
                result.append(work())
            except BaseException as e:
                failure.append(e)

        thread = threading.Thread(target=body, name=f"in-{target}")
        thread.start()
        thread.join()
        if failure:
            raise failure[0]
        return result[0]

    def query(self, args: Sequence[str], ns: str | None = None, *, check: bool = True) -> str:
        """The output of a program that only reads."""
        self.queries += 1
        if args[0] == "ip" and (ns or self.netns):
            return process.run(["ip", "-n", ns or self.netns or "", *args[1:]], check=check)
        return self.enter(lambda: process.run(args, check=check), ns)

    def query_json(self, args: Sequence[str], ns: str | None = None) -> list[dict[str, Any]]:
        """The JSON list that `ip -j`, `bridge -j` or `nft -j` prints; empty when it prints nothing."""
        text = self.query(args, ns)
        return json.loads(text) if text.strip() else []

    def ip(self, lines: Sequence[str], ns: str | None = None) -> None:
        """Run `ip` commands as one batch (stops at the first that fails, with CommandError)."""
        self._batch("ip", lines, ns)

    def bridge(self, lines: Sequence[str], ns: str | None = None) -> None:
        """Run `bridge` commands as one batch."""
        self._batch("bridge", lines, ns)

    def nft(self, script: str, ns: str | None = None) -> None:
        """Load an nft script: all of it or, with CommandError, nothing."""
        self._count("nft -f -")
        self.enter(lambda: process.run(["nft", "-f", "-"], stdin=script), ns)

    def change(self, args: Sequence[str], ns: str | None = None, *, check: bool = True) -> str:
        """Run a program that changes something and return its output."""
        self._count(" ".join(args))
        return self.enter(lambda: process.run(args, check=check), ns)

    def sysctl(self, values: dict[str, str], ns: str | None = None) -> int:
        """Set kernel parameters (`net/ipv4/ip_forward`) that differ; how many did. Absent ones are skipped."""

        def body() -> int:
            changed = 0
            for key, value in values.items():
                path = f"/proc/sys/{key}"
                if not os.path.exists(path):
                    continue
                with open(path) as f:
                    if f.read().strip() == value:
                        continue
                self._count(f"sysctl {key}={value}")
                with open(path, "w") as f:
                    f.write(value)
                changed += 1
            return changed

        return self.enter(body, ns)

    def ensure_namespace(self, ns: str) -> bool:
        """Make the namespace, with its loopback up, unless it exists; whether it was made."""
        if os.path.exists(f"{NETNS_DIR}/{ns}"):
            return False
        self._count(f"ip netns add {ns}")
        process.run(["ip", "netns", "add", ns])
        self.ip(["link set lo up"], ns)
        return True

    def delete_namespace(self, ns: str) -> None:
        """Remove the namespace and the devices in it."""
        self._count(f"ip netns delete {ns}")
        process.run(["ip", "netns", "delete", ns])

    def _batch(self, tool: str, lines: Sequence[str], ns: str | None) -> None:
        if not lines:
            return
        for line in lines:
            self._count(f"{tool} {line}")
        target = ns or self.netns
        args = [tool, *(["-n", target] if target else []), "-batch", "-"]
        process.run(args, stdin="\n".join(lines) + "\n")

    def note(self, text: str) -> None:
        """Count a change that was made without a program (a signal, a file)."""
        self._count(text)

    def _count(self, text: str) -> None:
        with self._lock:
            self.mutation_count += 1
            self.mutations.append(text)
            del self.mutations[:-1000]


def _set_namespace(name: str) -> None:
    fd = os.open(f"{NETNS_DIR}/{name}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.setns(fd, _CLONE_NEWNET) != 0:
            code = ctypes.get_errno()
            raise OSError(code, f"cannot enter the namespace {name}: {os.strerror(code)}")
    finally:
        os.close(fd)
