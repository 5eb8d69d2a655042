"""DHCP leases, routers with floating IPs, and metadata, as a guest sees them."""

import contextlib
import dataclasses
import hashlib
import hmac
import http.server
import os
import threading
from collections.abc import Iterator

import pytest

from common import clock, process
from services.network.drivers import daemon
from services.network.drivers.host import Host
from services.network.objects.dhcp import SLAAC, Dhcp, DhcpHost, DhcpOption, DhcpSubnet
from services.network.objects.host_state import HostState
from services.network.objects.port import FixedIp
from services.network.objects.router import FloatingIp, Router, RouterGateway, RouterInterface
from services.network.objects.segment import FLAT, Segment
from tests.functional.network_drivers.conftest import (
    ALLOW_ALL_OUT,
    ALLOW_PING,
    NET,
    SUBNET,
    Machine,
    ip,
    ping,
    pings,
    port,
    segment,
)

PUBLIC = "cccccccc-0000-4000-8000-000000000001"
ROUTER = "dddddddd-0000-4000-8000-000000000001"
RULES = (*ALLOW_ALL_OUT, ALLOW_PING)


def dhcp_of(*hosts: DhcpHost, **more: object) -> Dhcp:
    own = port(2, device_owner="network:dhcp")
    values: dict[str, object] = {
        "subnets": (DhcpSubnet(SUBNET, "10.5.0.0/24", gateway_ip="10.5.0.1", dns_servers=("9.9.9.9",)),), "mtu": 1450,
        **more,
    }
    return Dhcp(NET, own, hosts=hosts, **values)  # type: ignore[arg-type]


def known(number: int, **more: object) -> DhcpHost:
    one = port(number)
    return DhcpHost(one.port_id, one.mac, (f"10.5.0.{number}",), (SUBNET,), hostname=f"vm-{number}",
                    device_id=f"instance-{number}", project_id="project-1", **more)  # type: ignore[arg-type]


def lease(ns: str, folder: str) -> str:
    """What udhcpc was told, as `name=value` lines; empty without a lease."""
    script = os.path.join(folder, "udhcpc.sh")
    with open(script, "w") as f:
        f.write('#!/bin/sh\n[ "$1" = bound ] || exit 0\nset\n')
    os.chmod(script, 0o755)
    return process.execute(
        ["ip", "netns", "exec", ns, "busybox", "udhcpc", "-i", "eth0", "-q", "-n", "-f", "-t", "4", "-T", "1",
         "-O", "mtu", "-O", "staticroutes", "-s", script], timeout_s=30, env={"PATH": os.environ["PATH"]})[1]


def test_a_guest_gets_its_lease(machine: Machine, tmp_path: object) -> None:
    one, other = port(11, rules=RULES), port(12, rules=RULES)
    vm1 = machine.guest(one, address=False)
    vm2 = machine.guest(other, address=False)
    dhcp = dhcp_of(known(11, options=(DhcpOption("tftp-server", "10.5.0.50"),)))
    state = HostState(segments=(segment(),), ports=(one, other), dhcps=(dhcp,))
    done = machine.stack.apply(state)
    assert not done.errors, done.errors
    told = lease(vm1, str(tmp_path))
    for fact in ("ip='10.5.0.11'", "router='10.5.0.1'", "dns='9.9.9.9'", "mtu='1450'", "hostname='vm-11'",
                 "169.254.169.254/32 10.5.0.1", "sname='10.5.0.50'"):
        assert fact in told, told
    assert "ip=" not in lease(vm2, str(tmp_path))  # an unknown MAC gets nothing
    pid_file = f"{machine.config.state_dir}/dhcp/{NET}/pid"
    pid = open(pid_file).read()
    before = machine.counts()
    machine.stack.apply(dataclasses.replace(state), full=True)
    assert machine.counts() == before, machine.host.mutations[-5:]
    machine.restart()
    done = machine.stack.apply(state)
    assert not done.errors and done.changes == 1  # the metadata listener of the new process
    state = dataclasses.replace(state, dhcps=(dhcp_of(dhcp.hosts[0], known(12)),))
    assert not machine.stack.apply(state).errors
    clock.sleep(0.3)
    told = lease(vm2, str(tmp_path))
    assert "ip='10.5.0.12'" in told, open(f"{machine.config.state_dir}/dhcp/{NET}/log").read()
    assert open(pid_file).read() == pid  # a HUP, no restart
    machine.stack.apply(HostState(), full=True)
    assert daemon.running(pid_file, marker="dnsmasq") is None and daemon.read_pid(pid_file) is None
    assert not still_runs(int(pid))


