"""Networks in use: what is refused, floating IPs that move, a second network card, two networks of one router."""

from collections.abc import Callable
from typing import Any

import pytest
from openstack import exceptions

from tests.scenario.guest import Guest
from tests.scenario.tenant import Tenant
from tests.waiting import wait_for


@pytest.fixture(scope="module")
def first(tenant: Tenant) -> Guest:
    """A server on the tenant's network."""
    return tenant.boot("first")


def _refused(action: Callable[[], Any]) -> None:
    with pytest.raises(exceptions.ConflictException):
        action()


def test_what_is_in_use_is_not_deleted(first: Guest, tenant: Tenant) -> None:
    net = tenant.net
    _refused(lambda: net.delete_network(tenant.network, ignore_missing=False))
    _refused(lambda: net.delete_subnet(tenant.subnet, ignore_missing=False))
    _refused(lambda: net.delete_router(tenant.router, ignore_missing=False))
    _refused(lambda: net.delete_security_group(tenant.group, ignore_missing=False))
    _refused(lambda: net.remove_interface_from_router(tenant.router, subnet_id=tenant.subnet.id))
    _refused(lambda: tenant.cloud.admin.network.delete_network(tenant.cloud.public, ignore_missing=False))
    assert first.reachable()


def test_a_floating_ip_moves(first: Guest, tenant: Tenant) -> None:
    floating = next(tenant.net.ips(floating_ip_address=first.address))
    tenant.net.update_ip(floating, port_id=None)
    wait_for("silence at the floating IP", lambda: not first.reachable(), 30)
    tenant.net.update_ip(floating, port_id=next(tenant.net.ports(device_id=first.server.id)).id)
    first.wait(30)


def _cards(guest: Guest) -> set[str]:
    """Names of the cards the guest has; `ls` would complain of one that goes while it looks."""
    return set(guest.ssh("cd /sys/class/net && echo *").split())


def test_a_second_card_and_a_second_network(first: Guest, tenant: Tenant) -> None:
    network, subnet = tenant.make_network("second", "10.78.0.0/24")
    tenant.net.add_interface_to_router(tenant.router, subnet_id=subnet.id)
    before = _cards(first)
    added = tenant.compute.create_server_interface(first.server.id, net_id=network.id)
    tenant.ids.add(added.port_id)
    card = wait_for("second card", lambda: _cards(first) - before, 30).pop()
    address = added.fixed_ips[0]["ip_address"]
    wait_for("address on the second card", lambda: f"inet {address}/" in first.ssh(f"ip addr show {card}"), 40)
    first.ssh(f"sudo ping -c 2 -W 4 {subnet.gateway_ip}")
    tenant.compute.delete_server_interface(added.port_id, server=first.server.id)
    wait_for("end of the second card", lambda: _cards(first) == before, 40)
    wait_for("end of its port", lambda: not list(tenant.net.ports(network_id=network.id, device_id=first.server.id)), 20)
    tenant.net.remove_interface_from_router(tenant.router, subnet_id=subnet.id)
    tenant.net.delete_network(network)


def test_a_port_made_before_keeps_its_address_and_outlives_the_server(tenant: Tenant) -> None:
    port = tenant.note(tenant.net.create_port(
        network_id=tenant.network.id, fixed_ips=[{"ip_address": "10.77.0.200"}], security_group_ids=[tenant.group.id]))
    server = tenant.start("ported", networks=[{"port": port.id}])
    assert tenant.inside(server) == "10.77.0.200"
    _refused(lambda: tenant.net.create_port(network_id=tenant.network.id, fixed_ips=[{"ip_address": "10.77.0.200"}]))
    tenant.gone(server)
    left = tenant.net.get_port(port.id)
    assert not left.device_id and not left.device_owner
    tenant.net.delete_port(port)
