"""The objects come back from JSON as they went."""

import json

from services.network.objects.dhcp import Dhcp, DhcpHost, DhcpOption, DhcpSubnet, HostRoute
from services.network.objects.host_state import HostState
from services.network.objects.port import AddressPair, AddressSet, FixedIp, Port, SecurityRule
from services.network.objects.router import FloatingIp, PortForwarding, Router, RouterGateway, RouterInterface
from services.network.objects.segment import Neighbour, Segment, TunnelPeers

PORT = Port(
    "p1", "n1", "fa:16:3e:00:00:01", (FixedIp("10.0.0.5", "s1", 24),), (AddressPair("10.1.0.0/24"),),
    rules=(SecurityRule("ingress", remote_set="g1"), SecurityRule("egress", "IPv6")), device_owner="network:dhcp",
)


def test_everything_makes_the_round_trip() -> None:
    subnet = DhcpSubnet("s1", "10.0.0.0/24", "10.0.0.1", dns_servers=("9.9.9.9",), host_routes=(HostRoute("0/0", "x"),))
    host = DhcpHost("p1", PORT.mac, ("10.0.0.5",), ("s1",), "vm", (DhcpOption("66", "x"),), "i1", "t1")
    router = Router(
        "r1", (RouterInterface(PORT, ra_mode="slaac"),), RouterGateway(PORT, ("10.9.0.1",), enable_snat=False),
        (FloatingIp("10.9.0.9", None, (PortForwarding("tcp", 80, "10.0.0.5", 8080),)),), hosts=(host,),
    )
    state = HostState(
        (Segment("n1", "vxlan", 7), Segment("n2", "flat", physical_network="public")), (PORT,),
        (TunnelPeers("n1", ("192.0.2.9",)),), (Neighbour("n1", "m", "h", ("i",)),), (AddressSet("g1", ("10.0.0.6",)),),
        (Dhcp("n1", PORT, (subnet,), (host,)),), (router,),
    )
    assert HostState.from_dict(json.loads(json.dumps(state.to_dict()))) == state


def test_unknown_keys_are_ignored_and_names_derived() -> None:
    port = Port.from_dict({**PORT.to_dict(), "port_id": "0123456789abcdef", "from_the_future": 1})
    assert port.tap == "tap0123456789a" and port.is_service
    assert Segment("0123456789abcdef", "flat").bridge == "brq0123456789a"


def test_routers_that_are_down_have_no_ports_here() -> None:
    router = Router("r1", (RouterInterface(PORT),), admin_state_up=False)
    assert not HostState(routers=(router,)).all_ports
