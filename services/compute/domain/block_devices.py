"""What disks a boot request asks for: both syntaxes read, checked, and made into rows of block devices.

Source: the API reference's parameters `block_device_mapping` and `block_device_mapping_v2`.
"""

import functools
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from common import errors, ids
from services.compute.domain.deps import Deps, remote

_DEVICE = re.compile(r"^(/dev/)?[a-zA-Z0-9._-]+\Z")
_SEQUENCE = (
    "Block Device Mapping is Invalid: Boot sequence for the instance and image/block device mapping combination is not valid."
)


def _bad(text: str) -> errors.BadRequest:
    return errors.BadRequest(f"Block Device Mapping is Invalid: {text}")


def _true(value: Any) -> bool:
    return value if isinstance(value, bool) else str(value).strip().lower() in ("1", "t", "true", "on", "y", "yes")


def _blank() -> dict[str, Any]:
    return {
        "source": "blank",
        "destination": "local",
        "volume_id": None,
        "snapshot_id": None,
        "image_id": None,
        "volume_size": None,
        "volume_type": None,
        "device_name": None,
        "boot_index": None,
        "delete_on_termination": False,
        "guest_format": None,
        "device_type": None,
        "disk_bus": None,
        "tag": None,
    }


def read(
    v1: Sequence[Mapping[str, Any]] | None, v2: Sequence[Mapping[str, Any]] | None, image_id: str | None
) -> list[dict[str, Any]]:
    """Rows (without ids and server) for everything that is asked for, the image's own root disk included.

    errors.BadRequest when the parts do not fit together.
    """
    if v1 and v2:
        raise errors.BadRequest("Using different block_device_mapping syntaxes is not allowed in the same request.")
    rows = [_legacy(item) for item in v1 or () if not item.get("no_device")]
    rows += [_modern(item) for item in v2 or () if not item.get("no_device")]
    if v1 and not image_id and rows and not any(r["boot_index"] == 0 for r in rows):
        rows[0]["boot_index"] = 0
    if image_id:
        own = [r for r in rows if r["boot_index"] == 0]
        if not own:
            rows.insert(
                0,
                {
                    **_blank(),
                    "source": "image",
                    "image_id": image_id,
                    "boot_index": 0,
                    "delete_on_termination": True,
                    "device_type": "disk",
                },
            )
        elif own[0]["source"] == "image" and own[0]["image_id"] != image_id:
            raise errors.BadRequest(_SEQUENCE)
    indexes = sorted(r["boot_index"] for r in rows if r["boot_index"] is not None and r["boot_index"] >= 0)
    if not indexes or indexes != list(range(len(indexes))):
        raise errors.BadRequest(_SEQUENCE)
    return rows


def of_image(image: Mapping[str, Any] | None, asked: Sequence[Mapping[str, Any]]) -> tuple[list[Mapping[str, Any]], bool]:
    """(`asked` with what an image of a volume-backed server maps, whether the root disk is among that).

    What is asked for goes before what the image says of the same device.
    """
    text = (image or {}).get("block_device_mapping")
    if not text or not _true((image or {}).get("bdm_v2", False)):
        return list(asked), False
    try:
        found = [dict(item) for item in (json.loads(text) if isinstance(text, str) else text)]
    except (TypeError, ValueError) as e:
        raise _bad("The image's mapping cannot be read.") from e
    named = {item["device_name"] for item in asked if item.get("device_name")}
    kept = [{**item, "uuid": item.get(f"{item.get('source_type')}_id")} for item in found if item.get("device_name") not in named]
    root = any(_index(item.get("boot_index")) == 0 for item in kept)
    own = [i for i in asked if not (root and i.get("source_type") == "image" and i.get("uuid") == (image or {}).get("id"))]
    return [*kept, *own], root


