"""A compute API on SQLite with honest small stand-ins for the other services, and callers."""

import pytest

from common.testing.api import ApiClient, FakeAuthenticator, Persona, make_conf, make_database
from services.compute.api.app import make_app
from services.compute.api.state import State
from services.compute.config import SERVICE
from services.compute.db import models
from tests.api.compute.fakes import FakeAgents, FakeConductor, FakeImages, FakeNetworks, FakePlacement, FakeVolumes


class Cloud:
    """The app, its state and its callers: `admin`, `member` and `reader` of one project, `stranger` of another."""

    def __init__(self, folder):
        self.conf = make_conf(SERVICE, "compute-api", folder)
        self.db = make_database(self.conf, models.Base)
        self.images, self.networks, self.volumes = FakeImages(), FakeNetworks(), FakeVolumes()
        self.conductor, self.agents, self.placement = FakeConductor(), FakeAgents(), FakePlacement()
        self.state = State(
            conf=self.conf,
            db=self.db,
            conductor=self.conductor,
            agents=self.agents,
            image=self.images,
            network=self.networks,
            volume=self.volumes,
            placement=self.placement,
        )
        self.auth = FakeAuthenticator()
        app = make_app(self.state, self.auth)
        self.member = ApiClient(app, self.auth, Persona("member"))
        self.project = self.member.persona.project_id
        self.admin = self.member.as_(Persona("admin"))
        self.reader = self.member.as_(Persona("reader", project_id=self.project))
        self.stranger = self.member.as_(Persona("member"))
        self.network = self.networks.add("network", name="private", tenant_id=self.project, subnets=["sub"], shared=False)
        self.image = self.images.add(name="cirros", status="active", size=1 << 20, disk_format="qcow2", hw_disk_bus="virtio")

    def flavor(self, **values):
        """A flavor's id, made by the operator."""
        body = {
            "name": f"m{len(str(values))}.{values.get('ram', 512)}.{values.get('vcpus', 1)}",
            "ram": 512,
            "vcpus": 1,
            "disk": 1,
            **values,
        }
        return self.admin.post("/v2.1/flavors", {"flavor": body})["flavor"]["id"]

    def server(self, flavor=None, status=202, **values):
        """A new server's answer."""
        if flavor is None:
            self.default_flavor = flavor = getattr(self, "default_flavor", None) or self.flavor()
        body = {"name": "web", "flavorRef": flavor, "imageRef": self.image, **values}
        return self.member.post("/v2.1/servers", {"server": body}, status=status)

    def run(self, server_id, host="node1", **values):
        """Pretend that a conductor brought the server up on `host`."""
        import sqlalchemy as sa

        from common import clock

        columns = {
            "vm_state": "active",
            "task_state": None,
            "power_state": 1,
            "host": host,
            "node": host,
            "launched_at": clock.now(),
            **values,
        }
        with self.db.write() as session:
            session.execute(sa.update(models.Server).where(models.Server.id == server_id).values(**columns))
            session.execute(sa.update(models.Saga).where(models.Saga.resource_id == server_id).values(state="done"))

    def sagas(self, server_id):
        """[(kind, state, cancelled, data)] of a server, oldest first."""
        import sqlalchemy as sa

        with self.db.read() as session:
            rows = session.scalars(sa.select(models.Saga).where(models.Saga.resource_id == server_id).order_by(models.Saga.seq))
            return [(r.kind, r.state, r.cancelled, r.data) for r in rows]


@pytest.fixture
def cloud(tmp_path):
    made = Cloud(tmp_path)
    yield made
    made.db.dispose()
