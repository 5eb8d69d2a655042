"""A second machine joins: servers on both reach each other, and find addresses, metadata, volumes and the outside all the same.

Runs after everything else: the first machine's services move to an address that others reach. Where the cloud is not
ours, it is used as it is, and skipped when it has one machine only.
"""

import json
import pathlib
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.scenario import cloud as clouds
from tests.scenario import host, lab
from tests.scenario.cloud import Cloud, run
from tests.scenario.guest import Guest
from tests.scenario.tenant import Tenant
from tests.waiting import PATIENCE, wait_for

# what unstack.sh must not leave
LEFT = ("ls -d /etc/altostack /var/lib/altostack /run/altostack /var/log/altostack 2>/dev/null; ls /run/netns; "
        "ip -o link | grep -E 'tap|brq|vxlan|br-ex'; pgrep -l 'altostack|libvirtd|qemu'")
METADATA = "http://169.254.169.254"

pytestmark = pytest.mark.timeout(600 * PATIENCE)


@pytest.fixture(scope="module")
def second(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of the second machine."""
    there = lab.machines()
    if not there and not cloud.ours:
        pytest.skip("this cloud has one machine, and was not made by these tests; devstack/lab.sh up gives it another")
    if reason := lab.missing():
        pytest.skip(f"no second machine here: {reason}")
    folder = tmp_path_factory.mktemp("lab")
    if not there:
        lab.up(folder / "lab.log")
    name = lab.machines()[0]
    yield name
    if not there:
        leave(name)


def leave(name: str) -> None:
    """unstack.sh takes everything off the machine; then it is taken out of the cloud, and nobody knows of it."""
    lab.inside(name, "env", lab.SETTINGS, str(clouds.DEVSTACK / "unstack.sh"))
    left = lab.inside(name, "sh", "-c", LEFT, check=False)
    assert not left, f"left by unstack.sh in {name}:\n{left}"
    lab.down()
    admin = lab.fresh().admin
    providers = admin.placement.get("/resource_providers").json()["resource_providers"]
    known = {s.host for s in admin.compute.services()} | {a.host for a in admin.network.agents()} | {p["name"] for p in providers}
    assert name not in known
    assert not lab.machines() and not pathlib.Path("/var/lib/altostack-lab").exists()
    assert f"altolab-{name}" not in host.namespaces() and "br-lab" not in host.links()


@pytest.fixture(scope="module")
def tenant(second: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenant]:
    """A tenant of the cloud at its present address."""
    made = Tenant(lab.fresh(), tmp_path_factory.mktemp("keys"), "two").furnish()
    yield made
    made.close()


@pytest.fixture(scope="module")
def pair(tenant: Tenant, second: str) -> tuple[Guest, Guest]:
    """A server on the first machine and one on the second: an anti-affinity group keeps them apart."""
    group = tenant.note(tenant.compute.create_server_group(name="apart", policy="anti-affinity"))
    servers = [tenant.start(f"apart-{n}", wait=False, scheduler_hints={"group": group.id}) for n in (1, 2)]
    active = [tenant.until(server, "ACTIVE") for server in servers]
    active.sort(key=lambda s: _host(tenant, s) == second)
    assert _host(tenant, active[1]) == second != _host(tenant, active[0])
    guests = [tenant.outside(server) for server in active]
    tenant.compute.delete_server_group(group)
    return guests[0].wait(), guests[1].wait()


def _host(tenant: Tenant, server: Any) -> str:
    return str(tenant.cloud.admin.compute.get_server(server.id).hypervisor_hostname)


def test_both_machines_are_listed(second: str) -> None:
    admin = lab.fresh().admin
    up = {s.host for s in admin.compute.services(binary="nova-compute") if s.state == "up"}
    assert second in up and len(up) >= 2
    assert {second} <= {h.name for h in admin.compute.hypervisors()}
    assert {a.host for a in admin.network.agents() if a.is_alive} >= up


def test_it_got_no_secret_it_need_not_know(second: str) -> None:
    files = lab.inside(second, "sh", "-c", "cat /etc/altostack/*.conf /etc/altostack/.secrets", check=False)
    assert "mysql" not in files and "[service_credentials]\nusername" not in files
    secrets = dict(line.split("=", 1) for line in (clouds.ETC / ".secrets").read_text().splitlines() if "=" in line)
    known = {name for name, value in secrets.items() if value in files}
    assert known <= {"metadata"}, f"the second machine knows {sorted(known)}"


def test_servers_reach_each_other(pair: tuple[Guest, Guest], tenant: Tenant) -> None:
    near, far = pair
    for one, other in ((near, far), (far, near)):
        one.ssh(f"ping -c 2 -W 5 {tenant.inside(other.server)}")
        assert "SSH-2.0" in one.ssh(f"timeout 10 nc {tenant.inside(other.server)} 22 </dev/null | head -n 1")
    mtu = tenant.net.get_network(tenant.network.id).mtu
    far.ssh(f"ping -c 1 -W 5 -s {mtu - 28} {tenant.inside(near.server)}")


def test_address_and_metadata_on_the_second(pair: tuple[Guest, Guest], tenant: Tenant) -> None:
    far = pair[1]
    assert f"inet {tenant.inside(far.server)}/24" in far.ssh("ip -4 addr show")
    assert json.loads(far.fetch(f"{METADATA}/openstack/latest/meta_data.json"))["uuid"] == far.server.id
    gateway = tenant.cloud.admin.network.get_subnet(tenant.cloud.public.subnet_ids[0]).gateway_ip
    far.ssh(f"ping -c 2 -W 5 {gateway}")
    wait_for("login on the console", lambda: "login:" in tenant.console(far.server), 30)


def test_volume_on_the_second(pair: tuple[Guest, Guest], tenant: Tenant, volumes: None) -> None:
    far = pair[1]
    volume = tenant.volume("afar")
    before = far.disks()
    tenant.compute.create_volume_attachment(far.server.id, volume_id=volume.id)
    tenant.volume_until(volume, "in-use")
    disk = far.disk(before)
    far.sudo(f"mkfs.ext4 -q {disk} && mount {disk} /mnt && echo kept >/mnt/kept && umount /mnt")
    tenant.compute.delete_volume_attachment(volume.id, far.server.id)
    tenant.volume_until(volume, "available")
    wait_for("end of the disk", lambda: far.disks() == before, 30)


def test_a_running_server_moves_and_is_reached_all_the_time(pair: tuple[Guest, Guest], tenant: Tenant, second: str) -> None:
    """Twice there and back: it is not booted again, and a ping loses no more than a handful of packets. Once it may lose more: a
    guest without KVM, on a machine that is busy for a moment, stands still longer."""
    far = pair[1]
    lost: list[int] = []
    boot = far.boot_id()
    here = _host(tenant, pair[0].server)
    for source, target in ((second, here), (here, second)) * 2:
        with subprocess.Popen(["ping", "-q", "-i", "0.1", far.address], stdout=subprocess.PIPE, text=True) as ping:
            assert _asked(tenant, far, {"os-migrateLive": {"host": target, "block_migration": "auto"}}) == 202
            wait_for(f"{source}'s server on {target}", lambda target=target: _host(tenant, far.server) == target
                     and tenant.cloud.admin.compute.get_server(far.server.id).task_state is None, 120)
            time.sleep(3)
            ping.send_signal(signal.SIGINT)
            counts = re.search(r"(\d+) packets transmitted, (\d+) received", ping.communicate(timeout=10)[0])
        assert counts
        lost.append(int(counts[1]) - int(counts[2]))
        assert _host(tenant, far.server) == target and far.boot_id() == boot
    *usual, most = sorted(lost)
    assert max(usual) <= 15 and most <= 40, lost


def test_a_lost_machines_server_is_built_elsewhere(pair: tuple[Guest, Guest], tenant: Tenant, second: str) -> None:
    """Refused while the machine lives, and until it is missed; back again, the machine removes what is not its own any more."""
    far, admin = pair[1], tenant.cloud.admin
    assert _asked(tenant, far, {"evacuate": {}}) == 400
    far.hang_up()
    run(lab.LAB, "kill", second)
    assert _asked(tenant, far, {"evacuate": {}}) == 400, "it is not missed yet"
    wait_for("loss of the machine", lambda: {s.state for s in admin.compute.services(host=second)} == {"down"}, 90, 2)
    assert _asked(tenant, far, {"evacuate": {}}) == 200
    tenant.until(far.server, "ACTIVE")
    assert _host(tenant, far.server) == _host(tenant, pair[0].server) != second
    far.wait()
    run(lab.LAB, "boot", second, limit=lab.UP_LIMIT_S * PATIENCE)
    wait_for("clean second machine", lambda: not lab.leftovers(second, [far.server.id]), 75, 2)
    wait_for("end of the move", lambda: [m.status for m in admin.compute.migrations(
        instance_uuid=far.server.id, migration_type="evacuation")] == ["completed"], 30)
    far.ssh("true")


def _asked(tenant: Tenant, guest: Guest, action: dict[str, Any]) -> int:
    """The status of the answer to what an operator asks of a server."""
    answer = tenant.cloud.admin.compute.post(f"/servers/{guest.server.id}/action", json=action, microversion="2.90")
    return int(answer.status_code)


def test_nothing_is_left_on_either(pair: tuple[Guest, Guest], tenant: Tenant, second: str) -> None:
    servers = [guest.server for guest in pair]
    ports = [port.id for server in servers for port in tenant.net.ports(device_id=server.id)]
    tenant.gone(*servers)
    ids = [server.id for server in servers] + ports
    host.wait_clean(ids, [])
    wait_for("clean second machine", lambda: not lab.leftovers(second, ids), 75, 2)
