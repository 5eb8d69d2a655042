"""Images of volume-backed servers: what they say, made again after a crash, and taken back."""

import contextlib
import json
from types import SimpleNamespace

import pytest

from common import errors
from services.compute.conductor import volume_snapshots
from services.compute.domain import block_devices


class Volumes:
    def __init__(self):
        self.made = {}

    def as_user(self, context):
        return self

    def snapshots(self, **filters):
        return [s for s in self.made.values() if all(s[k] == v for k, v in filters.items())]

    def create_snapshot(self, values):
        made = {"id": f"s{len(self.made)}", "size": 3, **values}
        self.made[made["id"]] = made
        return made

    def delete_snapshot(self, snapshot_id):
        del self.made[snapshot_id]


class Images:
    def __init__(self):
        self.image, self.data = {"id": "i", "name": "of mine", "status": "queued"}, None

    def as_user(self, context):
        return self

    def show(self, image_id):
        return self.image

    def update(self, image_id, patch):
        self.image.update({p["path"][1:]: p["value"] for p in patch})

    def upload(self, image_id, data):
        self.data, self.image["status"] = data, "active"


def disk(**values):
    names = ("image_id", "volume_id", *volume_snapshots._SHOWN)
    return SimpleNamespace(**{**dict.fromkeys(names), "delete_on_termination": False, **values})


@pytest.fixture
def run(monkeypatch):
    disks = [disk(source="image", destination="volume", image_id="x", volume_id="v1", boot_index=0, device_name="/dev/vda"),
             disk(source="blank", destination="local", volume_size=1, device_name="/dev/vdb")]
    monkeypatch.setattr(volume_snapshots.server_parts, "disks", lambda session, ids: {"server": disks})
    deps = SimpleNamespace(database=SimpleNamespace(read=lambda: contextlib.nullcontext()), image=Images(), volume=Volumes())
    return SimpleNamespace(deps=deps, context=None, data={"image_id": "i"})


SERVER = SimpleNamespace(id="server", root_device_name="/dev/vda")


def test_an_image_maps_its_snapshots(run):
    run.deps.volume.create_snapshot({"volume_id": "v1", "name": "another", "metadata": {}})
    for _ in range(2):  # a conductor died before it could say that it was done
        volume_snapshots.map_image(run, SERVER, "i")
        run.deps.image.image["status"] = "queued"
    assert len(run.deps.volume.made) == 2 and run.deps.volume.made["s1"]["name"] == "snapshot for of mine"
    image = run.deps.image.image
    assert run.deps.image.data == b"" and image["root_device_name"] == "/dev/vda"
    first, second = json.loads(image["block_device_mapping"])
    assert (first["source_type"], first["snapshot_id"], first["volume_size"], first["boot_index"]) == ("snapshot", "s1", 3, 0)
    assert (second["source_type"], second["destination_type"], second["snapshot_id"]) == ("blank", "local", None)


def test_what_comes_to_nothing_is_taken_back(run):
    run.deps.volume.create_snapshot({"volume_id": "v1", "name": "another", "metadata": {}})
    volume_snapshots.map_image(run, SERVER, "i")
    volume_snapshots.drop(run)
    assert list(run.deps.volume.made) == ["s0"]


def test_a_server_of_such_an_image(run):
    volume_snapshots.map_image(run, SERVER, "i")
    asked, root = block_devices.of_image(run.deps.image.image, [
        {"source_type": "image", "uuid": "i", "boot_index": 0},
        {"source_type": "volume", "uuid": "v9", "device_name": "/dev/vdb"}])
    rows = block_devices.read((), asked, None)
    assert root and [(r["source"], r["snapshot_id"], r["volume_id"]) for r in rows] == [
        ("snapshot", "s0", None), ("volume", None, "v9")]


def test_other_images_map_nothing():
    asked = [{"source_type": "volume", "uuid": "v"}]
    for image in (None, {}, {"block_device_mapping": "[]", "bdm_v2": "False"}):
        assert block_devices.of_image(image, asked) == (asked, False)
    with pytest.raises(errors.BadRequest, match="cannot be read"):
        block_devices.of_image({"block_device_mapping": "{", "bdm_v2": "True"}, asked)
