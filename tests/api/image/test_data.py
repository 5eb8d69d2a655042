"""Hostile and broken data, quotas, cache, clean-up, discovery."""

import io
import os

import pytest
from werkzeug.test import Client

from common import clock
from common.testing.api import Persona
from services.image.api import caching
from services.image.conductor import reconcile
from services.image.db import images as rows
from services.image.domain import images
from tests.api.image.support import PROJECT, make_site, new, qcow2, upload

OCTETS = "application/octet-stream"


def files(site):
    return sorted(os.listdir(site.state.stores.default.folder))


@pytest.mark.parametrize(("disk_format", "data", "why"), [
    ("qcow2", qcow2(backing=200), "backing file"), ("qcow2", qcow2(features=4), "data file"),
    ("raw", qcow2(), "Image disk_format raw does not match stream data qcow2"),
    ("qcow2", b"plain", "Image disk_format qcow2 does not match stream data raw"),
    ("vmdk", b'# Disk DescriptorFile\nRW 1 FLAT "/etc/passwd" 0\n', "descriptor"),
    ("qcow2", qcow2(size=1 << 60), "more than"), ("qcow2", qcow2()[:60], ""),
    ("vhd", b"x" * 600, "Image disk_format vhd does not match stream data raw"),
    ("iso", b"\0" * 40000, "Image disk_format iso does not match stream data raw")])
def test_hostile_images_are_refused(site, member, disk_format, data, why):
    image = new(member, disk_format=disk_format)["id"]
    assert why in upload(member, image, data, 415).text
    shown = member.get(f"/v2/images/{image}")
    assert (shown["status"], shown["size"], shown["checksum"]) == ("queued", None, None) and files(site) == []
    if disk_format == "qcow2":
        upload(member, image, qcow2())
        assert member.get(f"/v2/images/{image}")["virtual_size"] == 1 << 30


class Broken(io.BytesIO):
    """A body that breaks off."""

    def read(self, size=-1):
        found = super().read(size)
        if not found:
            raise OSError("connection reset")
        return found


@pytest.mark.parametrize("how", ["reset", "short"])
@pytest.mark.parametrize("what", ["file", "stage"])
def test_an_aborted_upload_leaves_nothing(site, member, how, what):
    image = new(member)["id"]
    body = (Broken if how == "reset" else io.BytesIO)(b"x" * 600_000)
    response = Client(site.app).open(
        f"/v2/images/{image}/{what}", method="PUT", input_stream=body, headers={"X-Auth-Token": member.persona.token},
        content_type=OCTETS, environ_overrides={"CONTENT_LENGTH": "1000000", "wsgi.input": body, "wsgi.input_terminated": True})
    assert response.status_code == 400
    shown = member.get(f"/v2/images/{image}")
    assert (shown["status"], shown["size"]) == ("queued", None)
    assert files(site) == [] and os.listdir(site.state.staging.folder) == []
    upload(member, image)


def test_deleted_while_uploading(site, member, monkeypatch):
    image = new(member)["id"]
    real = site.state.stores.default.add

    def add(image_id, stream, hint=None):
        member.delete(f"/v2/images/{image}")
        return real(image_id, stream, hint)

    monkeypatch.setattr(site.state.stores.default, "add", add)
    upload(member, image, status=410)
    member.get(f"/v2/images/{image}", 404)
    assert files(site) == []


def test_other_refusals(site, member):
    image = member.post("/v2/images", {"name": "bare"}, 201)["id"]
    upload(member, image, status=400)
    image = new(member)["id"]
    assert member.request("PUT", f"/v2/images/{image}/file", data=b"x", headers={"Content-Type": "text/plain"}).status_code == 415
    upload(member, image, status=400, **{"X-Image-Meta-Store": "nowhere"})
    upload(member, image, status=410, **{"X-Image-Meta-Store": "web"})
    upload(member, image, b"xy", status=400, **{"x-openstack-image-size": "3"})
    upload(member, image, b"xyz", **{"X-Image-Meta-Store": "second", "x-openstack-image-size": "3"})
    assert member.get(f"/v2/images/{image}")["stores"] == "second"


