"""The contents of a fresh cloud: the demo user, an image, flavors, a public and a private network, a volume type.

`stack.sh` and the embedded profile give their clouds the same, through the public APIs, as a client would.
Everything is looked for first, so that it is safe to repeat.
"""

import hashlib
import io
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from keystoneauth1 import adapter
from keystoneauth1 import exceptions as ks
from keystoneauth1 import session as ks_session
from keystoneauth1.identity import v3

from common import clock, errors

LOG = logging.getLogger(__name__)
FLAVORS = (  # name, id, MiB, vCPUs, GiB
    ("m1.nano", "42", 128, 1, 1), ("m1.micro", "84", 192, 1, 1), ("m1.tiny", "1", 512, 1, 1),
    ("m1.small", "2", 2048, 1, 20), ("m1.medium", "3", 4096, 2, 40), ("m1.large", "4", 8192, 4, 80),
    ("m1.xlarge", "5", 16384, 8, 160),
)
HASH_PROPERTY = "altostack_guest_sha256"
_SERVICES = {  # service type in the catalog, and what its endpoint lacks
    "image": ("image", "/v2"), "compute": ("compute", ""), "network": ("network", "/v2.0"), "volume": ("block-storage", ""),
    "placement": ("placement", ""),
}


@dataclass(frozen=True)
class Plan:
    """What to make, and where.

    services         the services that run here
    image            path of the guest image's file, or its bytes; image_format is Glance's disk format,
                     image_properties what it says of itself
    public_pool      first and last address of the public network that the cloud may give away
    shared_pool      addresses for the networks of projects that leave the choice to the cloud (`--nic auto`)
    private_dns      name servers that private servers are told of
    wait_for         "network", "compute": wait until such an agent has reported
    """

    auth_url: str
    admin_password: str
    demo_password: str
    services: frozenset[str]
    image: str | bytes
    region: str = "RegionOne"
    image_name: str = "altostack-guest"
    image_format: str = "qcow2"
    image_properties: Mapping[str, str] = field(
        default_factory=lambda: {"hw_qemu_guest_agent": "yes", "os_admin_user": "alto"})
    physical_network: str = "public"
    public_cidr: str = "172.24.4.0/24"
    public_gateway: str = "172.24.4.1"
    public_pool: tuple[str, str] = ("172.24.4.10", "172.24.4.250")
    private_cidr: str = "10.10.0.0/24"
    shared_pool: str = "10.64.0.0/12"
    private_dns: tuple[str, ...] = ()
    volume_backend: str = "iscsi"
    wait_for: frozenset[str] = frozenset()


class _Cloud:
    """The cloud's APIs as one user sees them."""

    def __init__(self, plan: Plan, user: str, password: str) -> None:
        self._auth = v3.Password(plan.auth_url, username=user, password=password, project_name=user, user_domain_name="Default",
                                 project_domain_name="Default")
        self.session = ks_session.Session(self._auth, timeout=60, user_agent="altostack-contents")
        self.session.session.trust_env = False
        self._plan = plan

    @property
    def project_id(self) -> str:
        """The project that the user works in."""
        return str(self._auth.get_project_id(self.session))

    def call(self, service: str, method: str, path: str, body: Any = None, **kwargs: Any) -> Any:
        """The JSON answer (None when empty) of one call; keystoneauth1's HttpError when it is refused."""
        if service == "identity":
            answer = self.session.request(self._plan.auth_url + path, method, json=body, authenticated=True, **kwargs)
        else:
            kind, prefix = _SERVICES[service]
            api = adapter.Adapter(self.session, service_type=kind, region_name=self._plan.region, interface="public")
            base = (api.get_endpoint() or "").rstrip("/")
            if prefix and not base.endswith(prefix):
                base += prefix
            answer = self.session.request(base + path, method, json=body, authenticated=True, **kwargs)
        return answer.json() if answer.content else None

    def one(self, service: str, path: str, key: str, **filters: str) -> dict[str, Any] | None:
        """The first item of a list that has the `filters`' values, or None."""
        found = self.call(service, "GET", path, params=filters)[key]
        return next((item for item in found if all(str(item.get(k, v)) == v for k, v in filters.items())), None)


