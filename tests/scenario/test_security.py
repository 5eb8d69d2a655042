"""Who reaches whom: security groups of a server, and tenants kept apart in the APIs and on the wire."""

from collections.abc import Callable

import pytest
from openstack import exceptions

from tests.scenario.guest import Guest
from tests.scenario.tenant import Tenant
from tests.waiting import wait_for

PORT = 8080
SETTLE_S = 15


@pytest.fixture(scope="module")
def served(tenant: Tenant) -> Guest:
    """A server that answers on PORT with a word, for ever."""
    guest = tenant.boot("served")
    guest.sudo("mkdir -p /tmp/www; echo word > /tmp/www/index.html; busybox httpd -p 8080 -h /tmp/www")
    assert guest.ssh(f"wget -q -O - http://127.0.0.1:{PORT}/") == "word"
    return guest


@pytest.fixture(scope="module")
def neighbour(tenant: Tenant) -> Guest:
    """Another server on the same network, in the same group."""
    return tenant.boot("neighbour")


def _answers(guest: Guest, address: str, port: int = PORT) -> bool:
    """Whether `guest` gets an answer over TCP."""
    return guest.ssh(f"timeout 4 nc -w 3 {address} {port} </dev/null >/dev/null 2>&1 && echo yes || echo no", 20) == "yes"


def _pings(guest: Guest, address: str) -> bool:
    return guest.ssh(f"sudo ping -c 2 -W 2 {address} >/dev/null 2>&1 && echo yes || echo no", 20) == "yes"


def test_a_port_is_closed_until_a_rule_opens_it(served: Guest, neighbour: Guest, tenant: Tenant) -> None:
    inside = tenant.inside(served.server)
    assert _pings(neighbour, inside) and not _answers(neighbour, inside)
    rule = tenant.permit(protocol="tcp", port_range_min=PORT, port_range_max=PORT)
    wait_for("answer on the opened port", lambda: _answers(neighbour, inside), SETTLE_S)
    assert not _answers(neighbour, inside, PORT + 1)
    tenant.net.delete_security_group_rule(rule)
    wait_for("silence on the closed port", lambda: not _answers(neighbour, inside), SETTLE_S)


def test_established_flows_pass_both_ways(served: Guest, neighbour: Guest, tenant: Tenant) -> None:
    """The neighbour lets nobody in on its ephemeral ports, and yet gets answers; SSH itself is such a flow."""
    rule = tenant.permit(protocol="tcp", port_range_min=PORT, port_range_max=PORT)
    try:
        wait_for("answer", lambda: _answers(neighbour, tenant.inside(served.server)), SETTLE_S)
        assert neighbour.fetch(f"http://{tenant.inside(served.server)}:{PORT}/") == "word"
    finally:
        tenant.net.delete_security_group_rule(rule)


def test_a_rule_for_members_of_a_group_only(served: Guest, neighbour: Guest, tenant: Tenant) -> None:
    inside = tenant.inside(served.server)
    other = tenant.note(tenant.net.create_security_group(name=f"{tenant.name}-other"))
    rule = tenant.permit(protocol="tcp", port_range_min=PORT, port_range_max=PORT, remote_group_id=other.id)
    port = next(tenant.net.ports(device_id=neighbour.server.id))
    wait_for("silence for one that is no member", lambda: not _answers(neighbour, inside), SETTLE_S)
    tenant.net.update_port(port, security_group_ids=[tenant.group.id, other.id])
    wait_for("answer for a member", lambda: _answers(neighbour, inside), SETTLE_S)
    tenant.net.update_port(port, security_group_ids=[tenant.group.id])
    wait_for("silence for one that left", lambda: not _answers(neighbour, inside), SETTLE_S)
    tenant.net.delete_security_group_rule(rule)
    tenant.net.delete_security_group(other)


def test_an_address_that_is_not_its_own_gets_nowhere(served: Guest, neighbour: Guest, tenant: Tenant) -> None:
    inside = tenant.inside(served.server)
    stolen = inside.rpartition(".")[0] + ".250"
    neighbour.sudo(f"ip addr add {stolen}/24 dev eth0")
    try:
        answer = neighbour.ssh(f"sudo ping -c 2 -W 2 -I {stolen} {inside} >/dev/null 2>&1 && echo yes || echo no", 20)
        assert answer == "no", "a packet with a stolen address passed"
        assert _pings(neighbour, inside)
    finally:
        neighbour.sudo(f"ip addr del {stolen}/24 dev eth0")


@pytest.fixture(scope="module")
def stranger(tenants: Callable[[str], Tenant]) -> Tenant:
    """Another tenant with the same addresses inside."""
    return tenants("stranger")


def test_another_tenants_things_are_not_there(served: Guest, tenant: Tenant, stranger: Tenant) -> None:
    for look in (
        lambda: stranger.compute.get_server(served.server.id), lambda: stranger.net.get_network(tenant.network.id),
        lambda: stranger.net.get_router(tenant.router.id), lambda: stranger.net.get_subnet(tenant.subnet.id),
        lambda: stranger.net.get_security_group(tenant.group.id),
        lambda: stranger.compute.delete_server(served.server.id, ignore_missing=False),
        lambda: stranger.net.delete_network(tenant.network.id, ignore_missing=False),
        lambda: stranger.compute.reboot_server(served.server.id, "HARD"),
        lambda: stranger.compute.get_server_console_output(served.server.id),
        lambda: stranger.compute.find_keypair(tenant.name, ignore_missing=False),
    ):
        with pytest.raises(exceptions.NotFoundException):
            look()
    assert not list(stranger.compute.servers())
    assert {n.name for n in stranger.net.networks()} <= {"public", stranger.network.name}
    with pytest.raises(exceptions.HttpException):
        stranger.start("intruder", wait=False, networks=[{"uuid": tenant.network.id}])


def test_another_tenants_network_is_out_of_reach(served: Guest, tenant: Tenant, stranger: Tenant) -> None:
    """The stranger's server has the same subnet as ours: ours is not there, whichever way it asks."""
    theirs = stranger.boot("theirs")
    inside = tenant.inside(served.server)
    if inside != stranger.inside(theirs.server):
        assert not _pings(theirs, inside), "a server of another tenant's network answers"
    assert _pings(theirs, served.address), "the floating IP is public, and ping is permitted"
    assert not _answers(theirs, served.address), "a port that no rule opens answers through the floating IP"
    stranger.gone(theirs.server)
