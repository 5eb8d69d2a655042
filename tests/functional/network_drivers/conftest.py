"""Hosts made of network namespaces, for the drivers to work on; nothing outside of them is touched."""

import itertools
import os
import shutil
from collections.abc import Iterator

import pytest

from common import process
from services.network.drivers.base import DriverConfig
from services.network.drivers.stack import HostStack, linux_stack
from services.network.objects.host_state import HostState
from services.network.objects.port import FixedIp, Port, SecurityRule
from services.network.objects.segment import VXLAN, Segment

TOOLS = ("ip", "nft", "bridge", "dnsmasq", "conntrack", "busybox")
_numbers = itertools.count(1)

NET = "aaaaaaaa-0000-4000-8000-000000000001"
SUBNET = "bbbbbbbb-0000-4000-8000-000000000001"
ALLOW_ALL_OUT = (SecurityRule("egress", "IPv4"), SecurityRule("egress", "IPv6"))
ALLOW_PING = SecurityRule("ingress", "IPv4", "icmp")


def ip(*args: str) -> str:
    return process.run(["ip", *args])


def segment(network_id: str = NET, vni: int = 77) -> Segment:
    return Segment(network_id, VXLAN, vni, mtu=1450)


def port(number: int, network_id: str = NET, net: str = "10.5.0", **more: object) -> Port:
    values: dict[str, object] = {"rules": ALLOW_ALL_OUT, "device_owner": "compute:nova", **more}
    return Port(
        port_id=f"{number:08x}-00{number % 100:02d}-4000-8000-000000000000", network_id=network_id,
        mac=f"fa:16:3e:00:{number >> 8:02x}:{number & 255:02x}", fixed_ips=(FixedIp(f"{net}.{number}", SUBNET, 24),),
        **values,  # type: ignore[arg-type]
    )


class Machine:
    """A namespace that plays a host, its drivers, and the guests on it."""

    def __init__(self, name: str, address: str, folder: str) -> None:
        self.name, self.guests = name, []
        self.config = DriverConfig(
            state_dir=folder, local_ip=address, netns=name, prefix=name + "-", metadata_secret="s3cret",
            physical_networks={"public": "br-ex"},
        )
        ip("netns", "add", name)
        ip("-n", name, "link", "set", "lo", "up")
        self.stack = linux_stack(self.config)

    def restart(self) -> None:
        """A new agent process, as far as the drivers can tell."""
        self.stack.close()
        self.stack = linux_stack(self.config)

    @property
    def host(self) -> object:
        return self.stack.layer2._host  # type: ignore[attr-defined]

    def counts(self) -> int:
        return self.host.mutation_count  # type: ignore[attr-defined]

    def run(self, *args: str) -> str:
        """Run a program on the host; its output whatever its status."""
        return process.run(["ip", "netns", "exec", self.name, *args], check=False)

    def guest(self, on: Port, address: bool = True) -> str:
        """A guest: a namespace with `eth0`, whose other end is the port's tap on this host."""
        ns = f"{self.name}-vm{next(_numbers)}"
        ip("netns", "add", ns)
        self.guests.append(ns)
        ip("-n", self.name, "link", "add", on.tap, "type", "veth", "peer", "name", "eth0", "address", on.mac, "netns", ns)
        ip("-n", ns, "link", "set", "lo", "up")
        ip("-n", ns, "link", "set", "eth0", "mtu", "1450", "up")
        for fixed in on.fixed_ips if address else ():
            ip("-n", ns, "addr", "add", f"{fixed.ip}/{fixed.prefixlen}", "dev", "eth0")
        return ns

    def close(self) -> None:
        self.stack.apply(HostState(), full=True)
        self.stack.close()
        for ns in [*self.guests, self.name]:
            process.run(["ip", "netns", "delete", ns], check=False)
        left = [n for n in os.listdir("/run/netns") if n.startswith(self.name)]
        assert not left, left


def ping(ns: str, address: str, count: int = 1) -> bool:
    code, _, _ = process.execute(
        ["ip", "netns", "exec", ns, "busybox", "ping", "-c", str(count), "-W", "1", address], timeout_s=30)
    return code == 0


def pings(ns: str, address: str) -> bool:
    """Whether it answers within three tries (the first waits for address resolution)."""
    return any(ping(ns, address) for _ in range(3))


@pytest.fixture
def machines(tmp_path: object) -> Iterator[tuple[Machine, Machine]]:
    """Two hosts with a link between them: 192.0.2.1 and 192.0.2.2."""
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing or os.geteuid() != 0:
        pytest.skip(f"needs root and {', '.join(missing) or 'its capabilities'}")
    tag = f"at{os.getpid()}{next(_numbers)}"
    a = Machine(f"{tag}a", "192.0.2.1", f"{tmp_path}/a")
    b = Machine(f"{tag}b", "192.0.2.2", f"{tmp_path}/b")
    ip("-n", a.name, "link", "add", "under", "type", "veth", "peer", "name", "under", "netns", b.name)
    for machine in (a, b):
        ip("-n", machine.name, "addr", "add", f"{machine.config.local_ip}/24", "dev", "under")
        ip("-n", machine.name, "link", "set", "under", "up")
    try:
        yield a, b
    finally:
        a.close()
        b.close()


@pytest.fixture
def machine(machines: tuple[Machine, Machine]) -> Machine:
    """One host."""
    return machines[0]


__all__ = ["HostStack", "Machine", "ping", "pings", "port", "segment"]
