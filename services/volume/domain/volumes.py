"""What may be done with volumes: create, change, delete, extend, retype, revert, upload, reimage."""

from dataclasses import dataclass, field
from typing import Any

from common import errors, ids
from common.clients.base import RemoteError
from common.context import RequestContext
from common.db import sagas
from common.db.session import Session
from services.volume.db import snapshots, types, volumes
from services.volume.db.models import Saga, Snapshot, Volume, VolumeType
from services.volume.domain import faults, quotas, states, zones
from services.volume.domain.deps import Deps
from services.volume.objects.storage import GIB

_IMAGE_KEYS = ("min_disk", "min_ram", "disk_format", "container_format", "checksum", "size")
_IMAGE_BASE = frozenset(
    (
        *_IMAGE_KEYS,
        "id",
        "name",
        "status",
        "visibility",
        "protected",
        "tags",
        "created_at",
        "updated_at",
        "owner",
        "file",
        "self",
        "schema",
        "locations",
        "direct_url",
        "virtual_size",
        "os_hidden",
        "stores",
        "os_hash_algo",
        "os_hash_value",
        "members",
    )
)
_READY_TO_DELETE = (
    "Volume status must be available or error or error_restoring or error_extending or error_managing and must "
    "not be migrating, attached, belong to a group, have snapshots, awaiting a transfer, or be disassociated "
    "from snapshots after volume transfer."
)


@dataclass(frozen=True)
class NewVolume:
    """What a caller asks for; `size` in GiB or None where the source knows it."""

    size: int | None = None
    name: str | None = None
    description: str | None = None
    volume_type: str | None = None
    availability_zone: str | None = None
    snapshot_id: str | None = None
    source_volid: str | None = None
    image_ref: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    hints: dict[str, Any] = field(default_factory=dict)


def create(deps: Deps, context: RequestContext, wanted: NewVolume, *, see: Any) -> Volume:
    """A new volume in `creating`. `see(row)` says whether the caller may use a source row.

    400 for sizes, zones and sources that do not fit, 404 for sources that are not there, 413 over quota.
    """
    image = _image(deps, context, wanted.image_ref) if wanted.image_ref else None
    volume_id = ids.uuid()

    def make(session: Session) -> tuple[Volume, list[str]]:
        snapshot = _snapshot_source(session, wanted.snapshot_id, see) if wanted.snapshot_id else None
        source = _volume_source(session, wanted.source_volid, see) if wanted.source_volid else None
        kind = choose_type(session, deps.conf, context, wanted.volume_type, snapshot or source, image)
        size = _size(wanted.size, snapshot, source, image)
        origin = source or (volumes.get(session, snapshot.volume_id) if snapshot else None)
        zone = (
            origin.availability_zone
            if origin is not None and not wanted.availability_zone
            else zones.choose(session, deps.conf, wanted.availability_zone)
        )
        quotas.check(session, deps.conf, context.project_id or "", kind, volumes_more=1, gigabytes_more=size, volume_size=size)
        inherited = dict(origin.image_metadata or {}) if origin is not None else {}
        volumes.insert(
            session,
            wanted.metadata,
            id=volume_id,
            project_id=context.project_id,
            user_id=context.user_id,
            name=wanted.name,
            description=wanted.description,
            size=size,
            status="creating",
            availability_zone=zone,
            volume_type_id=kind.id,
            snapshot_id=wanted.snapshot_id,
            source_volid=wanted.source_volid,
            image_id=wanted.image_ref,
            multiattach=is_multiattach(kind),
            image_metadata=image_metadata(image) if image else inherited,
            bootable=bool(origin is not None and origin.bootable),
        )
        data = {
            "size": size,
            "origin_host": origin.host if origin is not None else None,
            "hints": wanted.hints,
            "disk_format": image["disk_format"] if image else None,
        }
        saga = sagas.insert(session, Saga, "volume_create", volume_id, context, data)
        session.flush()
        made = volumes.get(session, volume_id)
        assert made is not None
        return made, [saga]

    made, poke = deps.db.transaction(make)
    deps.run(context, poke)
    return made


