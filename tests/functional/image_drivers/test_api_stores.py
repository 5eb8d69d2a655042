"""The image API on real object and block stores: uploads, ranges, imports into all of them, copies, deletion."""

import hashlib
import os

import pytest

from common.testing.api import Persona
from services.image.conductor import reconcile
from tests.api.image.support import PROJECT, make_site, new, qcow2, upload
from tests.functional.image_drivers.ceph import POOL
from tests.functional.image_drivers.test_stores import nothing_left

DATA = os.urandom(1 << 20) * 13


@pytest.fixture
def site(tmp_path, ceph):
    pytest.importorskip("boto3")
    sections = {"ceph": {"rbd_ceph_conf": ceph.conf, "rbd_pool": POOL, "weight": 20},
                "objects": {"s3_part_mib": 5, "weight": 10, **ceph.s3}}
    made = make_site(tmp_path, sections=sections, enabled_stores=["file", "ceph:rbd", "objects:s3"],
                     image__show_locations=True, image__show_direct_url=True)
    yield made
    made.state.db.dispose()


def test_every_store_through_the_api(site, ceph):
    member, admin = site.client(Persona("member", PROJECT)), site.client(Persona("admin"))
    assert [s.get("weight") for s in member.get("/v2/info/stores")["stores"]] == [0, 20, 10]
    details = {s["id"]: (s["type"], s["properties"]) for s in admin.get("/v2/info/stores/detail")["stores"]}
    assert details["ceph"] == ("rbd", {"chunk_size": 8 << 20, "pool": POOL, "thin_provisioning": False})
    assert details["objects"][0] == "s3"
    for store in ("ceph", "objects"):
        image = new(member)["id"]
        upload(member, image, DATA, **{"X-Image-Meta-Store": store})
        shown = member.get(f"/v2/images/{image}")
        assert (shown["stores"], shown["os_hash_value"]) == (store, hashlib.sha512(DATA).hexdigest())
        if store == "ceph":
            assert shown["direct_url"] == f"rbd://{ceph.fsid}/{POOL}/{image}/snap"
        assert ceph.s3["s3_secret_key"] not in str(shown)
        assert member.request("GET", f"/v2/images/{image}/file").data == DATA
        part = member.request("GET", f"/v2/images/{image}/file", headers={"Range": "bytes=8388600-8388615"})
        assert part.status_code == 206 and part.data == DATA[8388600:8388616]
        admin.post(f"/v2/images/{image}/import", {"method": {"name": "copy-image"}, "all_stores": True}, 202)
        site.work()
        assert member.get(f"/v2/images/{image}")["stores"] == "ceph,objects,file"  # those of more weight first
        admin.delete(f"/v2/stores/{store}/{image}")
        assert member.request("GET", f"/v2/images/{image}/file").data == DATA
        member.delete(f"/v2/images/{image}")
    assert all(nothing_left(s) for s in site.state.stores.by_name.values())


def test_what_is_refused_leaves_nothing(site):
    member = site.client(Persona("member", PROJECT))
    for store in ("ceph", "objects"):
        image = new(member, disk_format="qcow2")["id"]
        upload(member, image, qcow2(backing=200), 415, **{"X-Image-Meta-Store": store})
        upload(member, image, DATA, 415, **{"X-Image-Meta-Store": store})
        assert member.get(f"/v2/images/{image}")["status"] == "queued"
    assert all(nothing_left(s) for s in site.state.stores.by_name.values())


def test_an_image_with_clones_goes_when_the_last_one_has_gone(site):
    member, store = site.client(Persona("member", PROJECT)), site.state.stores.by_name["ceph"]
    image, another = new(member)["id"], new(member)["id"]
    for one in (image, another):
        upload(member, one, DATA, **{"X-Image-Meta-Store": "ceph"})
    import rbd

    with store._connected().open_ioctx(POOL) as pool:
        rbd.RBD().clone(pool, image, "snap", pool, "clone")
        member.delete(f"/v2/images/{image}")
        member.delete(f"/v2/images/{another}")
        reconcile.scrub(site.deps)
        assert sorted(rbd.RBD().list(pool)) == sorted([image, "clone"])
        rbd.RBD().remove(pool, "clone")
    reconcile.scrub(site.deps)
    assert nothing_left(store)
