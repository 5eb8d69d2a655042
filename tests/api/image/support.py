"""The image API on SQLite with two file stores and one web store, and a conductor run by hand."""

import os
import struct
from dataclasses import dataclass
from typing import Any

from common.db.session import Database
from common.saga import Runner
from common.testing.api import ApiClient, FakeAuthenticator, make_conf, make_database
from services.image.api.app import make_app
from services.image.api.state import State
from services.image.cmd.image_conductor import SAGAS
from services.image.cmd.wiring import storage
from services.image.conductor.deps import Deps
from services.image.config import SERVICE
from services.image.db import models
from services.image.drivers import options as store_options
from services.image.drivers.cache import ImageCache

# An SQLAlchemy URL: these tests run on that (otherwise empty) schema in place of SQLite.
URL = os.environ.get("ALTOSTACK_TEST_IMAGE_DATABASE")
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


def make_site(folder, limits=None, remote=None, certificates=None, sections=None, tell=None, **options):
    values = {"enabled_stores": ["file", "second:file", "web:http"], **options}
    if URL:
        values["database__connection"] = URL
    conf = make_conf(SERVICE, "image-api", folder, **values)
    for section, settings in (sections or {}).items():  # of stores
        store_options.register(conf)
        for name, value in settings.items():
            conf.set_override(name, value, group=section)
    if URL:
        Database(URL).transaction(lambda s: models.Base.metadata.drop_all(s.connection()))
    db = make_database(conf, models.Base)
    stores, staging = storage(conf)
    cache = ImageCache(str(folder / "cache")) if conf.cache.enabled else None
    if cache:
        cache.start()
    poked = []
    state = State(conf, db, stores, staging, cache, lambda c, ids: poked.extend(ids), certificates,
                  limits or (lambda p: {}), tell)
    auth = FakeAuthenticator()
    deps = Deps(conf, db, stores, staging, remote, certificates, state.events)
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


def qcow2(backing=0, size=1 << 30, features=0):
    """The beginning of a qcow2 image, zeros after it."""
    head = struct.pack(">4sIQIIQIIQQIIQQQQII", b"QFI\xfb", 3, backing, 8 if backing else 0, 16, size, 0, 1, 0x30000, 0x10000, 1,
                       0, 0, features, 0, 0, 4, 104)
    return head + bytes(0x40000 - len(head))
