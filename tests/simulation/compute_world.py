"""A small world around compute's conductor: honest fakes of the other services, the real agent code, simulated hypervisors.

Everything is called in one thread, so that a test decides what happens between which steps.
"""

import itertools
from dataclasses import dataclass, field

from common import context, ids
from common.clients.base import RemoteError
from common.db import services as service_rows
from common.saga import Runner
from common.testing.api import make_conf, make_database
from services.compute.agent.reconcile import Reconciler
from services.compute.agent.verbs import Host
from services.compute.conductor.deps import Conductor
from services.compute.conductor.service import ConductorService
from services.compute.conductor.table import SAGAS
from services.compute.config import SERVICE
from services.compute.db import models, operations, server_parts, servers
from services.compute.drivers import load_driver

FLAVOR = {"flavorid": "1", "name": "small", "vcpus": 1, "memory_mb": 512, "root_gb": 1, "ephemeral_gb": 0, "swap": 0,
          "extra_specs": {}}
BIG = FLAVOR | {"flavorid": "2", "name": "big", "vcpus": 2, "memory_mb": 1024, "root_gb": 2}


def _any_of(value):
    return value if isinstance(value, list) else [value]


class FakePlacement:
    """Allocations by consumer, as Placement keeps them."""

    def __init__(self):
        self.claims = {}

    def allocations(self, consumer):
        return dict(self.claims.get(consumer, {}))

    def put_allocations(self, consumer, allocations, project_id, user_id):
        self.claims[consumer] = dict(allocations)

    def delete_allocations(self, consumer):
        self.claims.pop(consumer, None)

    def drop_allocations(self, consumers):
        for consumer in consumers:
            self.claims.pop(consumer, None)

    def move_allocations(self, source, target, consumer_type="INSTANCE"):
        if source in self.claims:
            self.claims[target] = self.claims.pop(source)


class FakeScheduler:
    """Chooses the first host that is not ignored, and claims on it."""

    def __init__(self, placement, hosts):
        self.placement, self.hosts, self.asked = placement, hosts, []

    def select_hosts(self, ctxt, requests):
        self.asked += requests
        answers = []
        for wanted in requests:
            usable = [h for h in sorted(self.hosts) if h not in wanted["ignore_hosts"] and wanted.get("host") in (None, h)]
            if not usable:
                answers.append({"error": "No valid host: ComputeFilter removed all", "public_error": "No valid host was found."})
                continue
            self.placement.claims[wanted["consumer_id"]] = {usable[0]: wanted["resources"]}
            answers.append({"host": usable[0], "node": self.hosts[usable[0]], "provider_id": usable[0], "allocations": {},
                            "alternates": []})
        return answers

    def update_hosts(self, ctxt, hosts):
        pass


class FakeNetwork:
    """Ports of one network."""

    def __init__(self):
        self.ports, self.count = {}, itertools.count(10)
        self.bindings = {}  # the inactive ones: port id -> hosts

    def find(self, kind, **filters):
        if kind == "port":
            return [dict(p) for p in self.ports.values() if p["device_id"] in _any_of(filters["device_id"])]
        if kind == "subnet":
            return [{"id": "subnet", "cidr": "10.0.0.0/16", "ip_version": 4, "gateway_ip": "10.0.0.1"}]
        return [{"id": "net", "name": "private"}] if kind == "network" and not filters.get("shared") else []

    def show(self, kind, item_id):
        return {"id": item_id, "name": "private", "mtu": 1450}

    def create_ports(self, bodies):
        made = []
        for body in bodies:
            port = {**body, "id": ids.uuid(), "mac_address": ids.mac(), "status": "DOWN",
                    "fixed_ips": [{"ip_address": f"10.0.0.{next(self.count)}", "subnet_id": "subnet"}]}
            self.ports[port["id"]], self.bindings[port["id"]] = port, set()
            made.append(dict(port))
        return made

    def update(self, kind, item_id, values):
        if item_id not in self.ports:
            raise RemoteError(404, "no such port", "network")
        self.ports[item_id].update(values)
        return dict(self.ports[item_id])

    def remove(self, kind, item_id, missing_ok=False):
        self.ports.pop(item_id, None)
        self.bindings.pop(item_id, None)

    def bind(self, port_id, host, profile):
        if host in (*self.bindings[port_id], self.ports[port_id]["binding:host_id"]):
            raise RemoteError(409, "bound already", "network")
        self.bindings[port_id].add(host)

    def activate(self, port_id, host):
        before = self.ports[port_id]["binding:host_id"]
        if host == before:
            raise RemoteError(409, "active already", "network")
        if host not in self.bindings[port_id]:
            raise RemoteError(404, "no such binding", "network")
        self.bindings[port_id] = self.bindings[port_id] - {host} | {before}
        self.ports[port_id].update({"binding:host_id": host, "status": "DOWN"})

    def unbind(self, port_id, host):
        assert self.ports[port_id]["binding:host_id"] != host, "a running server's port"
        self.bindings[port_id].discard(host)