def test_size_limits_and_quotas(tmp_path):
    limits = {"image_count_total": 2, "image_size_total": 1, "image_stage_total": -1, "image_count_uploading": -1}
    site = make_site(tmp_path, limits=lambda p: limits, image__use_keystone_limits=True, image__size_max_bytes=3 << 20,
                     image__tag_quota=2, image__property_quota=1, image__member_quota=1)
    member = site.client(Persona("member", PROJECT))
    image = new(member)["id"]
    upload(member, image, bytes(4 << 20), 413)
    assert files(site) == []
    upload(member, image, bytes(1 << 20))
    assert member.get("/v2/info/usage")["usage"]["image_size_total"] == {"limit": 1, "usage": 1}
    second = new(member)["id"]
    member.post("/v2/images", {"name": "third"}, 413)
    upload(member, second, b"x")
    member.delete(f"/v2/images/{second}")
    limits["image_size_total"] = 0
    second = new(member)["id"]
    upload(member, second, b"x", 413)
    member.post(f"/v2/images/{second}/members", {"member": "x"})
    member.post(f"/v2/images/{second}/members", {"member": "y"}, 413)
    for tag, status in (("a", 204), ("b", 204), ("c", 413)):
        member.put(f"/v2/images/{second}/tags/{tag}", status=status)
    member.delete(f"/v2/images/{second}")
    member.post("/v2/images", {"a": "1", "b": "2"}, 413)


def test_an_upload_that_died_is_cleaned_up(site, member):
    image = new(member)["id"]
    with clock.frozen(clock.time()) as now:
        with site.state.db.read() as session:
            record = rows.find(session, image)
        images.begin_writing(site.state.db, record, site.state.room(None), 100, "saving")
        with open(os.path.join(site.state.stores.default.folder, image), "wb") as f:
            f.write(b"half")
        reconcile.uploads(site.deps)
        assert member.get(f"/v2/images/{image}")["status"] == "saving"
        now.advance(200)
        reconcile.uploads(site.deps)
    assert member.get(f"/v2/images/{image}")["status"] == "queued" and files(site) == []
    upload(member, image)


def test_delayed_delete_and_scrubber(tmp_path):
    site = make_site(tmp_path, image__delayed_delete=True, image__scrub_after_s=50, image__deleted_keep_days=0)
    member = site.client(Persona("member", PROJECT))
    image = new(member)["id"]
    upload(member, image)
    with clock.frozen(clock.time()) as now:
        member.delete(f"/v2/images/{image}")
        reconcile.scrub(site.deps)
        assert files(site) == [image]
        now.advance(100)
        reconcile.scrub(site.deps)
        assert files(site) == []
        now.advance(100)
        reconcile.scrub(site.deps)
    member.post("/v2/images", {"id": image}, 201)