def _snapshot_source(session: Session, snapshot_id: str, see: Any) -> Snapshot:
    row = snapshots.get(session, snapshot_id)
    if row is None or not see(row):
        raise faults.missing("snapshot", snapshot_id)
    if row.status not in states.SNAPSHOT["source"].allowed:
        raise faults.invalid_snapshot("Originating snapshot status must be one of 'available' values")
    return row


def _volume_source(session: Session, volume_id: str, see: Any) -> Volume:
    row = volumes.get(session, volume_id)
    if row is None or not see(row):
        raise faults.missing("volume", volume_id)
    if row.status not in states.VOLUME["source"].allowed:
        raise faults.invalid_volume("Originating volume status must be one of 'available, in-use' values")
    return row


def _image(deps: Deps, context: RequestContext, image_id: str) -> dict[str, Any]:
    try:
        image = dict(deps.image.as_user(context).show(image_id))
    except RemoteError as e:
        if e.status in (400, 403, 404):
            raise errors.BadRequest("Invalid image identifier or unable to access requested image.") from e
        raise errors.Unavailable(f"The image service refused: {e.message}") from e
    if image.get("status") != "active":
        raise faults.invalid_input(f"Image {image_id} is not active.")
    return image


def image_metadata(image: dict[str, Any]) -> dict[str, str]:
    """What a volume remembers of its image: upstream's `volume_image_metadata`."""
    found = {k: str(image[k]) for k in _IMAGE_KEYS if image.get(k) is not None}
    found.update(
        {k: str(v) for k, v in image.items() if k not in _IMAGE_BASE and not k.startswith("os_glance_") and v is not None}
    )
    return found | {"image_id": str(image["id"]), "image_name": str(image.get("name") or "")}