class FakeVolumes:
    """Volumes and their attachments."""

    def __init__(self):
        self.volumes_by_id, self.attachments, self.snapshots_by_id = {}, {}, {}

    def as_user(self, ctxt):
        return self

    def add(self, **values):
        volume = {"id": ids.uuid(), "status": "available", "metadata": {}, **values}
        self.volumes_by_id[volume["id"]] = volume
        return volume

    def volume(self, volume_id):
        if volume_id not in self.volumes_by_id:
            raise RemoteError(404, "no such volume", "volume")
        return self.volumes_by_id[volume_id]

    def volumes(self, **filters):
        return [v for v in self.volumes_by_id.values() if repr(v["metadata"]) == filters["metadata"]]

    def create_volume(self, values):
        return self.add(**values)

    def delete_volume(self, volume_id):
        self.volumes_by_id.pop(volume_id, None)

    def reimage(self, volume_id, image_id):
        assert self.volume(volume_id)["status"] == "reserved", self.volume(volume_id)
        self.volume(volume_id)["image"] = image_id

    def snapshots(self, **filters):
        return [s for s in self.snapshots_by_id.values() if all(s[k] == v for k, v in filters.items())]

    def create_snapshot(self, values):
        snapshot = {"id": ids.uuid(), "status": "available", "size": 1, **values}
        self.snapshots_by_id[snapshot["id"]] = snapshot
        return snapshot

    def delete_snapshot(self, snapshot_id):
        self.snapshots_by_id.pop(snapshot_id, None)

    def create_attachment(self, volume_id, server_id, connector=None):
        attachment = {"id": ids.uuid(), "volume_id": volume_id, "instance": server_id}
        if self.attachments_of(volume_id, server_id) == []:
            self.volume(volume_id)["status"] = "reserved"
        self.attachments[attachment["id"]] = attachment
        return attachment

    def update_attachment(self, attachment_id, connector):
        info = {"driver_volume_type": "simulated",
                "data": {"volume_id": self.attachments[attachment_id]["volume_id"], "host": connector["host"]}}
        self.attachments[attachment_id].update(connection_info=info, device=connector["mountpoint"])
        return self.attachments[attachment_id]

    def attachments_of(self, volume_id, server_id):
        return [a for a in self.attachments.values() if (a["volume_id"], a["instance"]) == (volume_id, server_id)]

    def complete_attachment(self, attachment_id):
        self.attachments[attachment_id]["attached"] = True
        self.volume(self.attachments[attachment_id]["volume_id"])["status"] = "in-use"

    def delete_attachment(self, attachment_id):
        found = self.attachments.pop(attachment_id, None)
        if found and found["volume_id"] in self.volumes_by_id:
            left = [a for a in self.attachments.values() if a["volume_id"] == found["volume_id"]]
            self.volume(found["volume_id"])["status"] = (
                "in-use" if any(a.get("attached") for a in left) else "attaching" if any("connection_info" in a for a in left)
                else "reserved" if left else "available")

    def action(self, volume_id, name, values=None):
        self.volume(volume_id)["status"] = {"os-roll_detaching": "in-use"}.get(name, self.volume(volume_id)["status"])


class FakeImages:
    """Images by id."""

    def __init__(self):
        self.images = {}

    def as_user(self, ctxt):
        return self

    def show(self, image_id):
        return self.images[image_id]

    def find(self, **filters):
        return []

    def update(self, image_id, patch):
        self.images[image_id].update({p["path"][1:]: p["value"] for p in patch})

    def upload(self, image_id, data):
        self.images[image_id]["status"] = "active"

    def remove(self, image_id):
        self.images.pop(image_id, None)

    def base_url(self):
        return "http://images.test"


class FakeImageBytes:
    """The agent's side of images: what was stored."""

    def __init__(self, images):
        self.images = images

    def fetch(self, image_id, path):
        raise OSError("the simulated driver fetches nothing")

    def store(self, image_id, path):
        self.images.images[image_id]["status"] = "active"


@dataclass
class Pokes:
    """The agents' RPC client: notes who was poked."""

    poked: list = field(default_factory=list)

    def to(self, host):
        return self

    def reconcile(self, ctxt, server_ids):
        self.poked += server_ids


class Direct:
    """The conductor as agents call it, without messages in between."""

    def __init__(self, world):
        self.world = world

    def __getattr__(self, name):
        return getattr(self.world.service, name)


