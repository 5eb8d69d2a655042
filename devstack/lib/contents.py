#!/usr/bin/env python3
"""Give a fresh cloud its contents: users, image, flavors, networks, a volume type. Safe to repeat.

One process with openstacksdk, because each run of the `openstack` command costs more than a second. Settings
come as environment variables from stack.sh (see `contents` there). Prints a line for each thing it makes; a
failure is one line that says what was being made.
"""

import hashlib
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import openstack
from openstack import exceptions

FLAVORS = (  # name, id, MiB, vCPUs, GiB
    ("m1.nano", "42", 128, 1, 1), ("m1.micro", "84", 192, 1, 1), ("m1.tiny", "1", 512, 1, 1),
    ("m1.small", "2", 2048, 1, 20), ("m1.medium", "3", 4096, 2, 40), ("m1.large", "4", 8192, 4, 80),
    ("m1.xlarge", "5", 16384, 8, 160),
)
HASH_PROPERTY = "altostack_guest_sha256"


def setting(name: str) -> str:
    """A setting from stack.sh; empty when unset."""
    return os.environ.get(f"STACK_{name}", "")


def connect(user: str) -> Any:
    """A connection as `user` in the project of the same name."""
    return openstack.connect(
        auth_url=setting("AUTH_URL"), username=user, password=setting(f"{user.upper()}_PASSWORD"), project_name=user,
        user_domain_name="Default", project_domain_name="Default", region_name=setting("REGION"),
        load_yaml_config=False, load_envvars=False, app_name="devstack",
    )


def made(text: str) -> None:
    """Say what was made."""
    print("made", text, flush=True)