def _size(size: int | None, snapshot: Snapshot | None, source: Volume | None, image: dict[str, Any] | None) -> int:
    if size is None:
        size = snapshot.volume_size if snapshot else source.size if source else None
    if size is None or size <= 0:
        raise faults.invalid_input(f"Volume size '{size}' must be an integer and greater than 0")
    if snapshot and size < snapshot.volume_size:
        raise faults.invalid_input(
            f"Volume size '{size}'GB cannot be smaller than the snapshot size {snapshot.volume_size}GB. They "
            "must be >= original snapshot size."
        )
    if source and size < source.size:
        raise faults.invalid_input(
            f"Volume size '{size}'GB cannot be smaller than original volume size  {source.size}GB. They must "
            "be >= original volume size."
        )
    if image:
        needed = -(-int(image.get("virtual_size") or image.get("size") or 0) // GIB)
        if needed > size:
            raise faults.invalid_input(f"Size of specified image {needed}GB is larger than volume size {size}GB.")
        if int(image.get("min_disk") or 0) > size:
            raise faults.invalid_input(
                f"Volume size {size}GB cannot be smaller than the image minDisk size {image['min_disk']}GB."
            )
    return size


def choose_type(
    session: Session, conf: Any, context: RequestContext, wanted: str | None, source: Any, image: dict[str, Any] | None
) -> VolumeType:
    """The type of a new volume: as asked for, its source's, its image's, the project's default, the default."""
    name = wanted or (image or {}).get("cinder_img_volume_type")
    if name:
        found = types.find(session, name)
        if found is None or not (context.has_admin_role or types.may_use(session, found.id, context.project_id)):
            raise faults.missing("type_name" if not ids.is_uuid(name) else "type", name)
        return encryptable(session, found)
    if source is not None:
        found = types.get(session, source.volume_type_id)
    else:
        own = types.default_of(session, context.project_id or "")
        found = types.get(session, own) if own else types.by_name(session, conf.volume.default_volume_type)
    if found is None:
        raise errors.InternalError(f"Volume type with name {conf.volume.default_volume_type} could not be found.")
    return encryptable(session, found)


def encryptable(session: Session, kind: VolumeType) -> VolumeType:
    """The type itself; 400 when its volumes would have to be encrypted, for which a key manager is needed."""
    if types.encryption(session, kind.id) is not None:
        raise faults.invalid_input(f"Volume type {kind.name} is encrypted, and no key manager is configured.")
    return kind


def is_multiattach(kind: VolumeType) -> bool:
    """Whether volumes of a type may be attached several times."""
    return str((kind.extra_specs or {}).get("multiattach", "")).lower() == "<is> true"


def delete(deps: Deps, context: RequestContext, volume: Volume, *, cascade: bool = False, force: bool = False) -> None:
    """Delete a volume, cancelling what runs on it. 400 when it is in use, has snapshots (without `cascade`) or is offered.

    With `force` its state does not matter, and whoever uses it loses it.
    """

    def begin(session: Session) -> list[str]:
        row = volumes.lock(session, volume.id)
        of_it = volumes.snapshot_ids(session, row.id)
        free = row.attach_status == "detached" and row.status in states.VOLUME["delete"].allowed
        if not force and (not free or volumes.transfer_of(session, row.id)):
            raise faults.invalid_volume(_READY_TO_DELETE)
        if of_it and not cascade:
            raise faults.invalid_volume(_READY_TO_DELETE)
        running = sagas.active(session, Saga, row.id)
        if any(s.kind == "volume_delete" for s in running):
            return []
        for snapshot_id in of_it:
            sagas.cancel(session, Saga, snapshot_id)
            snapshots.change(session, snapshot_id, None, status="deleting")
        sagas.cancel(session, Saga, row.id)
        volumes.change(session, row.id, None, status="deleting", previous_status=None)
        return [
            *[s.id for s in running],
            sagas.insert(session, Saga, "volume_delete", row.id, context, {"snapshots": of_it, "cascade": cascade}),
        ]

    try:
        poke = deps.db.transaction(begin)
    except errors.Stale:
        raise faults.missing("volume", volume.id) from None
    deps.run(context, poke)


def _begin(
    deps: Deps,
    context: RequestContext,
    volume: Volume,
    action: str,
    kind: str,
    data: dict[str, Any],
    refusal: str,
    check: Any = None,
) -> None:
    """Compare-and-swap into the action's status, and start its saga; 400 with `refusal`."""
    change = states.VOLUME[action]

    def begin(session: Session) -> list[str]:
        row = volumes.lock(session, volume.id)
        if row.status not in change.allowed:
            raise faults.invalid_volume(refusal.format(status=row.status))
        if check is not None:
            check(session, row)
        volumes.change(session, row.id, change.allowed, status=change.becomes, previous_status=row.status)
        return [sagas.insert(session, Saga, kind, row.id, context, data)]

    try:
        deps.run(context, deps.db.transaction(begin))
    except errors.Stale:
        raise faults.missing("volume", volume.id) from None


def extend(deps: Deps, context: RequestContext, volume: Volume, new_size: int, *, online: bool) -> None:
    """Grow a volume; in use only where the microversion allows it (`online`)."""

    def check(session: Session, row: Volume) -> None:
        if new_size <= row.size:
            raise faults.invalid_input(
                f"New size for extend must be greater than current size. (current: {row.size}, extended: {new_size})."
            )
        kind = types.get(session, row.volume_type_id)
        assert kind is not None
        quotas.check(session, deps.conf, row.project_id, kind, gigabytes_more=new_size - row.size, volume_size=new_size)

    action = "extend_online" if online else "extend"
    expected = "' or '".join(states.VOLUME[action].allowed)
    _begin(
        deps,
        context,
        volume,
        action,
        "volume_extend",
        {"new_size": new_size, "old_size": volume.size},
        f"Volume {volume.id} status must be '{expected}' to extend, currently {{status}}.",
        check,
    )


def revert(deps: Deps, context: RequestContext, volume: Volume, snapshot: Snapshot) -> None:
    """Put a volume back to its latest snapshot."""

    def check(session: Session, row: Volume) -> None:
        of_it = volumes.snapshot_ids(session, row.id)
        if not of_it or of_it[-1] != snapshot.id:
            raise faults.invalid_input(
                f"Can't revert volume {row.id} to its latest snapshot {of_it[-1] if of_it else None}: the given "
                f"one is {snapshot.id}."
            )
        if row.size < snapshot.volume_size:
            raise faults.invalid_input("Can't revert to a snapshot that is larger than the volume.")

    _begin(
        deps,
        context,
        volume,
        "revert",
        "volume_revert",
        {"snapshot_id": snapshot.id},
        f"Can't revert volume {volume.id}. Its status must be available, not {{status}}.",
        check,
    )


def retype(deps: Deps, context: RequestContext, volume: Volume, new_type: str, policy: str) -> None:
    """Change a volume's type; the back end must be one that the new type allows."""
    chosen: dict[str, Any] = {"policy": policy}

    def check(session: Session, row: Volume) -> None:
        kind = types.find(session, new_type)
        if kind is None or not (context.has_admin_role or types.may_use(session, kind.id, row.project_id)):
            raise faults.invalid_input(f"Invalid volume_type passed: {new_type}.")
        if kind.id == row.volume_type_id:
            raise faults.invalid_input(f"New volume_type same as original: {new_type}.")
        encryptable(session, kind)
        if row.status == "in-use" and is_multiattach(kind) != row.multiattach:
            raise faults.invalid_input("Retyping an in-use volume to or from a multiattach type is not allowed.")
        quotas.check(session, deps.conf, row.project_id, types.get(session, kind.id) or kind)
        chosen["new_type_id"] = kind.id

    _begin(
        deps,
        context,
        volume,
        "retype",
        "volume_retype",
        chosen,
        "Retype needs volume to be in available or in-use state, not be part of an active migration or a consistency group, "
        "requested type has to be different that the one from the volume, and for in-use volumes front-end qos specs cannot "
        "change.",
        check,
    )


def reimage(deps: Deps, context: RequestContext, volume: Volume, image_id: str, *, reserved: bool) -> None:
    """Overwrite a volume with an image."""
    image = _image(deps, context, image_id)

    def check(session: Session, row: Volume) -> None:
        if row.status == "reserved" and not reserved:
            raise faults.invalid_volume(f"status must be available or error, but current status is: {row.status}")
        _size(row.size, None, None, image)

    _begin(
        deps,
        context,
        volume,
        "reimage",
        "volume_reimage",
        {"image_id": image_id, "disk_format": image["disk_format"], "image_metadata": image_metadata(image)},
        f"Volume {volume.id} status must be available or error, but current status is: {{status}}",
        check,
    )


def upload(deps: Deps, context: RequestContext, volume: Volume, wanted: dict[str, Any], *, forced: bool) -> dict[str, Any]:
    """Make an image record and begin to fill it from the volume; the image."""
    action = "upload_forced" if forced else "upload"
    if volume.status not in states.VOLUME[action].allowed:
        raise faults.invalid_volume(
            f"Volume {volume.id} status must be available{' or in-use' if forced else ''}, but current status "
            f"is: {volume.status}."
        )
    try:
        image: dict[str, Any] = deps.image.as_user(context).create(wanted)
    except RemoteError as e:
        if e.status in (400, 403, 404, 409, 413):
            raise errors.ApiError(e.message, status=e.status) from e
        raise errors.Unavailable(f"The image service refused: {e.message}") from e
    _begin(
        deps,
        context,
        volume,
        action,
        "volume_upload",
        {"image_id": image["id"], "disk_format": wanted["disk_format"]},
        f"Volume {volume.id} status must be available, but current status is: {{status}}.",
    )
    return image
