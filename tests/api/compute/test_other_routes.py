"""Parts of the API that serve other services and operators: image caches, assisted snapshots, shares, bare metal nodes."""

import json

import pytest

from common import ids
from common.clients.base import RemoteError
from common.db import services as service_rows
from common.testing.api import Persona
from services.compute.db import models, server_parts
from tests.api.compute.test_servers import at

SNAPSHOT = ids.uuid()


@pytest.fixture
def service(cloud):
    """Block storage's user."""
    return cloud.member.as_(Persona("service"))


def _aggregate(cloud, *hosts):
    made = cloud.admin.post("/v2.1/os-aggregates", {"aggregate": {"name": "racks"}})["aggregate"]["id"]
    for host in hosts:
        with cloud.db.write() as session:
            service_rows.beat(session, models.Service, daemon="compute-agent", binary="nova-compute", host=host, version="1")
        cloud.admin.post(f"/v2.1/os-aggregates/{made}/action", {"add_host": {"host": host}})
    return f"/v2.1/os-aggregates/{made}/images"


def test_hosts_of_an_aggregate_are_told_to_fetch_images(cloud, monkeypatch):
    told = []
    monkeypatch.setattr(cloud.agents, "cache_images", lambda context, images, url: told.append(
        (cloud.agents.host, [i["id"] for i in images], url)), raising=False)
    url = _aggregate(cloud, "node1", "node2")
    with cloud.db.write() as session:
        service_rows.beat(session, models.Service, daemon="compute-agent", binary="nova-compute", host="elsewhere", version="1")
    assert cloud.admin.request("POST", url, {"cache": [{"id": cloud.image}]}, at(81)).status_code == 202
    assert told == [(host, [cloud.image], cloud.images.base_url()) for host in ("node1", "node2")]


@pytest.mark.parametrize("images,minor,status", [
    ([{"id": SNAPSHOT}], 81, 400), ([], 81, 400), ([{"id": "x"}], 81, 400), (None, 81, 400), (None, 80, 404)])
def test_what_cannot_be_fetched_is_refused(cloud, images, minor, status):
    images = [{"id": cloud.image}] * 2 if images is None else images
    assert cloud.admin.request("POST", _aggregate(cloud), {"cache": images}, at(minor)).status_code == status
    missing = cloud.admin.request("POST", "/v2.1/os-aggregates/99/images", {"cache": [{"id": cloud.image}]}, at(81))
    assert missing.status_code == 404
    refused = cloud.member.request("POST", "/v2.1/os-aggregates/1/images", {"cache": [{"id": cloud.image}]}, at(81))
    assert refused.status_code == 403


def _attached(cloud, **values):
    made, volume = cloud.server()["server"]["id"], ids.uuid()
    cloud.run(made, **values)
    with cloud.db.write() as session:
        server_parts.add_disks(session, [{"id": ids.uuid(), "server_id": made, "source": "volume", "destination": "volume",
                                          "volume_id": volume, "position": 1, "delete_on_termination": False}])
    return made, volume


def _body(volume, **info):
    return {"snapshot": {"volume_id": volume, "create_info": {"snapshot_id": SNAPSHOT, "type": "qcow2", "new_file": "f", **info}}}


def test_block_storage_learns_that_a_hypervisor_cannot_snapshot_its_volume(cloud, service, monkeypatch):
    told = []
    monkeypatch.setattr(cloud.volumes, "set_snapshot_status", lambda *what: told.append(what), raising=False)
    _, volume = _attached(cloud)
    answer = service.post("/v2.1/os-assisted-volume-snapshots", _body(volume, id=SNAPSHOT))
    assert answer == {"snapshot": {"id": SNAPSHOT, "volumeId": volume}}
    info = json.dumps({"volume_id": volume, "type": "qcow2", "file_to_merge": "a", "merge_target_file": None})
    path = f"/v2.1/os-assisted-volume-snapshots/{SNAPSHOT}"
    assert service.request("DELETE", f"{path}?delete_info={info}").status_code == 204
    assert told == [(SNAPSHOT, "error"), (SNAPSHOT, "error_deleting")]
    for wrong in ("", "?delete_info=x", "?delete_info={}"):
        assert service.request("DELETE", path + wrong).status_code == 400
    assert cloud.admin.request("POST", "/v2.1/os-assisted-volume-snapshots", _body(volume)).status_code == 403