class Contents:
    """What is made, in order; `admin` and `demo` are connections."""

    def __init__(self) -> None:
        self.admin = connect("admin")
        self._demo: Any = None

    @property
    def demo(self) -> Any:
        """A connection as the demo user, once that exists."""
        if self._demo is None:
            self._demo = connect("demo")
        return self._demo

    def users(self) -> None:
        """Project and user `demo`, a member of it; the administrator may act there, too."""
        identity = self.admin.identity
        project = identity.find_project("demo", domain_id="default")
        if project is None:
            project = identity.create_project(name="demo", domain_id="default", description="Project of the user demo")
            made("project demo")
        user = identity.find_user("demo", domain_id="default")
        if user is None:
            user = identity.create_user(name="demo", domain_id="default", password=setting("DEMO_PASSWORD"),
                                        default_project_id=project.id)
            made("user demo")
        else:
            self._keep_password(user)
        admin = identity.find_user("admin", domain_id="default")
        for who, name in ((user, "member"), (admin, "admin")):
            role = identity.find_role(name) or identity.create_role(name=name)
            identity.assign_project_role_to_user(project, who, role)

    def _keep_password(self, user: Any) -> None:
        """Set the demo user's password again when the present one does not work."""
        try:
            self.demo.authorize()
        except exceptions.HttpException:
            self._demo = None
            self.admin.identity.update_user(user, password=setting("DEMO_PASSWORD"))
            made("a new password for user demo")

    def image(self) -> None:
        """The guest image, public; replaced when the file changed."""
        path, name = setting("IMAGE_FILE"), setting("IMAGE_NAME")
        with open(path, "rb") as f:
            digest = hashlib.file_digest(f, "sha256").hexdigest()
        for old in list(self.admin.image.images(name=name)):
            if old.status == "active" and old.properties.get(HASH_PROPERTY) == digest:
                return
            self.admin.image.delete_image(old, ignore_missing=True)
        self.admin.image.create_image(name=name, filename=path, disk_format="qcow2", container_format="bare",
                                      visibility="public", wait=True, timeout=120, validate_checksum=False,
                                      **{HASH_PROPERTY: digest})
        made(f"image {name}, {os.path.getsize(path) >> 10} KiB")

    def flavors(self) -> None:
        """The usual flavors, and two small ones that fit the guest image."""
        there = {f.name for f in self.admin.compute.flavors(is_public=None)}
        for name, flavor_id, ram, vcpus, disk in FLAVORS:
            if name not in there:
                self.admin.compute.create_flavor(name=name, id=flavor_id, ram=ram, vcpus=vcpus, disk=disk)
                made(f"flavor {name}")

    def public_network(self) -> None:
        """The flat external network over the public bridge."""
        network = self.admin.network.find_network("public")
        if network is None:
            network = self.admin.network.create_network(
                name="public", is_router_external=True, provider_network_type="flat",
                provider_physical_network=setting("PHYSICAL_NETWORK"))
            made("network public")
        if not list(self.admin.network.subnets(network_id=network.id)):
            first, _, last = setting("PUBLIC_POOL").partition("-")
            self.admin.network.create_subnet(
                network_id=network.id, name="public-subnet", ip_version=4, cidr=setting("PUBLIC_CIDR"),
                gateway_ip=setting("PUBLIC_GATEWAY"), is_dhcp_enabled=False,
                allocation_pools=[{"start": first, "end": last}])
            made("subnet public-subnet")

    def private_network(self) -> None:
        """The demo project's own network, with a router to the public one."""
        net = self.demo.network
        network = next(iter(net.networks(name="private", project_id=self.demo.current_project_id)), None)
        if network is None:
            network = net.create_network(name="private")
            made("network private")
        subnet = next(iter(net.subnets(network_id=network.id)), None)
        if subnet is None:
            subnet = net.create_subnet(network_id=network.id, name="private-subnet", ip_version=4,
                                       cidr=setting("PRIVATE_CIDR"), dns_nameservers=setting("PRIVATE_DNS").split())
            made("subnet private-subnet")
        router = next(iter(net.routers(name="router", project_id=self.demo.current_project_id)), None)
        if router is None:
            public = net.find_network("public", ignore_missing=False)
            router = net.create_router(name="router", external_gateway_info={"network_id": public.id})
            made("router router")
        if not any(True for _ in net.ports(device_id=router.id, network_id=network.id)):
            net.add_interface_to_router(router, subnet_id=subnet.id)
            made("interface of router in private-subnet")

    def security_rules(self) -> None:
        """Let ping and SSH reach the demo project's servers."""
        net = self.demo.network
        group = next(iter(net.security_groups(name="default", project_id=self.demo.current_project_id)))
        for rule in ({"protocol": "icmp"}, {"protocol": "tcp", "port_range_min": 22, "port_range_max": 22}):
            try:
                net.create_security_group_rule(security_group_id=group.id, direction="ingress", ethertype="IPv4", **rule)
                made(f"rule: {rule['protocol']} to servers in group default")
            except exceptions.ConflictException:
                continue

    def volume_type(self) -> None:
        """A volume type for the back end."""
        name = setting("VOLUME_BACKEND")
        if self.admin.block_storage.find_type(name) is None:
            self.admin.block_storage.create_type(name=name, extra_specs={"volume_backend_name": name})
            made(f"volume type {name}")

    def hosts(self) -> None:
        """Wait until a hypervisor and the network agents have reported, so that a server can boot at once."""
        wait_for("a hypervisor that is up", lambda: any(
            s.binary == "nova-compute" and s.state == "up" for s in self.admin.compute.services()))
        wait_for("a hypervisor in placement", lambda: bool(
            self.admin.placement.get("/resource_providers").json().get("resource_providers")))

    def agents(self) -> None:
        """Wait until a network agent has reported."""
        wait_for("a network agent that is alive", lambda: any(a.is_alive for a in self.admin.network.agents()))


def wait_for(what: str, ready: Callable[[], bool], seconds: float = 45) -> None:
    """Poll `ready`; TimeoutError that names `what`."""
    until = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > until:
            raise TimeoutError(f"there is still no {what.removeprefix('a ')} after {seconds:.0f} s")
        time.sleep(0.25)


def main() -> int:
    """Make everything that the services of this cloud call for; the exit status."""
    services = setting("SERVICES").split()
    steps: list[tuple[str, str, str]] = [
        ("identity", "users", "the user demo"), ("image", "image", "the guest image"), ("compute", "flavors", "the flavors"),
        ("network", "public_network", "the public network"), ("network", "private_network", "the private network"),
        ("network", "security_rules", "the security group's rules"), ("volume", "volume_type", "the volume type"),
    ]
    if setting("WAIT_NETWORK"):
        steps.append(("network", "agents", "the network agent's first report"))
    if setting("WAIT_COMPUTE"):
        steps.append(("compute", "hosts", "the hypervisor's first report"))
    what = "the connection to identity"
    try:
        contents = Contents()
        for service, method, thing in steps:
            if service in services:
                what = thing
                getattr(contents, method)()
    except (exceptions.SDKException, OSError, TimeoutError, StopIteration) as e:
        print(f"could not make {what}: {type(e).__name__}: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