class World:
    """Conductor, agents and fakes; `settle` lets everything happen until nothing does."""

    def __init__(self, folder, hosts=("alpha", "beta"), **options):
        self.conf = make_conf(SERVICE, "compute-conductor", folder, compute__driver="simulated", **options)
        self.database = make_database(self.conf, models.Base)
        self.placement, self.network = FakePlacement(), FakeNetwork()
        self.volume, self.image = FakeVolumes(), FakeImages()
        self.context = context.RequestContext(user_id="u", project_id="p", roles=["member"], auth_token="secret")
        self.agents = {h: self._agent(h, folder) for h in hosts}
        self.scheduler = FakeScheduler(self.placement, {h: a.host.driver.inventory.nodes()[0] for h, a in self.agents.items()})
        self.conductor = Conductor(self.conf, self.database, self.scheduler, Pokes(), self.network, self.volume, self.image,
                                   self.placement)
        self.runner = self.new_runner()
        self.down = set()
        self.beat()

    def _agent(self, name, folder):
        conf = make_conf(SERVICE, "compute-agent", folder, compute__driver="simulated", simulated__node_prefix=f"{name}-node-")
        driver = load_driver(conf, lambda *_: None)
        host = Host(driver, FakeImageBytes(self.image), str(folder / "scratch"), name, conductor=Direct(self))
        return Reconciler(host, Direct(self), threads=1)

    def new_runner(self, **kwargs):
        """Another conductor process."""
        self.runner = Runner(self.database, models.Saga, SAGAS, self.conductor, threads=1, lease_s=30, **kwargs)
        self.service = ConductorService(self.conductor, self.runner)
        self.runner.poke = lambda saga_ids: None
        return self.runner

    def beat(self):
        """Every agent that is not down says that it lives."""
        for host in set(self.agents) - self.down:
            self.database.transaction(service_rows.beat, models.Service, daemon="compute-agent", binary="nova-compute", host=host,
                                      version="1", info={"connector": {"host": host, "initiator": f"iqn.test:{host}"}})

    def server(self, *, volumes=(), networks=None, **values):
        """A new server's row with its saga, as the API makes it; its id."""
        row = {"id": ids.uuid(), "project_id": "p", "user_id": "u", "name": "one", "hostname": "one", "flavor": FLAVOR,
               "flavorid": "1", "vcpus": 1, "memory_mb": 512, "root_gb": 1, "task_state": "scheduling", **values}
        asked = {"server_id": row["id"], "image": {"id": "image", "disk_format": "qcow2", "properties": {}},
                 "data": {"networks": networks if networks is not None else [{"uuid": "net"}]}}

        def work(session):
            servers.insert(session, [row], [asked])
            server_parts.add_disks(session, [
                {"id": ids.uuid(), "server_id": row["id"], "source": "volume", "destination": "volume", "volume_id": v,
                 "position": n, "delete_on_termination": False} for n, v in enumerate(volumes)])
            operations.begin(session, self.context, [(row["id"], {})], kind="server_create", action="create")

        self.database.transaction(work)
        return row["id"]

    def act(self, server_id, kind, action, task_state=None, **data):
        """Begin a saga on a server as the API does."""
        def work(session):
            row = servers.get(session, server_id)
            if kind == "server_delete":
                operations.cancel(session, server_id)
            servers.change(session, server_id, {"task_state": task_state, **data.pop("values", {})})
            operations.begin(session, self.context, [(server_id, {"action": action, "vm_state": row.vm_state, **data})],
                             kind=kind, action=action)

        self.database.transaction(work)

    def agents_work(self):
        """Every agent does its jobs; the network plugs what it built. True when anything was done."""
        busy = False
        for host, agent in self.agents.items():
            if host in self.down:
                continue
            expected = [row[0] for row in self.service.expected(None, host) if row[2]]
            for item in self.service.work(None, host, expected):
                report, _ = agent._jobs(item)
                busy = busy or bool(report["jobs"])
                self.service.report(None, host, [report])
                if item["spec"]:
                    self._plug(item["server_id"])
        return busy

    def _plug(self, server_id):
        def work(session):
            rows = [{"server_id": server_id, "name": "network-vif-plugged", "tag": c.port_id, "status": "completed"}
                    for c in server_parts.nics(session, [server_id]).get(server_id, [])]
            server_parts.add_events(session, rows)

        self.database.transaction(work)

    def settle(self, rounds=30):
        """Sagas and agents in turn, until nothing moves."""
        for _ in range(rounds):
            self.wake()
            self.runner.run_all()
            if not self.agents_work():
                self.wake()
                self.runner.run_all()
                if not self.agents_work():
                    return

    def wake(self):
        """Let every parked saga look again, as time would."""
        with self.database.read() as session:
            wanted = [s.resource_id for s in session.query(models.Saga).filter(models.Saga.state.in_(("running", "undoing")))]
        self.database.transaction(operations.wake, wanted)

    def row(self, server_id):
        """The server's row, deleted or not."""
        with self.database.read() as session:
            return servers.get(session, server_id, deleted=True)

    def fault(self, server_id):
        """The newest fault, or None."""
        with self.database.read() as session:
            return server_parts.faults(session, [server_id]).get(server_id)

    def on_hosts(self):
        """{server id: host} of everything that the hypervisors have."""
        return {s.uuid: h for h, a in self.agents.items() for s in a.host.driver.lifecycle.servers()}

    def gone(self, server_id):
        """Delete the server, unless something did; AssertionError when it stays, or anything of it."""
        if not self.row(server_id).deleted:
            self.act(server_id, "server_delete", "delete", "deleting")
            self.settle()
        assert self.row(server_id).deleted
        self.nothing_left()

    def nothing_left(self):
        """AssertionError when anything of any server is left anywhere."""
        assert self.placement.claims == {}
        assert self.network.ports == {}
        assert self.volume.attachments == {}
        assert self.on_hosts() == {}
        with self.database.read() as session:
            assert session.query(models.AgentJob).count() == 0