def test_cache(tmp_path):
    site = make_site(tmp_path, cache__enabled=True)
    member, admin = site.client(Persona("member", PROJECT)), site.client(Persona("admin"))
    image, queued = new(member)["id"], new(member)["id"]
    upload(member, image, b"data" * 100)
    member.get("/v2/cache", 403)
    admin.put("/v2/cache/nothing", status=404)
    admin.put(f"/v2/cache/{queued}", status=400)
    admin.put(f"/v2/cache/{image}", status=202)
    assert admin.get("/v2/cache") == {"cached_images": [], "queued_images": [image]}
    caching.fill(site.state, site.state.cache)
    cached = admin.get("/v2/cache")["cached_images"]
    assert [(c["image_id"], c["size"], c["hits"]) for c in cached] == [(image, 400, 0)]
    assert member.request("GET", f"/v2/images/{image}/file").data == b"data" * 100
    assert member.request("GET", f"/v2/images/{image}/file", headers={"Range": "bytes=2-5"}).data == b"tada"
    assert admin.get("/v2/cache")["cached_images"][0]["hits"] == 1  # a part is no use, as upstream counts
    assert admin.get(f"/v2/cache/nodes/{image}") == ["test-host"]
    assert admin.post("/v2/cache/prune") == {"total_files_pruned": 0, "total_bytes_pruned": 0}
    admin.post("/v2/cache/clean")
    admin.delete(f"/v2/cache/{image}")
    admin.delete(f"/v2/cache/{image}")
    admin.delete("/v2/cache/nothing", 404)
    assert admin.request("DELETE", "/v2/cache", headers={"x-image-cache-clear-target": "x"}).status_code == 400
    site.state.cache_wanted.clear()
    member.request("GET", f"/v2/images/{image}/file", headers={"Range": "bytes=2-5"})
    assert admin.get("/v2/cache")["queued_images"] == [] and not site.state.cache_wanted.is_set()
    member.request("GET", f"/v2/images/{image}/file")
    assert admin.get("/v2/cache")["queued_images"] == [image] and site.state.cache_wanted.is_set()
    admin.delete("/v2/cache")
    assert admin.get("/v2/cache") == EMPTY


EMPTY = {"cached_images": [], "queued_images": []}


def test_copies_of_deleted_images_go(tmp_path):
    site = make_site(tmp_path, cache__enabled=True)
    member, admin = site.client(Persona("member", PROJECT)), site.client(Persona("admin"))
    cache = site.state.cache
    here, elsewhere = new(member)["id"], new(member)["id"]
    for image in (here, elsewhere):
        upload(member, image)
        admin.put(f"/v2/cache/{image}", status=202)
    caching.fill(site.state, cache)
    assert sorted(cache.ids()) == sorted([here, elsewhere])
    member.delete(f"/v2/images/{here}")
    assert cache.ids() == [elsewhere] and [c["image_id"] for c in admin.get("/v2/cache")["cached_images"]] == [elsewhere]
    site.state.db.transaction(images.delete, elsewhere, delayed=False)  # by another host's API
    caching.fill(site.state, cache)
    assert cache.ids() == [] and admin.get("/v2/cache") == EMPTY


def test_discovery(site, reader, admin):
    methods = reader.get("/v2/info/import")["import-methods"]["value"]
    assert methods == ["glance-direct", "web-download", "copy-image", "glance-download"]
    assert reader.get("/v2/info/stores") == {"stores": [{"id": "file", "default": "true"}, {"id": "second"},
                                                        {"id": "web", "read-only": "true"}]}
    reader.get("/v2/info/stores/detail", 403)
    assert admin.get("/v2/info/stores/detail")["stores"][0]["type"] == "file"
    assert reader.get("/v2/info/usage") == {"usage": {}}
    admin.put("/v2/cache/x", status=404)


def test_images_of_nobody_belong_to_nobody(site, admin):
    image = new(admin)["id"]
    with site.state.db.write() as session:
        rows.update(session, image, owner=None)
    site.client(Persona("member", None)).get(f"/v2/images/{image}", 404)
    site.client(Persona("member", "None")).get(f"/v2/images/{image}", 404)


def test_huge_and_odd_requests(site, member):
    kind = {"Content-Type": "application/json"}
    for data, status in ((b"[" * 2_000_000, 413), (b"[" * 100_000, 400), (b"\xff\xfe", 400)):
        assert member.request("POST", "/v2/images", data=data, headers=kind).status_code == status
    for path in ("/v2/images/..%2f..%2fetc%2fpasswd", "/v2/images/%00", "/v2/images/x/file", "/v2//images",
                 "/v2/images/'%20or%201=1"):
        assert member.request("GET", path).status_code == 404
    hidden = {"project_id": "b" * 32, "owner": "b" * 32}
    assert member.request("POST", "/v2/images", hidden).status_code == 403
    assert member.request("GET", "/v2/images?project_id=" + "b" * 32).get_json()["images"] == []