def test_what_block_storage_says_to_it_is_not_the_callers(cloud, service, monkeypatch):
    def gone(*what):
        raise RemoteError(404, "no such snapshot", "volume")

    monkeypatch.setattr(cloud.volumes, "set_snapshot_status", gone, raising=False)
    _, volume = _attached(cloud)
    assert service.post("/v2.1/os-assisted-volume-snapshots", _body(volume))["snapshot"]["id"] is None


@pytest.mark.parametrize("values,text", [
    ({"task_state": "rebooting"}, "Cannot do_volume_snapshot_create while"), ({"host": None}, "is not ready")])
def test_a_busy_server_takes_no_snapshots(cloud, service, values, text):
    _, volume = _attached(cloud, **values)
    answer = service.request("POST", "/v2.1/os-assisted-volume-snapshots", _body(volume))
    assert answer.status_code == 400 and text in answer.get_json()["badRequest"]["message"]


def test_only_attached_volumes_and_known_kinds(cloud, service):
    unknown = service.request("POST", "/v2.1/os-assisted-volume-snapshots", _body(SNAPSHOT))
    assert unknown.get_json()["badRequest"]["message"] == f"No volume Block Device Mapping with id {SNAPSHOT}."
    assert service.request("POST", "/v2.1/os-assisted-volume-snapshots", _body(SNAPSHOT, type="raw")).status_code == 400


def test_no_server_has_shares(cloud):
    made = cloud.server()["server"]["id"]
    cloud.run(made)
    url, share = f"/v2.1/servers/{made}/shares", {"share": {"share_id": SNAPSHOT}}
    versions = at(97)
    assert cloud.reader.request("GET", url, headers=versions).get_json() == {"shares": []}
    assert cloud.reader.request("GET", f"{url}/{SNAPSHOT}", headers=versions).status_code == 404
    assert cloud.stranger.request("GET", url, headers=versions).status_code == 404
    assert cloud.member.request("GET", url, headers=at(96)).status_code == 404
    assert cloud.reader.request("POST", url, share, versions).status_code == 403
    active = cloud.member.request("POST", url, share, versions)
    assert active.get_json()["conflictingRequest"]["message"].endswith("while it is in vm_state active")
    cloud.run(made, vm_state="stopped")
    stopped = cloud.member.request("POST", url, share, versions)
    assert stopped.status_code == 409 and "not configured correctly" in stopped.get_json()["conflictingRequest"]["message"]
    assert cloud.member.request("POST", url, {"share": {"share_id": SNAPSHOT, "tag": "a b"}}, versions).status_code == 400
    assert cloud.member.request("DELETE", f"{url}/{SNAPSHOT}", headers=versions).status_code == 404


def test_there_is_no_bare_metal_service(cloud):
    url = "/v2.1/os-baremetal-nodes"
    for path in (url, f"{url}/{SNAPSHOT}"):
        assert cloud.admin.request("GET", path).status_code == 501
        assert cloud.admin.request("GET", path, headers=at(36)).status_code == 404
        assert cloud.member.request("GET", path).status_code == 403
    action = f"{url}/1/action"
    for method, path, body in (("POST", url, {"node": {}}), ("DELETE", f"{url}/1", None), ("POST", action, {"add_interface": {}}),
                               ("POST", action, {"remove_interface": {}})):
        answer = cloud.admin.request(method, path, body)
        assert answer.status_code == 400 and "Please use Ironic command" in answer.get_json()["badRequest"]["message"]