def still_runs(pid: int) -> bool:
    """Whether the process still runs (a zombie does not)."""
    try:
        with open(f"/proc/{pid}/cmdline") as f:
            return bool(f.read())
    except OSError:
        return False


@contextlib.contextmanager
def metadata_api(ns: str) -> Iterator[list[dict[str, str]]]:
    """A metadata API on the host that remembers the headers it got."""
    seen: list[dict[str, str]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append({"path": self.path, **{k.lower(): v for k, v in self.headers.items()}})
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"i am " + self.headers["X-Instance-ID"].encode())

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    seen.append({"url": f"http://127.0.0.1:{server.server_port}"})
    try:
        yield seen
    finally:
        server.shutdown()
        server.server_close()


def wget(ns: str, url: str, *more: str) -> str:
    return process.execute(["ip", "netns", "exec", ns, "busybox", "timeout", "4", "busybox", "wget", "-q", "-O", "-",
                            *more, url], timeout_s=20)[1]


def test_metadata_in_an_isolated_network(machine: Machine) -> None:
    one, stranger = port(11, rules=RULES), port(12, rules=RULES)
    vm1, vm2 = machine.guest(one), machine.guest(stranger)
    isolated = DhcpSubnet(SUBNET, "10.5.0.0/24", isolated=True)
    with metadata_api(machine.name) as seen:
        machine.config = dataclasses.replace(machine.config, metadata_url=seen[0]["url"])
        machine.restart()
        state = HostState(segments=(segment(),), ports=(one, stranger), dhcps=(dhcp_of(known(11), subnets=(isolated,)),))
        done = machine.stack.apply(state)
        assert not done.errors, done.errors
        for vm in (vm1, vm2):
            ip("-n", vm, "route", "add", "169.254.169.254/32", "via", "10.5.0.2")
        url = "http://169.254.169.254/openstack/latest/meta_data.json"
        assert wget(vm1, url, "--header", "X-Instance-ID: other", "--header", "X-Forwarded-For: 1.2.3.4") == \
            "i am instance-11"
        got = seen[-1]
        assert got["path"] == "/openstack/latest/meta_data.json"
        assert got["x-forwarded-for"] == "10.5.0.11" and got["x-tenant-id"] == "project-1"
        assert got["x-instance-id-signature"] == hmac.new(b"s3cret", b"instance-11", hashlib.sha256).hexdigest()
        count = len(seen)
        assert wget(vm2, url) == "" and len(seen) == count  # 404: nobody knows this address


def routed_state(guest_fip: bool = True, gateway: bool = True) -> tuple[HostState, object]:
    one = port(11, rules=RULES)
    inside = dataclasses.replace(port(1, device_owner="network:router_interface"), device_id=ROUTER)
    outside = dataclasses.replace(
        port(40, PUBLIC, device_owner="network:router_gateway"), fixed_ips=(FixedIp("203.0.113.10", "s2", 24),))
    router = Router(
        ROUTER, interfaces=(RouterInterface(inside, mtu=1450),),
        gateway=RouterGateway(outside, ("203.0.113.1",)) if gateway else None,
        floating_ips=(FloatingIp("203.0.113.50", "10.5.0.11"),) if guest_fip else (), hosts=(known(11),),
    )
    return HostState(
        segments=(segment(), Segment(PUBLIC, FLAT, physical_network="public")), ports=(one,), routers=(router,)), one