def _legacy(item: Mapping[str, Any]) -> dict[str, Any]:
    row = {
        **_blank(),
        "destination": "volume",
        "device_name": _device(item.get("device_name")),
        "delete_on_termination": _true(item.get("delete_on_termination", False)),
        "volume_size": _size(item.get("volume_size")),
    }
    name = (row["device_name"] or "").rpartition("/")[2]
    if item.get("volume_id"):
        row.update(source="volume", volume_id=item["volume_id"])
    elif item.get("snapshot_id"):
        row.update(source="snapshot", snapshot_id=item["snapshot_id"])
    elif str(item.get("virtual_name") or "").startswith(("ephemeral", "swap")):
        row.update(
            destination="local", delete_on_termination=True, guest_format="swap" if item["virtual_name"] == "swap" else None
        )
    else:
        raise _bad("Unrecognized legacy format.")
    if name in ("vda", "sda", "xvda", "hda"):
        row["boot_index"] = 0
    return row


def _modern(item: Mapping[str, Any]) -> dict[str, Any]:
    row = _blank()
    source = item.get("source_type")
    uuid = item.get("uuid")
    if source is None:
        named = [k for k in ("volume", "snapshot", "image") if item.get(f"{k}_id")]
        if not named:
            raise _bad("Block device uuid and source_type are required")
        source, uuid = named[0], item[f"{named[0]}_id"]
    if source != "blank" and not uuid:
        uuid = item.get(f"{source}_id")
        if not uuid:
            raise _bad("Missing device UUID.")
    destination = item.get("destination_type") or ("local" if source in ("blank", "image") else "volume")
    row.update(
        source=source,
        destination=destination,
        device_name=_device(item.get("device_name")),
        boot_index=_index(item.get("boot_index")),
        volume_size=_size(item.get("volume_size")),
        delete_on_termination=_true(item.get("delete_on_termination", False)),
        guest_format=item.get("guest_format"),
        device_type=item.get("device_type"),
        disk_bus=item.get("disk_bus"),
        tag=item.get("tag"),
        volume_type=item.get("volume_type"),
    )
    if source != "blank":
        row[f"{source}_id"] = uuid
    _check_modern(row)
    return row


def _check_modern(row: Mapping[str, Any]) -> None:
    source, destination = row["source"], row["destination"]
    if destination == "local" and source in ("volume", "snapshot"):
        raise _bad(f"Mapping {source} to local is not supported.")
    if destination == "local" and source == "image" and row["boot_index"] != 0:
        raise _bad("Mapping image to local is not supported.")
    if source == "image" and destination == "volume" and not row["volume_size"]:
        raise _bad("Images with destination_type 'volume' need to have a non-zero size specified")
    if source == "blank" and destination == "volume" and not row["volume_size"]:
        raise _bad("Blank volumes (source: 'blank', dest: 'volume') need to have non-zero size")
    if source == "volume" and row["volume_type"]:
        raise _bad(
            "Specifying a volume_type with destination_type=local is not supported"
            if destination == "local"
            else "volume_type cannot be given for an existing volume"
        )
    if destination == "local" and row["volume_type"]:
        raise _bad("Specifying a volume_type with destination_type=local is not supported")


def _device(name: Any) -> str | None:
    if name in (None, ""):
        return None
    if not _DEVICE.match(str(name)):
        raise _bad(f"Device name contains invalid characters: {name}")
    return str(name)


def _index(value: Any) -> int | None:
    if value is None or value == "":
        return None
    return int(value)


def _size(value: Any) -> int | None:
    if value in (None, ""):
        return None
    size = int(value)
    if size < 0:
        raise _bad("Invalid volume_size.")
    return size


