"""Stateless security groups, and states of which only what changed is looked at, on real bridges and nftables."""

import dataclasses

from services.network.agent.mirror import Mirror
from services.network.drivers.vxlan import FLOOD
from services.network.objects.host_state import HostState
from services.network.objects.port import SecurityRule
from services.network.objects.segment import Neighbour
from tests.functional.network_drivers.conftest import ALLOW_ALL_OUT, NET, Machine, ping, pings, port, segment
from tests.functional.network_drivers.test_layer2_firewall import ALLOW_PING, connect, echo, says

FROM_SSH = SecurityRule("ingress", "IPv4", "tcp", 1, 65535)


def test_a_stateless_port_needs_a_rule_for_every_answer(machine: Machine) -> None:
    one = port(11, stateful=False)
    two = port(12, rules=(*ALLOW_ALL_OUT, ALLOW_PING, SecurityRule("ingress", "IPv4", "tcp", 22, 22)))
    vm1, vm2 = machine.guest(one), machine.guest(two)
    state = HostState(segments=(segment(),), ports=(one, two))
    assert not machine.stack.apply(state).errors
    assert not ping(vm1, "10.5.0.12")  # the request gets out and in, its answer is not let in
    answers = dataclasses.replace(one, rules=(*ALLOW_ALL_OUT, ALLOW_PING, FROM_SSH))
    assert not machine.stack.apply(dataclasses.replace(state, ports=(answers, two))).errors
    assert pings(vm1, "10.5.0.12")
    with echo(vm2, 22), connect(vm1, "10.5.0.12", 22) as client:
        assert says(client, b"one")
        assert not machine.stack.apply(state).errors
        assert not says(client, b"two")  # nothing is remembered of the connection


def test_a_stateful_ports_answers_reach_a_stateless_one_and_back(machine: Machine) -> None:
    open_in = SecurityRule("ingress", "IPv4")
    one, two = port(11), port(12, rules=(*ALLOW_ALL_OUT, open_in), stateful=False)
    vm1, vm2 = machine.guest(one), machine.guest(two)
    assert not machine.stack.apply(HostState(segments=(segment(),), ports=(one, two))).errors
    assert pings(vm1, "10.5.0.12")  # the answer belongs to a connection that the stateful port began
    assert not ping(vm2, "10.5.0.11")  # and it is closed to what it did not begin
    machine.restart()
    before = machine.counts()
    assert machine.stack.apply(HostState(segments=(segment(),), ports=(one, two))).changes == 0
    assert machine.counts() == before


def _fdb(machine: Machine) -> set[tuple[str, str]]:
    rows = machine.run("bridge", "fdb", "show", "dev", "vxlan-77").splitlines()
    return {(line.split()[0], line.split()[line.split().index("dst") + 1]) for line in rows if " dst " in line}


def test_only_what_changed_is_done_and_it_is_all_that_is_needed(machine: Machine) -> None:
    """A port comes, moves away and goes, told as additions; the host ends as the whole state would have made it."""
    one, two = port(11), port(12, rules=(*ALLOW_ALL_OUT, SecurityRule("ingress", "IPv4", remote_set="g1")))
    for made in (one, two):
        machine.guest(made)
    empty = {k: [] for k in ("segments", "peers", "neighbours", "ports", "address_sets", "dhcps", "routers")}
    mirror = Mirror()

    def told(asked: tuple[str, ...] = (), **more: object) -> None:
        mirror.merge({**empty, "full": False, **more}, (), asked)
        state = mirror.state()
        done = machine.stack.apply(state)
        assert not done.errors, done.errors
        mirror.settled()
        whole = machine.stack.apply(dataclasses.replace(state, changed=None), full=True)
        assert whole.changes == 0, machine.host.mutations[-5:]  # type: ignore[attr-defined]

    mirror.merge({**empty, "full": True, "segments": [segment().to_dict()], "ports": [one.to_dict()]})
    told()
    far = Neighbour(NET, "fa:16:3e:00:00:63", "192.0.2.2", ("10.5.0.99",), "far")
    told(neighbours=[far.to_dict()])
    assert _fdb(machine) == {(FLOOD, "192.0.2.2"), (far.mac, "192.0.2.2")}
    told(("far",), neighbours=[dataclasses.replace(far, host="192.0.2.3").to_dict()])
    assert _fdb(machine) == {(FLOOD, "192.0.2.3"), (far.mac, "192.0.2.3")}
    told((two.port_id,), ports=[two.to_dict()], address_sets=[{"set_id": "g1", "members": ["10.5.0.11"]}])
    told(set_changes={"g1": {"added": ["10.5.0.77"], "removed": ["10.5.0.11"]}})
    assert "10.5.0.77" in machine.run("nft", "list", "set", "inet", "altostack", "g4-g1")
    moved = Neighbour(NET, two.mac, "192.0.2.2", ("10.5.0.12",), two.port_id)
    told((two.port_id,), neighbours=[moved.to_dict()])
    assert two.tap not in machine.run("nft", "list", "map", "bridge", "altostack", "inbound")
    assert (two.mac, "192.0.2.2") in _fdb(machine)
    told(("far",), gone={"port_ids": ["far", two.port_id]})
    assert _fdb(machine) == set()
