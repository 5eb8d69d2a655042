"""Images of volume-backed servers: block storage snapshots the volumes, and the image, without data, maps the snapshots."""

import json
from typing import Any

from common.saga import Run
from services.compute.db import server_parts

_SHOWN = ("device_name", "boot_index", "volume_size", "delete_on_termination", "guest_format", "device_type", "disk_bus", "tag",
          "volume_type")


def map_image(run: Run, server: Any, image_id: str) -> None:
    """Snapshot the server's volumes and write into the image how to boot from them; may run again.

    RemoteError when block storage or the image service refuses.
    """
    with run.deps.database.read() as session:
        disks = server_parts.disks(session, [server.id]).get(server.id, [])
    images = run.deps.image.as_user(run.context)
    image = images.show(image_id)
    if image["status"] != "queued":
        return
    mapping = [_mapped(run, disk, image) for disk in disks]
    values = {"block_device_mapping": json.dumps(mapping), "bdm_v2": "True", "root_device_name": server.root_device_name}
    images.update(image_id, [{"op": "add", "path": f"/{k}", "value": str(v)} for k, v in values.items() if v])
    images.upload(image_id, b"")


def _mapped(run: Run, disk: Any, image: Any) -> dict[str, Any]:
    """What the image says of one disk: an image's root disk and blank disks are made anew, volumes from their snapshots."""
    entry = {"source_type": disk.source, "destination_type": disk.destination, "image_id": disk.image_id, "volume_id": None,
             "snapshot_id": None, "no_device": None, **{name: getattr(disk, name) for name in _SHOWN}}
    if disk.destination != "volume":
        return entry
    snapshot = _snapshot(run, disk.volume_id, image)
    return {**entry, "source_type": "snapshot", "snapshot_id": snapshot["id"], "volume_size": snapshot["size"], "image_id": None,
            "volume_type": None}


def _snapshot(run: Run, volume_id: str, image: Any) -> dict[str, Any]:
    """The volume's snapshot for this image, made when there is none yet."""
    volumes = run.deps.volume.as_user(run.context)
    found = [s for s in volumes.snapshots(volume_id=volume_id) if (s.get("metadata") or {}).get("image_id") == image["id"]]
    if found:
        return dict(found[0])
    return dict(volumes.create_snapshot({"volume_id": volume_id, "name": f"snapshot for {image['name']}", "force": True,
                                         "metadata": {"image_id": image["id"]}}))


def underway(run: Run) -> bool:
    """Whether block storage still takes a snapshot for the image."""
    found = run.deps.volume.as_user(run.context).snapshots()
    return any(s.get("status") == "creating" and (s.get("metadata") or {}).get("image_id") == run.data["image_id"] for s in found)


def drop(run: Run) -> None:
    """Delete the snapshots that were made for an image that comes to nothing."""
    volumes = run.deps.volume.as_user(run.context)
    for snapshot in volumes.snapshots():
        if (snapshot.get("metadata") or {}).get("image_id") == run.data.get("image_id"):
            volumes.delete_snapshot(snapshot["id"])
