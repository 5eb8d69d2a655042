"""A server boots and is what was asked for: address, name, key, metadata in all forms, user data, console."""

import json

import pytest

from tests.scenario.guest import Guest
from tests.scenario.tenant import Tenant
from tests.waiting import wait_for

METADATA = "http://169.254.169.254"
SCRIPT = "#!/bin/sh\necho ran as $(id -un) >/root/ran-by-user-data\n"
CONFIG_SCRIPT = "#!/bin/sh\necho from the drive >/root/ran-by-user-data\n"


@pytest.fixture(scope="module")
def first(tenant: Tenant) -> Guest:
    """A server with user data and metadata of its own."""
    return tenant.boot("first", user_data=SCRIPT, metadata={"colour": "blue"})


@pytest.fixture(scope="module")
def driven(tenant: Tenant) -> Guest:
    """A server with a configuration drive."""
    return tenant.boot("driven", has_config_drive=True, user_data=CONFIG_SCRIPT)


def test_dhcp_gives_the_address_the_api_tells(first: Guest, tenant: Tenant) -> None:
    address = tenant.inside(first.server)
    assert f"inet {address}/24" in first.ssh("ip -4 addr show")
    assert f"via {tenant.subnet.gateway_ip}" in first.ssh("ip route show default")
    told = tenant.compute.get_server(first.server.id).addresses[tenant.network.name]
    assert {(a["addr"], a["OS-EXT-IPS:type"]) for a in told} == {(address, "fixed"), (first.address, "floating")}
    assert int(first.ssh("cat /sys/class/net/eth0/mtu")) == tenant.net.get_network(tenant.network.id).mtu


def test_name_and_key_come_from_the_cloud(first: Guest, tenant: Tenant) -> None:
    assert first.ssh("hostname").split(".")[0] == "first"
    public = tenant.key.with_suffix(".key.pub").read_text().split()[1]
    assert public in first.ssh("cat ~/.ssh/authorized_keys")


def test_metadata_in_openstacks_form(first: Guest, tenant: Tenant) -> None:
    assert "latest" in first.fetch(f"{METADATA}/openstack").split()
    data = json.loads(first.fetch(f"{METADATA}/openstack/latest/meta_data.json"))
    assert data["uuid"] == first.server.id and data["name"] == "first" and data["project_id"] == tenant.project.id
    assert data["meta"] == {"colour": "blue"} and list(data["public_keys"]) == [tenant.name]
    network = json.loads(first.fetch(f"{METADATA}/openstack/latest/network_data.json"))
    assert network["links"][0]["ethernet_mac_address"] == next(tenant.net.ports(device_id=first.server.id)).mac_address
    assert first.fetch(f"{METADATA}/openstack/latest/user_data") == SCRIPT.strip()


def test_metadata_in_ec2s_form(first: Guest, tenant: Tenant) -> None:
    assert "latest" in first.fetch(f"{METADATA}/").split()
    base = f"{METADATA}/latest/meta-data"
    assert first.fetch(f"{base}/local-ipv4") == tenant.inside(first.server)
    assert first.fetch(f"{base}/public-ipv4") == first.address
    assert first.fetch(f"{base}/instance-id").startswith("i-")
    assert first.fetch(f"{base}/hostname").split(".")[0] == "first"
    assert "ssh-ed25519" in first.fetch(f"{base}/public-keys/0/openssh-key")
    assert first.fetch(f"{METADATA}/latest/user-data") == SCRIPT.strip()


def test_changed_metadata_is_seen_inside(first: Guest, tenant: Tenant) -> None:
    tenant.compute.set_server_metadata(first.server.id, shape="round")
    wait_for("new metadata inside the server", lambda: json.loads(
        first.fetch(f"{METADATA}/openstack/latest/meta_data.json"))["meta"].get("shape") == "round", 25, 2)


def test_user_data_ran_once_as_root(first: Guest) -> None:
    wait_for("trace of the user data", lambda: first.ssh("sudo cat /root/ran-by-user-data || true") == "ran as root", 20)


def test_console_log_shows_the_boot(first: Guest, tenant: Tenant) -> None:
    wait_for("login on the console", lambda: "login:" in tenant.console(first.server), 30)
    assert "Linux version" in tenant.console(first.server)
    assert len(tenant.compute.get_server_console_output(first.server.id, length=3)["output"].splitlines()) <= 3


def test_root_disk_grew_to_the_flavor(first: Guest) -> None:
    kib = int(first.ssh("df -k / | tail -n 1").split()[1])
    assert kib > 900 * 1024, f"the root file system has {kib} KiB of 1 GiB"


def test_the_outside_is_reached(first: Guest, tenant: Tenant) -> None:
    first.ssh(f"sudo ping -c 2 -W 5 {tenant.cloud.admin.network.get_subnet(tenant.cloud.public.subnet_ids[0]).gateway_ip}")


def test_config_drive_holds_the_metadata(driven: Guest) -> None:
    device = driven.sudo("blkid").split("config-2")[0].splitlines()[-1].split(":")[0]
    driven.sudo(f"mkdir -p /tmp/drive; mountpoint -q /tmp/drive || mount -o ro {device} /tmp/drive")
    data = json.loads(driven.sudo("cat /tmp/drive/openstack/latest/meta_data.json"))
    assert data["uuid"] == driven.server.id and data["name"] == "driven"
    assert driven.sudo("cat /tmp/drive/openstack/latest/user_data") == CONFIG_SCRIPT.strip()
    ec2 = json.loads(driven.sudo("cat /tmp/drive/ec2/latest/meta-data.json"))
    assert ec2["hostname"].split(".")[0] == "driven"
    assert driven.ssh("hostname").split(".")[0] == "driven"
    wait_for("trace of the user data", lambda: driven.ssh("sudo cat /root/ran-by-user-data || true") == "from the drive", 20)


def test_servers_of_a_network_reach_each_other(first: Guest, driven: Guest, tenant: Tenant) -> None:
    first.ssh(f"sudo ping -c 3 -W 5 {tenant.inside(driven.server)}")
    driven.ssh(f"sudo ping -c 3 -W 5 {tenant.inside(first.server)}")