class Contents:
    """What is made, in order; `said` is told of each thing."""

    def __init__(self, plan: Plan, said: Callable[[str], None]) -> None:
        self.plan, self.said = plan, said
        self.admin = _Cloud(plan, "admin", plan.admin_password)
        self.demo = _Cloud(plan, "demo", plan.demo_password)

    def users(self) -> None:
        """Project and user `demo`, a member of it; the administrator may act there, too."""
        project = self._identity("project", {"description": "Project of the user demo"})
        user = self._identity("user", {"password": self.plan.demo_password, "default_project_id": project["id"]})
        try:
            self.demo.session.get_token()
        except ks.Unauthorized:  # there before, and with another password
            self.admin.call("identity", "PATCH", f"/users/{user['id']}", {"user": {"password": self.plan.demo_password}})
            self.said("a new password for user demo")
        except ks.HttpError:
            LOG.debug("the user has no role yet")
        admin = self.admin.one("identity", "/users", "users", name="admin", domain_id="default") or {}
        for who, name in ((user, "member"), (admin, "admin")):
            role = self.admin.one("identity", "/roles", "roles", name=name) or {}
            self.admin.call("identity", "PUT", f"/projects/{project['id']}/users/{who['id']}/roles/{role['id']}")

    def _identity(self, noun: str, values: dict[str, Any]) -> dict[str, Any]:
        """The project or user `demo`, made when it is missing."""
        found = self.admin.one("identity", f"/{noun}s", f"{noun}s", name="demo", domain_id="default")
        if found is None:
            body = {noun: {"name": "demo", "domain_id": "default", **values}}
            found = self.admin.call("identity", "POST", f"/{noun}s", body)[noun]
            self.said(f"{noun} demo")
        return dict(found)

    def image(self) -> None:
        """The guest image, public; replaced when the file changed."""
        plan = self.plan
        data = plan.image if isinstance(plan.image, bytes) else None
        size = os.path.getsize(plan.image) if data is None else len(data)
        with io.BytesIO(data) if data is not None else open(plan.image, "rb") as file:
            digest = hashlib.sha256()
            while piece := file.read(1 << 20):
                digest.update(piece)
            for old in self.admin.call("image", "GET", "/images", params={"name": plan.image_name})["images"]:
                if old["status"] == "active" and old.get(HASH_PROPERTY) == digest.hexdigest():
                    return
                self.admin.call("image", "DELETE", f"/images/{old['id']}")
            made = self.admin.call("image", "POST", "/images", {
                "name": plan.image_name, "disk_format": plan.image_format, "container_format": "bare", "visibility": "public",
                **plan.image_properties, HASH_PROPERTY: digest.hexdigest()})
            file.seek(0)
            self.admin.call("image", "PUT", f"/images/{made['id']}/file", data=file,
                            headers={"Content-Type": "application/octet-stream"})
        self.said(f"image {plan.image_name}, {size >> 10} KiB")

    def flavors(self) -> None:
        """The usual flavors, and two small ones that fit the guest image."""
        there = {f["name"] for f in self.admin.call("compute", "GET", "/flavors", params={"is_public": "None"})["flavors"]}
        for name, flavor_id, ram, vcpus, disk in FLAVORS:
            if name not in there:
                self.admin.call("compute", "POST", "/flavors", {
                    "flavor": {"name": name, "id": flavor_id, "ram": ram, "vcpus": vcpus, "disk": disk}})
                self.said(f"flavor {name}")

    def public_network(self) -> None:
        """The flat external network over the public bridge."""
        plan = self.plan
        network = self._network_thing(self.admin, "network", "public", {
            "router:external": True, "is_default": True, "provider:network_type": "flat",
            "provider:physical_network": plan.physical_network})
        first, last = plan.public_pool
        self._network_thing(self.admin, "subnet", "public-subnet", {
            "network_id": network["id"], "ip_version": 4, "cidr": plan.public_cidr, "gateway_ip": plan.public_gateway,
            "enable_dhcp": False, "allocation_pools": [{"start": first, "end": last}]}, network_id=network["id"])

    def subnet_pool(self) -> None:
        """The pool that networks made on demand, and subnets without addresses of their own, take theirs from."""
        self._network_thing(self.admin, "subnetpool", "shared-default-subnetpool-v4", {
            "prefixes": [self.plan.shared_pool], "default_prefixlen": 26, "shared": True, "is_default": True})

    def private_network(self) -> None:
        """The demo project's own network, with a router to the public one."""
        mine = {"project_id": self.demo.project_id}
        network = self._network_thing(self.demo, "network", "private", {}, **mine)
        subnet = self._network_thing(self.demo, "subnet", "private-subnet", {
            "network_id": network["id"], "ip_version": 4, "cidr": self.plan.private_cidr,
            "dns_nameservers": list(self.plan.private_dns)}, network_id=network["id"])
        public = self.demo.one("network", "/networks", "networks", name="public") or {}
        gateway = {"external_gateway_info": {"network_id": public.get("id")}}
        router = self._network_thing(self.demo, "router", "router", gateway, **mine)
        if self.demo.one("network", "/ports", "ports", device_id=router["id"], network_id=network["id"]) is None:
            self.demo.call("network", "PUT", f"/routers/{router['id']}/add_router_interface", {"subnet_id": subnet["id"]})
            self.said("interface of router in private-subnet")

    def _network_thing(self, cloud: _Cloud, noun: str, name: str, values: dict[str, Any], **where: str) -> dict[str, Any]:
        """The network, subnet, subnet pool or router `name` of a project or network, made when it is missing."""
        filters = where if noun == "subnet" else {"name": name, **where}
        found = cloud.one("network", f"/{noun}s", f"{noun}s", **filters)
        if found is None:
            found = cloud.call("network", "POST", f"/{noun}s", {noun: {"name": name, **values}})[noun]
            self.said(f"{noun} {name}")
        return dict(found)

    def security_rules(self) -> None:
        """Let ping and SSH reach the demo project's servers."""
        group = self.demo.one("network", "/security-groups", "security_groups", name="default",
                              project_id=self.demo.project_id) or {}
        for rule in ({"protocol": "icmp"}, {"protocol": "tcp", "port_range_min": 22, "port_range_max": 22}):
            try:
                self.demo.call("network", "POST", "/security-group-rules", {"security_group_rule": {
                    "security_group_id": group.get("id"), "direction": "ingress", "ethertype": "IPv4", **rule}})
                self.said(f"rule: {rule['protocol']} to servers in group default")
            except ks.Conflict:
                continue

    def volume_type(self) -> None:
        """A volume type for the back end."""
        name = self.plan.volume_backend
        if name not in {t["name"] for t in self.admin.call("volume", "GET", "/types")["volume_types"]}:
            self.admin.call("volume", "POST", "/types", {
                "volume_type": {"name": name, "extra_specs": {"volume_backend_name": name}}})
            self.said(f"volume type {name}")

    def agents(self) -> None:
        """Wait until a network agent has reported."""
        _until("network agent that is alive", lambda: any(
            a["alive"] for a in self.admin.call("network", "GET", "/agents")["agents"]))

    def hosts(self) -> None:
        """Wait until a hypervisor has reported, so that a server can boot at once."""
        _until("hypervisor that is up", lambda: any(
            s["binary"] == "nova-compute" and s["state"] == "up"
            for s in self.admin.call("compute", "GET", "/os-services")["services"]))
        _until("hypervisor in placement", lambda: bool(
            self.admin.call("placement", "GET", "/resource_providers")["resource_providers"]))


