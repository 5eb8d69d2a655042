"""What an agent keeps of what its conductor says: answers merged, and what they touched."""

from typing import Any

from services.network.agent.mirror import Mirror
from services.network.objects.dhcp import Dhcp, DhcpHost
from services.network.objects.port import Port, SecurityRule
from services.network.objects.router import Router, RouterInterface
from services.network.objects.segment import Neighbour, Segment

KINDS = ("segments", "peers", "neighbours", "ports", "address_sets", "dhcps", "routers")


def answer(full: bool = False, **made: Any) -> dict[str, Any]:
    plain = {k: [x.to_dict() if hasattr(x, "to_dict") else x for x in made.pop(k, ())] for k in KINDS}
    return {"full": full, **plain, **made}


def port(port_id: str, *sets: str, mac: str = "m", **more: Any) -> Port:
    return Port(port_id, "n1", mac, rules=tuple(SecurityRule("ingress", remote_set=s) for s in sets), **more)


def members(*ips: str, set_id: str = "s1") -> dict[str, Any]:
    return {"set_id": set_id, "members": list(ips)}


def mirror(**made: Any) -> Mirror:
    one = Mirror()
    one.merge(answer(True, **made))
    one.state()
    one.settled()
    return one


def sets(one: Mirror) -> dict[str, set[str]]:
    return {s.set_id: set(s.members) for s in one.state().address_sets}


def test_a_set_goes_with_the_last_port_that_names_it() -> None:
    one = mirror(ports=[port("p1", "s1", "s2"), port("p2", "s1")], address_sets=[members("1"), members("2", set_id="s2")])
    one.merge(answer(gone={"port_ids": ["p1"]}))
    assert sets(one) == {"s1": {"1"}}
    one.merge(answer(gone={"port_ids": ["p2"]}))
    assert sets(one) == {} and one.state().changed.sets == {"s1", "s2"}


def test_a_set_goes_when_rules_no_longer_name_it() -> None:
    one = mirror(ports=[port("p1", "s1")], address_sets=[members("1")])
    one.merge(answer(ports=[port("p1", "s2")], address_sets=[members("2", set_id="s2")]), (), ["p1"])
    assert sets(one) == {"s2": {"2"}}


def test_a_set_stays_when_its_last_port_is_replaced_by_another_in_one_answer() -> None:
    one = mirror(ports=[port("p1", "s1")], address_sets=[members("1")])
    one.merge(answer(ports=[port("p2", "s1")], gone={"port_ids": ["p1"]}), (), ["p1", "p2"])
    assert sets(one) == {"s1": {"1"}}


def test_members_come_and_go() -> None:
    one = mirror(ports=[port("p1", "s1")], address_sets=[members("1", "2")])
    one.merge(answer(set_changes={
        "s1": {"added": ["3", "1"], "removed": ["2", "9"]}, "unknown": {"added": ["1"], "removed": []}}))
    assert sets(one) == {"s1": {"1", "3"}} and one.state().changed.sets == {"s1"}


def test_a_port_that_was_asked_for_and_does_not_come_is_elsewhere() -> None:
    one = mirror(segments=[Segment("n1", "vxlan", 7)], ports=[port("p1")])
    one.merge(answer(neighbours=[Neighbour("n1", "m", "192.0.2.2", (), "p1")]), (), ["p1"])
    state = one.state()
    assert state.ports == () and [n.host for n in state.neighbours] == ["192.0.2.2"]
    assert state.changed.ports == {"p1"} and set(state.changed.neighbours["n1"]) == {"m"}


def test_a_port_that_comes_is_no_neighbour_any_more_unless_it_is_only_expected() -> None:
    one = mirror(neighbours=[Neighbour("n1", "m", "192.0.2.2", (), "p1")])
    one.merge(answer(ports=[port("p1", pending=True)]), (), ["p1"])
    assert len(one.state().neighbours) == 1
    one.merge(answer(ports=[port("p1")]), (), ["p1"])
    assert one.state().neighbours == ()


def test_a_neighbour_goes_with_its_port_wherever_that_was() -> None:
    one = mirror(neighbours=[Neighbour("n1", "m", "192.0.2.2", (), "p1"), Neighbour("n1", "x", "192.0.2.3", (), "p2")])
    one.merge(answer(neighbours=[Neighbour("n1", "new", "192.0.2.2", (), "p1")]))
    assert [n.mac for n in one.state().neighbours] == ["x", "new"]
    one.merge(answer(gone={"port_ids": ["p1"]}), (), ["p1"])
    assert [n.mac for n in one.state().neighbours] == ["x"]


def test_hosts_reach_dhcp_servers_and_routers_and_others_stay_the_same_objects() -> None:
    inside, other = port("r1"), Port("r2", "n2", "y")
    one = mirror(dhcps=[Dhcp("n1", port("d1"))], routers=[Router("a", (RouterInterface(inside), RouterInterface(other))),
                                                           Router("b", (RouterInterface(other),))],
                 all_hosts={"n1": [DhcpHost("p1", "m").to_dict()], "n2": [DhcpHost("p9", "z").to_dict()]})
    before = one.state()
    assert [h.port_id for h in before.dhcps[0].hosts] == ["p1"]
    assert [h.port_id for h in before.routers[0].hosts] == ["p1", "p9"]
    one.merge(answer(hosts={"n1": [DhcpHost("p2", "n").to_dict()], "n7": [DhcpHost("p3", "n").to_dict()]}))
    after = one.state()
    assert [h.port_id for h in after.dhcps[0].hosts] == ["p1", "p2"] and len(after.routers[0].hosts) == 3
    assert after.routers[1] is before.routers[1]
    assert one.hosts_known(["a", "unknown"]) == ["n1", "n2"]
    one.merge(answer(gone={"port_ids": ["p1"], "network_ids": ["n1"], "router_ids": ["a"]}))
    assert set(one.hosts) == {"n2"}


def test_nothing_touched_gives_the_same_pieces_again() -> None:
    one = mirror(ports=[port("p1", "s1")], address_sets=[members("1")], neighbours=[Neighbour("n1", "k", "h", (), "p5")])
    first, second = one.state(), one.state()
    assert first == second and first.neighbours is second.neighbours and first.address_sets[0] is second.address_sets[0]
    assert not any((second.changed.ports, second.changed.networks, second.changed.sets, second.changed.neighbours))


def test_what_was_touched_is_kept_until_the_drivers_took_it_in() -> None:
    one = mirror(ports=[port("p1")])
    one.merge(answer(ports=[port("p2")]))
    one.state()
    one.merge(answer(ports=[port("p3")]))
    assert one.state().changed.ports == {"p2", "p3"}
    one.settled()
    assert one.state().changed.ports == set()
    one.merge(answer(True))
    assert one.state().changed is None
