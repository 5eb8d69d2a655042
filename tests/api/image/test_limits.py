"""Unified limits: the image API asks a real identity API over HTTP; a limit that is changed holds at once."""

import threading

import pytest
from werkzeug.serving import make_server

from common.clients.base import Sessions
from common.testing.api import Persona, make_conf
from services.image.config import SERVICE
from services.image.drivers.limits import ProjectLimits
from tests.api.identity.tests_identity_cloud import Cloud
from tests.api.image.support import make_site, new, upload

OCTETS = {"Content-Type": "application/octet-stream"}
MIB = bytes(1 << 20)
NAMES = ("image_size_total", "image_stage_total", "image_count_total", "image_count_uploading")


class Both:
    """Identity on a port, and the image API that has its limits from there."""

    def __init__(self, folder, registered=True, **options):
        (folder / "identity").mkdir()
        self.identity = Cloud(folder / "identity")
        self.server = make_server("127.0.0.1", 0, self.identity.app, threaded=True)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()
        admin, url = self.identity.admin, f"http://127.0.0.1:{self.server.port}/v3"
        for service in admin("GET", "/v3/services?type=identity")["services"]:
            for endpoint in admin("GET", f"/v3/endpoints?service_id={service['id']}")["endpoints"]:
                admin("PATCH", f"/v3/endpoints/{endpoint['id']}", {"endpoint": {"url": url}})
        self.service = admin("POST", "/v3/services", {"service": {"type": "image", "name": "glance"}}, 201)["service"]["id"]
        self.endpoint = admin("POST", "/v3/endpoints", {"endpoint": {
            "service_id": self.service, "interface": "public", "region_id": "RegionOne", "url": "http://x"}}, 201)["endpoint"]
        self.project = self.identity.projects["demo"]
        rows = [{"service_id": self.service, "region_id": "RegionOne", "resource_name": n, "default_limit": 10} for n in NAMES]
        if registered:
            admin("POST", "/v3/registered_limits", {"registered_limits": rows}, 201)
        credentials = {"username": "admin", "password": "secret", "project_name": "admin", "auth_url": url,
                       "user_domain_id": "default", "project_domain_id": "default", "interface": "public"}
        conf = make_conf(SERVICE, "image-api", folder, **{f"service_credentials__{k}": v for k, v in credentials.items()},
                         **{k: self.endpoint["id"] if v is True else v for k, v in options.items()})
        self.limits = ProjectLimits(conf, Sessions(conf))
        self.site = make_site(folder, limits=self.limits.of, image__use_keystone_limits=True)
        self.member = self.site.client(Persona("member", self.project))
        self.ids = {}

    def limit(self, name, value):
        """Give the project a limit of its own, or change it."""
        if name in self.ids:
            self.identity.admin("PATCH", f"/v3/limits/{self.ids[name]}", {"limit": {"resource_limit": value}})
            return
        body = {"limits": [{"service_id": self.service, "region_id": "RegionOne", "resource_name": name,
                            "resource_limit": value, "project_id": self.project}]}
        self.ids[name] = self.identity.admin("POST", "/v3/limits", body, 201)["limits"][0]["id"]

    def stage(self, image, status=204):
        response = self.member.request("PUT", f"/v2/images/{image}/stage", data=MIB, headers=OCTETS)
        assert response.status_code == status, response.text

    def import_(self, image, status=202):
        self.member.post(f"/v2/images/{image}/import", {"method": {"name": "glance-direct"}}, status)
        self.site.work()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
        self.site.state.db.dispose()
        self.identity.db.dispose()


@pytest.fixture
def both(tmp_path, request):
    made = Both(tmp_path, **getattr(request, "param", {}))
    yield made
    made.close()


def test_number_of_images(both):
    both.limit("image_count_total", 1)
    first = new(both.member)["id"]
    refused = both.member.request("POST", "/v2/images", {"name": "second"})
    assert refused.status_code == 413 and "image_count_total" in refused.text
    both.limit("image_count_total", 2)
    new(both.member)
    both.member.post("/v2/images", {"name": "third"}, 413)
    both.member.delete(f"/v2/images/{first}")
    new(both.member)
    assert both.member.get("/v2/info/usage")["usage"]["image_count_total"] == {"limit": 2, "usage": 2}


def test_number_of_uploads(both):
    both.limit("image_count_uploading", 1)
    first, second, third = (new(both.member)["id"] for _ in range(3))
    both.stage(first)
    both.stage(second, 413)
    upload(both.member, third, MIB, 413)
    both.member.post(f"/v2/images/{third}/import", {"method": {"name": "web-download", "uri": "http://93.184.216.34/"}}, 413)
    both.limit("image_count_uploading", 2)
    upload(both.member, third, MIB)
    both.stage(second)
    both.import_(second)
    both.limit("image_count_uploading", 1)
    fourth = new(both.member)["id"]
    upload(both.member, fourth, MIB, 413)
    both.import_(first)
    upload(both.member, fourth, MIB)


def test_bytes_stored(both):
    both.limit("image_size_total", 1)
    images = [new(both.member)["id"] for _ in range(4)]
    upload(both.member, images[0], MIB)
    upload(both.member, images[1], MIB)  # at the limit, not above it: how much comes is not known
    upload(both.member, images[2], MIB, 413)
    both.stage(images[2])
    both.import_(images[2], 413)
    both.limit("image_size_total", 2)
    both.import_(images[2])
    upload(both.member, images[3], MIB, 413)
    both.member.delete(f"/v2/images/{images[0]}")
    upload(both.member, images[3], MIB)
    assert both.member.get("/v2/info/usage")["usage"]["image_size_total"] == {"limit": 2, "usage": 3}


def test_bytes_staged(both):
    both.limit("image_stage_total", 1)
    images = [new(both.member)["id"] for _ in range(4)]
    both.stage(images[0])
    both.stage(images[1])
    both.stage(images[2], 413)
    upload(both.member, images[3], MIB)
    both.limit("image_stage_total", 2)
    both.stage(images[2])
    assert both.member.get("/v2/info/usage")["usage"]["image_stage_total"] == {"limit": 2, "usage": 3}


def test_registered_limits_hold_for_who_has_none_of_its_own(both):
    usage = both.member.get("/v2/info/usage")["usage"]
    assert usage == {name: {"limit": 10, "usage": 0} for name in NAMES}


@pytest.mark.parametrize("both", [{"registered": False}], indirect=True)
def test_the_conductor_registers_what_identity_does_not_know(both):
    def known():
        found = both.identity.admin("GET", "/v3/registered_limits")["registered_limits"]
        return {x["resource_name"]: (x["service_id"], x["default_limit"]) for x in found}

    assert known() == {} and both.member.get("/v2/info/usage")["usage"]["image_count_total"]["limit"] == -1
    for _ in range(2):
        both.limits.register(NAMES)
        assert known() == {name: (both.service, -1) for name in NAMES}
    new(both.member)
    both.limit("image_count_total", 1)
    both.member.post("/v2/images", {"name": "i"}, 413)


@pytest.mark.parametrize("both", [{"image__limits_endpoint_id": True}], indirect=True)
def test_the_endpoint_says_whose_limits_count(both):
    # another image service in the catalog, which a look-up by type would find as well
    both.identity.admin("POST", "/v3/services", {"service": {"type": "image", "name": "another"}}, 201)
    both.limit("image_count_total", 0)
    both.member.post("/v2/images", {"name": "i"}, 413)
