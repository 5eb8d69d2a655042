"""Rules as lines of nft, and the difference between two rulesets."""

import json

import pytest

from services.network.drivers import conntrack, nft_rules
from services.network.drivers.nft_model import Collection, Ruleset, difference, parse
from services.network.objects.port import AddressPair, AddressSet, FixedIp, Port, SecurityRule


def port(*rules: SecurityRule, **more: object) -> Port:
    return Port("p1", "n1", "FA:16:3e:00:00:01", (FixedIp("10.0.0.5"), FixedIp("fd00::5")), rules=rules, **more)  # type: ignore[arg-type]


def lines(rule: SecurityRule, stateful: bool = True, **sets: AddressSet) -> list[str]:
    wide = {i: (nft_rules.split_members(s.members, 4)[1], nft_rules.split_members(s.members, 6)[1]) for i, s in sets.items()}
    found = nft_rules.direction_lines(port(rule, stateful=stateful), rule.direction, wide)
    assert found.pop() == "drop" and (found.pop(0) == "ct state invalid drop" if stateful else True)
    return found[len(nft_rules.ALWAYS_INGRESS):]


@pytest.mark.parametrize(("rule", "expected"), [
    (SecurityRule("ingress"), "meta nfproto ipv4 accept"),
    (SecurityRule("egress", "IPv6"), "meta nfproto ipv6 return"),
    (SecurityRule("ingress", "IPv4", "tcp", 22, 22), "meta nfproto ipv4 meta l4proto 6 th dport 22 accept"),
    (SecurityRule("ingress", "IPv4", "udp", 10, 20, "10.0.0.9/24"),
     "meta nfproto ipv4 ip saddr 10.0.0.0/24 meta l4proto 17 th dport 10-20 accept"),
    (SecurityRule("egress", "IPv4", "icmp", 8, 0), "meta nfproto ipv4 icmp type 8 icmp code 0 return"),
    (SecurityRule("ingress", "IPv6", "icmp"), "meta nfproto ipv6 meta l4proto 58 accept"),
    (SecurityRule("ingress", "IPv4", "112"), "meta nfproto ipv4 meta l4proto 112 accept"),
    (SecurityRule("ingress", "IPv4", None, None, None, "0.0.0.0/0"), "meta nfproto ipv4 accept"),
])
def test_one_rule_is_one_line(rule: SecurityRule, expected: str) -> None:
    assert lines(rule) == [expected]


def test_a_stateless_port_only_lets_pass_and_knows_no_connections() -> None:
    assert lines(SecurityRule("ingress", "IPv4", "tcp", 22, 22), stateful=False) == [
        "meta nfproto ipv4 meta l4proto 6 th dport 22 return"]
    for direction in ("ingress", "egress"):
        found = nft_rules.direction_lines(port(SecurityRule(direction), stateful=False), direction, {})
        assert not any("ct state" in line or "accept" in line for line in found)


def test_members_are_followed_as_they_are_split() -> None:
    before = ("10.0.0.7", "10.0.0.8", "10.1.0.0/16", "fd00::1")
    known = {v: nft_rules.split_members(before, v) for v in (4, 6)}
    for after in (("10.0.0.8", "10.0.0.9", "10.1.0.0/16", "fd00::1"), ("10.0.0.7", "10.0.0.8", "10.1.0.0/16", "fd00::2"),
                  ("10.0.0.7", "10.0.0.8/32"), ()):
        assert nft_rules.follow_members(known, before, after) == {v: nft_rules.split_members(after, v) for v in (4, 6)}
    assert known == {v: nft_rules.split_members(before, v) for v in (4, 6)}
    kept = nft_rules.follow_members(known, before, (*before, "fd00::9"))
    assert kept[4][0] is known[4][0]  # so that nobody compares it