def test_router_floating_ip_and_metadata(machine: Machine) -> None:
    state, one = routed_state()
    vm = machine.guest(one)  # type: ignore[arg-type]
    ip("-n", vm, "route", "add", "default", "via", "10.5.0.1")
    ip("-n", machine.name, "link", "add", "br-ex", "type", "bridge")
    ip("-n", machine.name, "addr", "add", "203.0.113.1/24", "dev", "br-ex")
    ip("-n", machine.name, "link", "set", "br-ex", "up")
    with metadata_api(machine.name) as seen:
        machine.config = dataclasses.replace(machine.config, metadata_url=seen[0]["url"])
        machine.restart()
        done = machine.stack.apply(state)
        assert not done.errors, done.errors
        assert pings(vm, "10.5.0.1") and pings(vm, "203.0.113.1")
        assert pings(machine.name, "203.0.113.50")
        assert pings(vm, "203.0.113.50")  # through its own floating IP
        assert wget(vm, "http://169.254.169.254/latest/meta-data/") == "i am instance-11"
        assert wget(vm, "http://10.5.0.1:9697/") == ""
    before = machine.counts()
    machine.stack.apply(dataclasses.replace(state), full=True)
    assert machine.counts() == before, machine.host.mutations[-5:]
    machine.restart()
    assert machine.stack.apply(state).changes == 1  # the listener
    without, _ = routed_state(guest_fip=False)
    assert not machine.stack.apply(without).errors
    assert not ping(machine.name, "203.0.113.50")
    assert pings(vm, "203.0.113.1")  # by SNAT
    closed, _ = routed_state(guest_fip=False, gateway=False)
    assert not machine.stack.apply(closed).errors
    assert not ping(vm, "203.0.113.1") and pings(vm, "10.5.0.1")
    machine.run("ip", "link", "del", one.tap)  # type: ignore[attr-defined]
    machine.stack.apply(HostState(), full=True)
    left = machine.run("ip", "-br", "link")
    assert "brq" not in left and "phy" not in left and "br-ex" in left
    assert not [n for n in os.listdir("/run/netns") if n.startswith(machine.name + "-q")]


def test_router_advertises_ipv6(machine: Machine) -> None:
    one = port(11, rules=RULES)
    vm = machine.guest(one, address=False)
    six = dataclasses.replace(
        port(1, device_owner="network:router_interface"), fixed_ips=(FixedIp("fd00:5::1", "s6", 64),))
    one = dataclasses.replace(one, fixed_ips=(FixedIp("fd00:5::f816:3eff:fe00:b", "s6", 64),))
    router = Router(ROUTER, interfaces=(RouterInterface(six, mtu=1450, ra_mode=SLAAC),))
    state = HostState(segments=(segment(),), ports=(one,), routers=(router,))
    done = machine.stack.apply(state)
    assert not done.errors, done.errors

    def addressed() -> bool:
        return "fd00:5::f816:3eff:fe00:b/64" in ip("-n", vm, "-6", "addr", "show", "dev", "eth0")

    until = clock.monotonic() + 15
    while not addressed() and clock.monotonic() < until:
        clock.sleep(0.3)
    assert addressed()
    assert process.execute(["ip", "netns", "exec", vm, "busybox", "ping6", "-c", "1", "-W", "3", "fd00:5::1"])[0] == 0
    before = machine.counts()
    machine.stack.apply(dataclasses.replace(state), full=True)
    assert machine.counts() == before, machine.host.mutations[-5:]


@pytest.mark.parametrize("restarted", [False, True])
def test_an_address_that_goes_to_another_guest_is_leased_to_it(machine: Machine, tmp_path: object, restarted: bool) -> None:
    """The former guest never gave its lease back: nobody does who is deleted."""
    one, other = port(11, rules=RULES), port(12, rules=RULES)
    vm1, vm2 = machine.guest(one, address=False), machine.guest(other, address=False)
    state = HostState(segments=(segment(),), ports=(one, other), dhcps=(dhcp_of(known(11)),))
    assert not machine.stack.apply(state).errors
    assert "ip='10.5.0.11'" in lease(vm1, str(tmp_path))
    assert not machine.stack.apply(dataclasses.replace(state, ports=(other,), dhcps=(dhcp_of(),))).errors
    if restarted:
        machine.restart()
    heir = dataclasses.replace(known(12), ips=("10.5.0.11",))
    moved = dataclasses.replace(other, fixed_ips=one.fixed_ips)
    state = dataclasses.replace(state, ports=(moved,), dhcps=(dhcp_of(heir),))
    assert not machine.stack.apply(state).errors
    assert "ip='10.5.0.11'" in lease(vm2, str(tmp_path))
    before = machine.counts()
    assert not machine.stack.apply(dataclasses.replace(state), full=True).errors
    assert machine.counts() == before, machine.host.mutations[-5:]


def test_link_monitor_tells_of_taps(machine: Machine) -> None:
    told: list[tuple[str, bool]] = []
    event = threading.Event()

    def callback(name: str, present: bool) -> None:
        told.append((name, present))
        event.set()

    machine.stack.links.start(callback)
    one = port(11)
    ip("-n", machine.name, "link", "add", one.tap, "type", "bridge")  # not there yet, while it is down
    for present, args in ((True, ("set", one.tap, "up")), (False, ("del", one.tap))):
        event.clear()
        ip("-n", machine.name, "link", *args)
        assert clock.wait(event, 5) and told[-1] == (one.tap, present)
    assert isinstance(machine.host, Host) and len(told) == 2