def check_local(rows: Sequence[Mapping[str, Any]], flavor: Mapping[str, Any], locals_max: int) -> None:
    """errors.BadRequest when local disks are more, or larger, than the flavor allows."""
    blanks = [r for r in rows if r["source"] == "blank" and r["destination"] == "local"]
    swaps = [r for r in blanks if r["guest_format"] == "swap"]
    if len(swaps) > 1:
        raise _bad("More than one swap drive requested.")
    if swaps and (swaps[0]["volume_size"] or 0) > int(flavor["swap"]):
        raise errors.BadRequest("Swap drive requested is larger than instance type allows.")
    total = sum(r["volume_size"] or flavor["ephemeral_gb"] for r in blanks if r["guest_format"] != "swap")
    if total > flavor["ephemeral_gb"]:
        raise errors.BadRequest(
            "Ephemeral disks requested are larger than the instance type allows. If no size is given "
            "in one block device mapping, flavor ephemeral size will be used."
        )
    if 0 <= locals_max < sum(1 for r in rows if r["destination"] == "local"):
        raise _bad("You specified more local devices than the limit allows")


def check_remote(deps: Deps, context: Any, rows: Sequence[Mapping[str, Any]], *, multiattach: bool,
                 image_named: bool = False) -> dict[str, Any] | None:
    """Look at the volumes, snapshots and images named; the image-like record of the volume that is booted from, if any.

    image_named: the request names an image beside its disks; then, as upstream, a volume need not be bootable.
    errors.BadRequest when one is missing or not usable.
    """
    boot: dict[str, Any] | None = None
    client: Any = deps.volume.as_user(context) if any(r["destination"] == "volume" for r in rows) else None
    for row in rows:
        volume = None
        if row["volume_id"]:
            volume = remote(
                functools.partial(client.volume, row["volume_id"]), on_404=_bad(f"failed to get volume {row['volume_id']}.")
            )
            check_volume(volume, multiattach=multiattach)
            if row["boot_index"] == 0 and not image_named and str(volume.get("bootable")).lower() != "true":
                raise errors.BadRequest(f"Block Device {row['volume_id']} is not bootable.")
        elif row["snapshot_id"]:
            found = remote(
                functools.partial(client.snapshot, row["snapshot_id"]),
                on_404=_bad(f"failed to get snapshot {row['snapshot_id']}."),
            )
            volume = remote(functools.partial(client.volume, found["volume_id"])) if row["boot_index"] == 0 else None
        elif row["image_id"] and row["destination"] == "volume":
            image = remote(
                functools.partial(deps.image.as_user(context).show, row["image_id"]),
                on_404=_bad(f"failed to get image {row['image_id']}."),
            )
            boot = image if row["boot_index"] == 0 else boot
        if volume is not None and row["boot_index"] == 0:
            boot = _image_of(volume)
    return boot


def check_volume(volume: Mapping[str, Any], *, multiattach: bool) -> None:
    """errors.BadRequest when a volume cannot be attached now."""
    if volume.get("multiattach"):
        if not multiattach:
            raise errors.BadRequest("Multiattach volumes are only supported starting with compute API version 2.60.")
        if volume["status"] in ("available", "in-use"):
            return
    if volume["status"] != "available":
        raise errors.BadRequest(
            f"Invalid volume: volume {volume['id']} status must be 'available'. Currently in '{volume['status']}'"
        )


def _image_of(volume: Mapping[str, Any]) -> dict[str, Any]:
    """The image-like record of a bootable volume: its stored image properties, without size limits of its own."""
    stored = dict(volume.get("volume_image_metadata") or {})
    known = {
        k: stored.pop(k, None)
        for k in ("min_ram", "min_disk", "disk_format", "container_format", "image_id", "checksum", "image_name", "size")
    }
    return {
        "id": None,
        "min_ram": int(known["min_ram"] or 0),
        "min_disk": 0,
        "status": "active",
        "disk_format": known["disk_format"],
        "size": 0,
        **stored,
    }


def finished(rows: Sequence[Mapping[str, Any]], server_id: str) -> list[dict[str, Any]]:
    """The rows of one server: ids, order; a given volume belongs to one server only."""
    return [{**row, "id": ids.uuid(), "server_id": server_id, "position": n} for n, row in enumerate(rows)]
