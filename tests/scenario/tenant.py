"""A tenant of its own for a test: project, user, key, network with a router to the outside, security group.

Everything it makes is noted by id, so that `close` can take it away and then ask the machine whether anything stayed.
"""

import base64
import contextlib
import pathlib
import secrets
from collections.abc import Iterator
from typing import Any

from openstack import exceptions

from tests.scenario import host
from tests.scenario.cloud import IMAGE, NANO, Cloud, connect, run
from tests.scenario.guest import BOOT_LIMIT_S, Guest
from tests.waiting import wait_for

CIDR = "10.77.0.0/24"
OPEN = ({"protocol": "icmp"}, {"protocol": "tcp", "port_range_min": 22, "port_range_max": 22})
BUILD_LIMIT_S = 90


class Tenant:
    """Made by the administrator; `conn` is its member's connection, `ids` what it ever made."""

    def __init__(self, cloud: Cloud, folder: pathlib.Path, label: str) -> None:
        self.cloud, self.ids, self._volumes, self._images = cloud, set[str](), set[str](), set[str]()
        self.name = f"scenario-{label}-{secrets.token_hex(3)}"
        self.password = secrets.token_hex(12)
        self.key = folder / f"{self.name}.key"
        identity = cloud.admin.identity
        self.project = identity.create_project(name=self.name, domain_id="default")
        self.user = identity.create_user(name=self.name, domain_id="default", password=self.password,
                                         default_project_id=self.project.id)
        identity.assign_project_role_to_user(self.project, self.user, identity.find_role("member", ignore_missing=False))
        self.conn = connect(username=self.name, password=self.password, project_name=self.name)
        self.compute, self.net, self.storage = self.conn.compute, self.conn.network, self.conn.block_storage

    @contextlib.contextmanager
    def as_service(self) -> Iterator[Any]:
        """A connection of another service's user, who has the role `service` in this project."""
        identity, name, password = self.cloud.admin.identity, f"{self.name}-service", secrets.token_hex(12)
        user = identity.create_user(name=name, domain_id="default", password=password, default_project_id=self.project.id)
        try:
            identity.assign_project_role_to_user(self.project, user, identity.find_role("service", ignore_missing=False))
            with contextlib.closing(connect(username=name, password=password, project_name=self.name)) as conn:
                yield conn
        finally:
            identity.delete_user(user)

    # ---- the ground a server stands on

    def furnish(self) -> "Tenant":
        """Key, network, subnet, router, and a security group that lets ping and SSH in."""
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", self.name, "-f", str(self.key))
        self.compute.create_keypair(name=self.name, public_key=self.key.with_suffix(".key.pub").read_text().strip())
        self.network, self.subnet = self.make_network("net", CIDR)
        self.router = self.note(self.net.create_router(
            name=self.name, external_gateway_info={"network_id": self.cloud.public.id}))
        self.net.add_interface_to_router(self.router, subnet_id=self.subnet.id)
        self.group = self.note(self.net.create_security_group(name=self.name))
        for rule in OPEN:
            self.permit(**rule)
        return self

    def note(self, made: Any) -> Any:
        """Remember the id of what was made."""
        self.ids.add(made.id)
        return made

    def make_network(self, name: str, cidr: str) -> tuple[Any, Any]:
        """A network with one subnet."""
        network = self.note(self.net.create_network(name=f"{self.name}-{name}"))
        subnet = self.note(self.net.create_subnet(network_id=network.id, name=network.name, ip_version=4, cidr=cidr))
        return network, subnet

    def permit(self, **rule: Any) -> Any:
        """A rule that lets something in."""
        return self.net.create_security_group_rule(
            security_group_id=self.group.id, **{"direction": "ingress", "ethertype": "IPv4"} | rule)

    # ---- servers

    def start(self, name: str, image: str | None = IMAGE, flavor: str = NANO, wait: bool = True, **more: Any) -> Any:
        """A server on this tenant's network with its key and group; ACTIVE when it returns, unless not `wait`."""
        body = {
            "name": name, "flavor_id": self.cloud.flavor(flavor).id, "key_name": self.name,
            "networks": [{"uuid": self.network.id}], "security_groups": [{"name": self.group.name}],
        } | more
        if isinstance(body.get("user_data"), str):
            body["user_data"] = base64.b64encode(body["user_data"].encode()).decode()
        if image:
            body["image_id"] = self.cloud.image.id if image == IMAGE else image
        server = self.note(self.compute.create_server(**body))
        return self.until(server, "ACTIVE") if wait else server

    def until(self, server: Any, status: str, limit: float = BUILD_LIMIT_S) -> Any:
        """Wait for a server's status; AssertionError with its fault when it becomes ERROR instead."""
        def look() -> Any:
            now = self.compute.get_server(server.id)
            if now.status == "ERROR" and status != "ERROR":
                raise AssertionError(f"server {now.name} {now.id} became ERROR instead of {status}: {now.fault}")
            return now if now.status == status and not now.task_state else None
        return wait_for(f"{status} server {server.name} {server.id}", look, limit)

    def outside(self, server: Any) -> Guest:
        """The server, reachable at a floating IP; does not wait for the login."""
        port = next(self.net.ports(device_id=server.id))
        self.note(port)
        floating = self.note(self.net.create_ip(floating_network_id=self.cloud.public.id, port_id=port.id))
        return Guest(server, floating.floating_ip_address, self.key)

    def boot(self, name: str, **more: Any) -> Guest:
        """A server in which one can log in."""
        return self.outside(self.start(name, **more)).wait(BOOT_LIMIT_S)

    def inside(self, server: Any) -> str:
        """The server's own address."""
        return next(self.net.ports(device_id=server.id)).fixed_ips[0]["ip_address"]

    def gone(self, *servers: Any, limit: float = 60) -> None:
        """Delete servers and wait until they are gone."""
        for server in servers:
            self.compute.delete_server(server.id, ignore_missing=True)
        for server in servers:
            wait_for(f"end of server {server.name} {server.id}", lambda s=server: self.missing(s), limit)

    def missing(self, server: Any) -> bool:
        """Whether the API knows the server no more."""
        try:
            self.compute.get_server(server.id)
        except exceptions.NotFoundException:
            return True
        return False

    def console(self, server: Any) -> str:
        """The server's console log."""
        return self.compute.get_server_console_output(server.id)["output"]

    # ---- volumes and images

    def volume(self, name: str, size: int = 1, **more: Any) -> Any:
        """An available volume."""
        made = self.note(self.storage.create_volume(name=name, size=size, **more))
        self._volumes.add(made.id)
        return self.volume_until(made, "available")

    def volume_until(self, volume: Any, status: str, limit: float = BUILD_LIMIT_S) -> Any:
        """Wait for a volume's status."""
        def look() -> Any:
            now = self.storage.get_volume(volume.id)
            assert not now.status.startswith("error") or status == now.status, f"volume {now.name} {now.id} is {now.status}"
            return now if now.status == status else None
        return wait_for(f"{status} volume {volume.name} {volume.id}", look, limit)

    def image_of(self, server: Any, name: str, limit: float = BUILD_LIMIT_S) -> Any:
        """A snapshot of a server, active."""
        image = self.note(self.compute.create_server_image(server.id, name, wait=False))
        self._images.add(image.id)
        wait_for(f"active image {name}", lambda: self.conn.image.get_image(image.id).status == "active", limit)
        return self.conn.image.get_image(image.id)

    # ---- the end

    def close(self, clean: float = 75) -> None:
        """Delete everything as the tenant and its administrator would, then require that nothing is left.

        `clean` covers one full pass of an agent (60 s), which takes what no message told it of.
        """
        for server in list(self.compute.servers()):
            self.note(server)
            self.compute.delete_server(server.id, ignore_missing=True)
        wait_for(f"end of all servers of {self.name}", lambda: not list(self.compute.servers()), 90)
        for pair in self.compute.keypairs():
            self.compute.delete_keypair(pair.name)
        if self.cloud.volumes:
            self._close_volumes()
        for image in list(self.conn.image.images(owner=self.project.id)):
            self.note(image)
            self.conn.image.delete_image(image.id)
        if self.cloud.has("network"):
            self._close_network()
        self.cloud.admin.identity.delete_user(self.user)
        self.cloud.admin.identity.delete_project(self.project)
        self.conn.close()
        host.wait_clean(self.ids, [self.project.id, self.user.id], clean)

    def _close_volumes(self) -> None:
        for snapshot in list(self.storage.snapshots()):
            self.storage.delete_snapshot(self.note(snapshot).id)
        wait_for("end of volume snapshots", lambda: not list(self.storage.snapshots()), 60)
        for volume in list(self.storage.volumes()):
            self.storage.delete_volume(self.note(volume).id)
        wait_for(f"end of volumes of {self.name}", lambda: not list(self.storage.volumes()), 60)

    def _close_network(self) -> None:
        net, mine = self.net, {"project_id": self.project.id}
        for floating in list(net.ips(**mine)):
            net.delete_ip(self.note(floating).id)
        for router in list(net.routers(**mine)):
            self.note(router)
            for port in list(net.ports(device_id=router.id)):
                self.note(port)
                if port.device_owner == "network:router_interface":
                    net.remove_interface_from_router(router, port_id=port.id)
            net.delete_router(router.id)
        for port in list(self.cloud.admin.network.ports(**mine)):
            self.note(port)
            if not port.device_owner.startswith("network:"):
                raise AssertionError(f"port {port.id} of {port.device_owner or 'nobody'} {port.device_id} is left")
        for network in list(net.networks(**mine)):
            net.delete_network(self.note(network).id)
        for group in list(self.cloud.admin.network.security_groups(**mine)):
            self.cloud.admin.network.delete_security_group(self.note(group).id)
