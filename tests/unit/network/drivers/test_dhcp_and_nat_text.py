"""The texts for dnsmasq and the tables of routers."""

import dataclasses

import pytest

from services.network.drivers import dnsmasq_files, metadata_http, router_nat
from services.network.drivers.simulated import Simulated
from services.network.drivers.stack import simulated_stack
from services.network.objects.dhcp import Dhcp, DhcpHost, DhcpOption, DhcpSubnet, HostRoute
from services.network.objects.host_state import HostState
from services.network.objects.port import FixedIp, Port
from services.network.objects.router import FloatingIp, PortForwarding, Router, RouterGateway
from services.network.objects.segment import Segment

OWN = Port("d1", "n1", "fa:16:3e:00:00:02", (FixedIp("10.0.0.2"), FixedIp("fd00::2", prefixlen=64)),
           device_owner="network:dhcp")


def dhcp(*subnets: DhcpSubnet, hosts: tuple[DhcpHost, ...] = ()) -> Dhcp:
    return Dhcp("n1", OWN, subnets, hosts, mtu=1400)


def test_isolated_networks_reach_metadata_through_the_dhcp_port() -> None:
    text = dnsmasq_files.options_text(dhcp(DhcpSubnet("s1", "10.0.0.0/24")))
    assert "tag:subnet-s1,option:classless-static-route,169.254.169.254/32,10.0.0.2\n" in text
    assert "tag:subnet-s1,option:router\n" in text  # no gateway: none is given


def test_routes_include_the_default() -> None:
    subnet = DhcpSubnet("s1", "10.0.0.0/24", "10.0.0.1", host_routes=(HostRoute("10.8.0.0/16", "10.0.0.9"),))
    text = dnsmasq_files.options_text(dhcp(subnet))
    assert "classless-static-route,10.8.0.0/16,10.0.0.9,169.254.169.254/32,10.0.0.1,0.0.0.0/0,10.0.0.1\n" in text


def test_hosts_options_and_ranges() -> None:
    six = DhcpSubnet("s6", "fd00::/64", address_mode="dhcpv6-stateful")
    slaac = DhcpSubnet("s7", "fd01::/64", address_mode="slaac")
    host = DhcpHost("p1", "fa:16:3e:00:00:05", ("10.0.0.5", "fd00::5", "fd01::5"), options=(DhcpOption("67", "boot"),))
    one = dhcp(DhcpSubnet("s1", "10.0.0.0/24"), six, slaac, hosts=(host,))
    assert dnsmasq_files.hosts_text(one) == (
        "fa:16:3e:00:00:05,host-10-0-0-5,10.0.0.5\nfa:16:3e:00:00:05,host-fd00--5,[fd00::5]\n")
    assert "tag:port-p1,67,boot\n" in dnsmasq_files.options_text(one)
    argv = dnsmasq_files.arguments(one, "ns-x", "/d", 600, ())
    assert "--dhcp-mac=set:port-p1,fa:16:3e:00:00:05" in argv and "--dhcp-option-force=option:mtu,1400" in argv
    assert [a for a in argv if a.startswith("--dhcp-range")] == [
        "--dhcp-range=set:subnet-s1,10.0.0.0,static,255.255.255.0,600s", "--dhcp-range=set:subnet-s6,fd00::,static,64,600s"]


def test_nat_without_snat_and_with_forwarded_ports() -> None:
    gateway = RouterGateway(dataclasses.replace(OWN, fixed_ips=(FixedIp("203.0.113.5"),)), enable_snat=False)
    forwarded = FloatingIp("203.0.113.9", None, (PortForwarding("tcp", 2222, "10.0.0.5", 22),))
    router = Router("r1", gateway=gateway, floating_ips=(FloatingIp("203.0.113.8", "10.0.0.6"), forwarded))
    text = router_nat.script(router)
    assert "dnat to ip daddr map { 203.0.113.8 : 10.0.0.6 }" in text
    assert "ip daddr 203.0.113.9 tcp dport 2222 dnat to 10.0.0.5:22" in text
    assert 'oifname "qg-d1" snat to 203.0.113.5' not in text
    snat = dataclasses.replace(router, gateway=dataclasses.replace(gateway, enable_snat=True))
    assert 'oifname "qg-d1" snat to 203.0.113.5' in router_nat.script(snat)
    assert router_nat.version_marker(snat) != router_nat.version_marker(router)
    with pytest.raises(ValueError):
        router_nat.script(Router("r1", gateway=gateway, floating_ips=(FloatingIp("1.2.3.4; drop", "10.0.0.6"),)))


class Wire:
    """What a guest sends, in pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)

    def recv(self, size: int) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""


def test_claims_of_identity_are_not_passed_on() -> None:
    request = metadata_http.read_request(Wire(  # type: ignore[arg-type]
        b"PUT /latest/api/token HTTP/1.1\r\nHost: x\r\nX-Instance-ID: y\r\nx-forwarded", b"-for: z\r\nX-Tenant-ID: t\r\n"
        b"X-aws-ec2-metadata-token-ttl-seconds: 60\r\nAccept: */*\r\nContent-Length: 2\r\n\r\no", b"k"))
    assert request.passed_on == {"x-aws-ec2-metadata-token-ttl-seconds": "60", "accept": "*/*"}
    assert request.method == "PUT" and request.body == b"ok"


@pytest.mark.parametrize("sent", [
    b"GET http://other/ HTTP/1.1\r\n\r\n", b"BREW / HTTP/1.1\r\n\r\n", b"GET /\r\n\r\n", b"GET / HTTP/1.1\r\n",
    b"GET / HTTP/1.1\r\nX-Instance-ID : a\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
    b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"a" * 20000,
])
def test_malformed_requests_are_refused(sent: bytes) -> None:
    with pytest.raises(metadata_http.BadRequest):
        metadata_http.read_request(Wire(*[sent[i:i + 4096] for i in range(0, len(sent), 4096)]))  # type: ignore[arg-type]


def test_the_simulated_host_waits_for_taps_and_fails_on_request() -> None:
    one = Simulated(auto_tap=False, failing={"network:n1": "no uplink"})
    stack = simulated_stack(one)
    guest = dataclasses.replace(OWN, device_owner="compute:nova")
    told: list[tuple[str, bool]] = []
    stack.links.start(lambda name, present: told.append((name, present)))
    state = HostState(segments=(Segment("n1", "flat"),), ports=(guest,))
    done = stack.apply(state)
    assert done.missing == {"d1"} and not done.wired and done.errors == {"network:n1": "no uplink"}
    one.add_tap(guest.tap)
    assert told == [(guest.tap, True)] and stack.apply(state).wired == {"d1"} and one.state is state
    one.failure_rate = 1.0
    done = stack.apply(state)
    assert done.errors["layer2"] == "simulated failure" and not done.wired
