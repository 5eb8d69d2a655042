"""Ports on one and on two hosts: who reaches whom, who cannot lie, and that nothing is done twice."""

import contextlib
import dataclasses
import socket
import threading
from collections.abc import Iterator

from common import process
from services.network.drivers.host import Host
from services.network.objects.host_state import HostState
from services.network.objects.port import AddressPair, AddressSet, FixedIp, SecurityRule
from services.network.objects.segment import FLAT, Neighbour, Segment, TunnelPeers
from tests.functional.network_drivers.conftest import ALLOW_ALL_OUT, ALLOW_PING, NET, Machine, ip, ping, pings, port, segment

SSH = SecurityRule("ingress", "IPv4", "tcp", 22, 22)


@contextlib.contextmanager
def echo(ns: str, number: int) -> Iterator[None]:
    """An echo server in a guest."""
    opened = Host(ns).enter(lambda: socket.create_server(("", number)))
    threading.Thread(target=_echo, args=(opened,), daemon=True).start()
    try:
        yield
    finally:
        opened.shutdown(socket.SHUT_RDWR)
        opened.close()


def _echo(opened: socket.socket) -> None:
    def answer(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            while data := client.recv(100):
                client.sendall(data)

    with contextlib.suppress(OSError):
        while True:
            threading.Thread(target=answer, args=(opened.accept()[0],), daemon=True).start()


def connect(ns: str, address: str, number: int) -> socket.socket:
    return Host(ns).enter(lambda: socket.create_connection((address, number), timeout=1.5))


def says(client: socket.socket, word: bytes) -> bool:
    """Whether the echo comes back."""
    client.sendall(word)
    try:
        return client.recv(100) == word
    except TimeoutError:
        return False


def tcp(ns: str, address: str, number: int) -> bool:
    try:
        with connect(ns, address, number) as client:
            return says(client, b"hello")
    except OSError:
        return False


def test_an_unknown_tap_passes_nothing(machine: Machine) -> None:
    one, two = port(11, rules=(*ALLOW_ALL_OUT, ALLOW_PING)), port(12, rules=(*ALLOW_ALL_OUT, ALLOW_PING))
    vm1, vm2 = machine.guest(one), machine.guest(two)
    done = machine.stack.apply(HostState(segments=(segment(),), ports=(one,)))
    assert not done.errors and done.wired == {one.port_id}
    ip("-n", machine.name, "link", "set", two.tap, "master", segment().bridge, "up")  # a hypervisor was faster than us
    assert not ping(vm2, "10.5.0.11") and not ping(vm1, "10.5.0.12")
    done = machine.stack.apply(HostState(segments=(segment(),), ports=(one, two)))
    assert not done.errors and done.wired == {one.port_id, two.port_id}
    assert pings(vm2, "10.5.0.11") and pings(vm1, "10.5.0.12")


def test_a_tap_that_is_being_made_is_left_to_its_hypervisor(machine: Machine) -> None:
    one = port(11)
    state = HostState(segments=(segment(),), ports=(one,))
    ip("-n", machine.name, "tuntap", "add", "dev", one.tap, "mode", "tap")
    done = machine.stack.apply(state)
    assert not done.errors and done.missing == {one.port_id}
    ip("-n", machine.name, "link", "set", one.tap, "master", segment().bridge)  # by libvirt, which fails where we were faster
    ip("-n", machine.name, "link", "set", one.tap, "up")
    machine.stack.layer2.forget_device(one.tap)  # what the link monitor tells then
    done = machine.stack.apply(state)
    assert not done.errors and done.wired == {one.port_id} and not done.missing
    ip("-n", machine.name, "link", "set", one.tap, "nomaster")
    done = machine.stack.apply(state, full=True)
    assert done.wired == {one.port_id} and f"master {segment().bridge}" in machine.run("ip", "link", "show", one.tap)


def test_rules_are_stateful_and_follow_changes(machine: Machine) -> None:
    one, two = port(11), port(12)
    vm1, vm2 = machine.guest(one), machine.guest(two)
    state = HostState(segments=(segment(),), ports=(one, two))
    assert not machine.stack.apply(state).errors
    assert not ping(vm1, "10.5.0.12")
    with echo(vm2, 22), echo(vm2, 23):
        assert not tcp(vm1, "10.5.0.12", 22)
        group = SecurityRule("ingress", "IPv4", "tcp", 22, 22, remote_set="g1")
        open_two = dataclasses.replace(two, rules=(*ALLOW_ALL_OUT, group))
        state = dataclasses.replace(state, ports=(one, open_two), address_sets=(AddressSet("g1", ("10.5.0.11",)),))
        assert not machine.stack.apply(state).errors
        assert tcp(vm1, "10.5.0.12", 22) and not tcp(vm1, "10.5.0.12", 23)
        assert not ping(vm2, "10.5.0.11")  # the way back is for answers only
        machine.restart()
        before = machine.counts()
        assert not machine.stack.apply(state, full=True).errors
        assert machine.counts() == before, machine.host.mutations
        wide = dataclasses.replace(state, address_sets=(AddressSet("g1", ("10.6.0.1", "10.5.0.0/28")),))
        assert not machine.stack.apply(wide).errors
        assert tcp(vm1, "10.5.0.12", 22)
        empty = dataclasses.replace(state, address_sets=(AddressSet("g1"),))
        assert not machine.stack.apply(empty).errors
        assert not tcp(vm1, "10.5.0.12", 22)


def test_a_removed_rule_ends_what_it_let_in(machine: Machine) -> None:
    one, two = port(11), port(12, rules=(*ALLOW_ALL_OUT, SSH))
    vm1, vm2 = machine.guest(one), machine.guest(two)
    state = HostState(segments=(segment(),), ports=(one, two))
    assert not machine.stack.apply(state).errors
    with echo(vm2, 22), connect(vm1, "10.5.0.12", 22) as client:
        assert says(client, b"one")
        more = dataclasses.replace(two, rules=(*two.rules, ALLOW_PING))
        assert not machine.stack.apply(dataclasses.replace(state, ports=(one, more))).errors
        assert says(client, b"two")  # an applied change leaves connections alone
        less = dataclasses.replace(two, rules=(*ALLOW_ALL_OUT, ALLOW_PING))
        assert not machine.stack.apply(dataclasses.replace(state, ports=(one, less))).errors
        assert not says(client, b"three")


def test_spoofing_is_dropped(machine: Machine) -> None:
    one = port(11, allowed_address_pairs=(AddressPair("10.5.0.200"),))
    two = port(12, rules=(*ALLOW_ALL_OUT, ALLOW_PING))
    free = port(13, port_security_enabled=False)
    vm1, vm2, vm3 = machine.guest(one), machine.guest(two), machine.guest(free)
    assert not machine.stack.apply(HostState(segments=(segment(),), ports=(one, two, free))).errors
    assert pings(vm1, "10.5.0.12")
    ip("-n", vm1, "addr", "flush", "dev", "eth0", "scope", "global")
    ip("-n", vm1, "addr", "add", "10.5.0.99/24", "dev", "eth0")
    assert not ping(vm1, "10.5.0.12")
    assert "10.5.0.99" not in ip("-n", vm2, "neigh")  # not even its ARP was seen
    mac = ip("-n", vm2, "-br", "link", "show", "eth0").split()[2]
    ip("-n", vm1, "neigh", "replace", "10.5.0.12", "lladdr", mac, "dev", "eth0")
    ip("-n", vm2, "neigh", "replace", "10.5.0.99", "lladdr", one.mac, "dev", "eth0")
    assert not ping(vm1, "10.5.0.12")  # nor does the IP packet pass when no ARP is needed
    ip("-n", vm1, "addr", "flush", "dev", "eth0", "scope", "global")
    ip("-n", vm1, "addr", "add", "10.5.0.200/24", "dev", "eth0")
    assert pings(vm1, "10.5.0.12")  # an allowed address pair
    ip("-n", vm1, "link", "set", "eth0", "address", "fa:16:3e:66:66:66")
    assert not ping(vm1, "10.5.0.12")
    ip("-n", vm3, "addr", "flush", "dev", "eth0", "scope", "global")
    ip("-n", vm3, "addr", "add", "10.5.0.77/24", "dev", "eth0")
    assert pings(vm3, "10.5.0.12")  # without port security anything goes


def ping6(ns: str, address: str) -> bool:
    return any(process.execute(["ip", "netns", "exec", ns, "busybox", "ping6", "-c", "1", "-W", "1", address],
                               timeout_s=30)[0] == 0 for _ in range(3))


def test_ipv6_is_filtered_as_ipv4_is(machine: Machine) -> None:
    ping_in = SecurityRule("ingress", "IPv6", "icmp")
    one = dataclasses.replace(port(11, rules=(*ALLOW_ALL_OUT, ping_in)), fixed_ips=(FixedIp("fd00:5::11", "s6", 64),))
    two = dataclasses.replace(port(12), fixed_ips=(FixedIp("fd00:5::12", "s6", 64),))
    vm1, vm2 = machine.guest(one, address=False), machine.guest(two, address=False)
    assert not machine.stack.apply(HostState(segments=(segment(),), ports=(one, two))).errors
    for vm, address in ((vm1, "fd00:5::11/64"), (vm2, "fd00:5::12/64")):
        ip("-n", vm, "addr", "add", address, "dev", "eth0", "nodad")
    assert ping6(vm2, "fd00:5::11") and not ping6(vm1, "fd00:5::12")
    ip("-n", vm2, "addr", "add", "fd00:5::99/64", "dev", "eth0", "nodad")
    ip("-n", vm2, "addr", "del", "fd00:5::12/64", "dev", "eth0")
    assert not ping6(vm2, "fd00:5::11")


def test_one_bad_unit_harms_no_other(machine: Machine) -> None:
    one, two = port(11), port(12, rules=(SecurityRule("ingress", "IPv4", "nonsense"),))
    machine.guest(one)
    machine.guest(two)
    nowhere = Segment("ffff0000-0000-4000-8000-000000000001", FLAT, physical_network="nowhere")
    done = machine.stack.apply(HostState(segments=(nowhere, segment()), ports=(one, two)))
    assert done.wired == {one.port_id}
    assert done.errors.keys() == {f"network:{nowhere.network_id}", f"port:{two.port_id}"}


def test_two_hosts_by_vxlan(machines: tuple[Machine, Machine]) -> None:
    a, b = machines
    rules = (*ALLOW_ALL_OUT, ALLOW_PING)
    one, two = port(11, rules=rules), port(12, rules=rules)
    vm1, vm2 = a.guest(one), b.guest(two)
    states = []
    for machine, mine, other, peer in ((a, one, two, b), (b, two, one, a)):
        state = HostState(
            segments=(segment(),), ports=(mine,),
            peers=(TunnelPeers(NET, (peer.config.local_ip,)),),
            neighbours=(Neighbour(NET, other.mac, peer.config.local_ip, (other.fixed_ips[0].ip,)),),
        )
        states.append(state)
        done = machine.stack.apply(state)
        assert not done.errors, done.errors
        assert done.wired == {mine.port_id}
    assert pings(vm1, "10.5.0.12") and pings(vm2, "10.5.0.11")
    for machine, state in zip((a, b), states, strict=True):
        for full in (False, True):
            before = machine.counts()
            done = machine.stack.apply(dataclasses.replace(state), full=full)
            assert machine.counts() == before, machine.host.mutations[-5:]
            assert done.changes == 0 and not done.errors
    moved = dataclasses.replace(states[0], neighbours=())
    assert not a.stack.apply(moved).errors
    assert f"{two.mac} dst" not in a.run("bridge", "fdb", "show", "dev", "vxlan-77")


def test_nothing_is_left(machine: Machine) -> None:
    one = port(11)
    machine.guest(one)
    ip("-n", machine.name, "link", "add", "br-other", "type", "bridge")
    before = machine.run("ip", "-br", "link")
    assert not machine.stack.apply(HostState(segments=(segment(),), ports=(one,))).errors
    machine.run("ip", "link", "del", one.tap)
    machine.restart()
    assert not machine.stack.apply(HostState(), full=True).errors
    left = {line.split()[0] for line in machine.run("ip", "-br", "link").splitlines()}
    assert left == {line.split()[0] for line in before.splitlines()} - {tap_line(one.tap, before)}
    assert "br-other" in left
    assert not machine.run("nft", "list", "map", "bridge", "altostack", "inbound").count("tap")


def tap_line(tap: str, listing: str) -> str:
    return next(line.split()[0] for line in listing.splitlines() if line.startswith(tap))