def test_remote_groups_are_sets_and_their_cidrs_stand_in_the_rule() -> None:
    rule = SecurityRule("ingress", remote_set="g-1")
    members = AddressSet("g-1", ("10.0.0.7", "10.1.0.0/16", "10.1.2.0/24", "fd00::/64"))
    assert lines(rule, **{"g-1": members}) == [
        "meta nfproto ipv4 ip saddr @g4-g-1 accept", "meta nfproto ipv4 ip saddr { 10.1.0.0/16 } accept"]
    assert lines(rule) == ["meta nfproto ipv4 ip saddr @g4-g-1 accept"]  # a group without members lets nobody in


@pytest.mark.parametrize("rule", [
    SecurityRule("ingress", "IPv4", "tcp; flush ruleset"), SecurityRule("ingress", "IPv4", "tcp", 5, 70000),
    SecurityRule("ingress", "IPv4", None, None, None, "10.0.0.0/8 accept"), SecurityRule("sideways"),
    SecurityRule("ingress", "IPv4", None, None, None, "fd00::/8"), SecurityRule("ingress", "IPv4", "tcp", 9, 8),
])
def test_what_is_no_rule_raises(rule: SecurityRule) -> None:
    with pytest.raises(ValueError):
        nft_rules.direction_lines(port(rule, SecurityRule("sideways")), "sideways" if rule.direction == "sideways" else
                                  "ingress", {})


def test_spoofing_lines_know_all_pairs() -> None:
    text = "\n".join(nft_rules.spoof_lines(port(allowed_address_pairs=(AddressPair("10.9.0.0/16", "fa:16:3e:00:00:02"),))))
    assert "ether saddr != { fa:16:3e:00:00:01, fa:16:3e:00:00:02 } drop" in text
    assert "ether saddr fa:16:3e:00:00:02 ip saddr { 10.9.0.0/16 } accept" in text
    assert "fe80::f816:3eff:fe00:1" in text
    with pytest.raises(ValueError):
        nft_rules.spoof_lines(Port("p", "n", "not a mac"))


def ruleset(*addresses: str, body: str = "drop") -> Ruleset:
    one = Ruleset()
    name = one.add_chain("inet", "i", [body])
    one.collections["inet", "g4-a"] = Collection("type ipv4_addr", dict.fromkeys(addresses, ""))
    one.collections["inet", "ingress"] = Collection("type mark : verdict", {"1": f"jump {name}"}, is_map=True)
    return one


def test_difference_is_minimal_and_ordered() -> None:
    assert difference(ruleset("10.0.0.1"), ruleset("10.0.0.1")) == ""
    assert difference(ruleset("10.0.0.1"), ruleset("10.0.0.2")).splitlines()[1:] == [
        "delete element inet altostack g4-a { 10.0.0.1 }", "add element inet altostack g4-a { 10.0.0.2 }"]
    script = difference(ruleset(), ruleset(body="accept"))
    verbs = [" ".join(line.split()[:2]) for line in script.splitlines()]
    assert verbs == ["add table", "add chain", "add rule", "delete element", "add element", "flush chain", "delete chain"]


def test_what_the_kernel_lists_equals_what_was_loaded() -> None:
    wanted = ruleset("10.0.0.1")
    chain = next(iter(wanted.chains))[1]
    listed = {"nftables": [
        {"chain": {"family": "inet", "name": chain}},
        {"set": {"family": "inet", "name": "g4-a", "elem": ["10.0.0.1"]}},
        {"map": {"family": "inet", "name": "ingress", "map": "verdict", "elem": [[1, {"jump": {"target": chain}}]]}},
    ]}
    assert difference(parse([json.dumps(listed), ""]), wanted) == ""


def test_only_connections_of_lost_rules_are_ended() -> None:
    ssh, web = SecurityRule("ingress", "IPv4", "tcp", 22, 22), SecurityRule("ingress", "IPv4", "tcp", 80, 80)
    assert conntrack.lost(port(ssh), port(ssh, web), 3) == set()
    assert conntrack.lost(port(ssh, web), port(ssh), 3) == {conntrack.Flow(3, 4, destination="10.0.0.5", protocol="tcp")}
    assert conntrack.Flow(3, 6, source="fd00::5") in conntrack.lost(port(ssh), None, 3)
