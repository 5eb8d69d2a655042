"""A volume service in one thread: the real conductor and agent behind calls, the simulated back end, a fake image service."""

import itertools

from common import clock
from common.clients.base import RemoteError
from common.saga import Runner
from services.scheduler.domain import backends
from services.volume.agent.images import Images
from services.volume.agent.reconcile import Reconciler
from services.volume.agent.service import AgentService
from services.volume.agent.verbs import Backend
from services.volume.conductor.deps import Conductor
from services.volume.conductor.service import ConductorService
from services.volume.conductor.table import SAGAS
from services.volume.db import models
from services.volume.drivers import load_driver

HOST = "test-host@simulated"


class FakeImages:
    """The image service: images by id; raw bytes beside."""

    def __init__(self):
        self.images, self.data, self.numbers = {}, {}, itertools.count(1)

    def as_user(self, context):
        return self

    def base_url(self):
        return "http://image"

    def add(self, **values):
        image_id = f"00000000-0000-4000-8000-{next(self.numbers):012d}"
        self.images[image_id] = {
            "id": image_id,
            "name": "an image",
            "status": "active",
            "size": 1 << 20,
            "min_disk": 0,
            "min_ram": 0,
            "disk_format": "raw",
            "container_format": "bare",
            "checksum": "c",
            "visibility": "public",
            **values,
        }
        self.data[image_id] = b"\x01" * (1 << 20)
        return image_id

    def show(self, image_id):
        if image_id not in self.images:
            raise RemoteError(404, f"No image found with ID {image_id}", "image")
        return self.images[image_id]

    def create(self, body):
        return self.images[self.add(status="queued", **body)]

    def remove(self, image_id):
        if self.images.pop(image_id, None) is None:
            raise RemoteError(404, "gone", "image")


class FakeBytes(Images):
    """The agent's way to image bytes, without HTTP; the access is asked for all the same."""

    def __init__(self, conductor, host, images):
        super().__init__(conductor, host)
        self.images = images

    def read(self, job_id):
        image_id = self._access(job_id)["url"].split("/")[-2]
        yield self.images.data[image_id]

    def write(self, job_id, chunks):
        image_id = self._access(job_id)["url"].split("/")[-2]
        self.images.data[image_id] = next(iter(chunks))
        self.images.images[image_id]["status"] = "active"


class FakeScheduler:
    """The scheduler's own code for pools, called directly."""

    def select_backends(self, ctxt, requests):
        return backends.select(requests, ["AvailabilityZoneFilter", "CapacityFilter", "CapabilitiesFilter"], ["CapacityWeigher"])


class FakeCompute:
    def __init__(self):
        self.events = []

    def server_external_events(self, events):
        self.events.extend(events)
        return events


class AgentProxy:
    """`agent.to(host)`: pokes are only remembered, calls are answered."""

    def __init__(self):
        self.services, self.poked, self.calls = {}, [], []

    def to(self, host):
        return _Addressed(self, host)


class _Addressed:
    def __init__(self, proxy, host):
        self.proxy, self.host = proxy, host

    def reconcile(self, ctxt, volume_ids):
        self.proxy.poked.append((self.host, volume_ids))

    def connect(self, ctxt, *args):
        self.proxy.calls.append(("connect", *args))
        return self.proxy.services[self.host].connect(ctxt, *args)

    def disconnect(self, ctxt, *args):
        self.proxy.calls.append(("disconnect", *args))
        return self.proxy.services[self.host].disconnect(ctxt, *args)


class Pokes:
    """The conductors as the API sees them: sagas are only remembered."""

    def __init__(self):
        self.sagas = []

    def run_sagas(self, ctxt, saga_ids):
        self.sagas.extend(saga_ids)


class Cloud:
    """Conductor and agent over one schema; `settle()` runs everything that can run."""

    def __init__(self, conf, database):
        self.conf, self.db = conf, database
        self.images, self.scheduler, self.compute, self.agents, self.pokes = (
            FakeImages(),
            FakeScheduler(),
            FakeCompute(),
            AgentProxy(),
            Pokes(),
        )
        self.driver = load_driver(conf, "simulated")
        self.driver.start()
        self.new_conductor()
        self.new_agent()
        self.reconciler.beat(self.reconciler.conductor)

    def new_conductor(self, after_step=None):
        deps = Conductor(self.conf, self.db, self.scheduler, self.agents, self.images, self.compute)
        more = {"after_step": after_step} if after_step else {}
        self.runner = Runner(self.db, models.Saga, SAGAS, deps, lease_s=0.001, **more)
        self.conductor = ConductorService(deps, self.runner)
        self.runner.poke = lambda saga_ids: None
        if hasattr(self, "reconciler"):
            self.reconciler.conductor = self.reconciler.backend.images.conductor = self.conductor

    def new_agent(self):
        """The agent again, as after its restart: only its back end remembers."""
        backend = Backend(HOST, "nova", self.driver, FakeBytes(self.conductor, HOST, self.images))
        self.reconciler = Reconciler(backend, self.conductor)
        self.agents.services[HOST] = AgentService(self.reconciler)

    def agent_works(self):
        for job in self.conductor.work(None, HOST, None):
            self.reconciler.work([job["volume_id"]])

    def settle(self, rounds_max=30):
        """Sagas, then the agent, until nothing is left to do."""
        for _ in range(rounds_max):
            self.let_parked_go_on()
            self.runner.run_all()
            if not self.unfinished():
                return
            self.agent_works()
            clock.sleep(0.002)
        raise AssertionError(f"does not settle: {self.unfinished()}")

    def unfinished(self):
        with self.db.read() as session:
            return [(s.kind, s.state, s.step, s.error) for s in session.query(models.Saga) if s.state in ("running", "undoing")]

    def let_parked_go_on(self):
        with self.db.write() as session:
            session.query(models.Saga).filter(models.Saga.state.in_(("running", "undoing"))).update({"wake_at": None})
