"""The image API on SQLite with two file stores and one web store, and a conductor run by hand."""

from dataclasses import dataclass
from typing import Any

from common.saga import Runner
from common.testing.api import ApiClient, FakeAuthenticator, make_conf, make_database
from services.image.api.app import make_app
from services.image.api.state import State
from services.image.cmd.image_conductor import SAGAS
from services.image.cmd.wiring import storage
from services.image.conductor.deps import Deps
from services.image.config import SERVICE
from services.image.db import models
from services.image.drivers.cache import ImageCache

PROJECT, OTHER = "a" * 32, "b" * 32


@dataclass
class Site:
    """The app, its state, and callers."""

    app: Any
    state: State
    auth: FakeAuthenticator
    deps: Deps
    runner: Runner
    poked: list

    def client(self, persona, **headers):
        return ApiClient(self.app, self.auth, persona, headers)

    def work(self):
        """Let the conductor do all that waits."""
        self.runner.run_all()


def make_site(folder, limits=None, remote=None, **options):
    values = {"enabled_stores": ["file", "second:file", "web:http"], **options}
    conf = make_conf(SERVICE, "image-api", folder, **values)
    db = make_database(conf, models.Base)
    stores, staging = storage(conf)
    cache = ImageCache(str(folder / "cache")) if conf.cache.enabled else None
    if cache:
        cache.start()
    poked = []
    state = State(conf, db, stores, staging, cache, lambda c, ids: poked.extend(ids), limits or (lambda p: {}))
    auth = FakeAuthenticator()
    deps = Deps(conf, db, stores, staging, remote)
    runner = Runner(db, models.Saga, SAGAS, deps)
    return Site(make_app(state, auth), state, auth, deps, runner, poked)


def new(client, **values):
    """A new image's document."""
    return client.post("/v2/images", {"name": "i", "disk_format": "raw", "container_format": "bare", **values}, 201)


def upload(client, image_id, data=b"x" * 1000, status=204, **headers):
    sent = {"Content-Type": "application/octet-stream", **headers}
    response = client.request("PUT", f"/v2/images/{image_id}/file", data=data, headers=sent)
    assert response.status_code == status, response.text
    return response