def _until(what: str, ready: Callable[[], bool], seconds: float = 45) -> None:
    """Poll `ready`; errors.Transient that names `what`."""
    until = clock.monotonic() + seconds
    while not ready():
        if clock.monotonic() > until:
            raise errors.Transient(f"there is still no {what} after {seconds:.0f} s")
        clock.sleep(0.25)


def _steps(plan: Plan, contents: Contents) -> Iterable[tuple[str, Callable[[], None]]]:
    """What is to be made, named, in order."""
    table = (("identity", "the user demo", contents.users), ("image", "the guest image", contents.image),
             ("compute", "the flavors", contents.flavors), ("network", "the public network", contents.public_network),
             ("network", "the pool of subnets", contents.subnet_pool),
             ("network", "the private network", contents.private_network),
             ("network", "the security group's rules", contents.security_rules),
             ("volume", "the volume type", contents.volume_type))
    yield from ((what, make) for service, what, make in table if service in plan.services)
    if "network" in plan.wait_for:
        yield "the network agent's first report", contents.agents
    if "compute" in plan.wait_for:
        yield "the hypervisor's first report", contents.hosts


def make(plan: Plan, said: Callable[[str], None]) -> None:
    """Make everything that the plan calls for; errors.ConfigError with one line that says what could not be made."""
    contents = Contents(plan, said)
    for what, step in _steps(plan, contents):
        try:
            step()
        except (ks.ClientException, errors.Transient, OSError) as e:
            raise errors.ConfigError(f"could not make {what}: {type(e).__name__}: {e}") from e
