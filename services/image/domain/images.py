"""Making, changing and deleting images."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from common import clock, errors, ids
from common.db.session import Database, Session
from services.image.db import images as rows
from services.image.db import locations, sagas
from services.image.domain import states
from services.image.domain.json_patch import Change
from services.image.domain.quotas import Room
from services.image.domain.refusals import clash, denied
from services.image.objects.image import ImageRecord

BASE = ("name", "disk_format", "container_format", "min_disk", "min_ram", "visibility", "protected", "os_hidden", "owner")
_FROZEN_WITH_DATA = ("disk_format", "container_format")


@dataclass(frozen=True)
class Limits:
    """Quotas of one image; negative: any number."""

    properties: int
    tags: int
    members: int
    locations: int


NO_SUCH_IMAGE, IMAGE_NOT_FOUND, NOTHING_TO_DELETE = (
    "No image found with ID {}", "Image {} not found.", "Failed to find image {} to delete")


def not_found(image_id: str, words: str = NO_SUCH_IMAGE) -> errors.NotFound:
    """The answer for an image that is not there, or not for this caller to know."""
    return errors.NotFound(words.format(image_id))


def require_formats(image: ImageRecord) -> None:
    """errors.BadRequest when an image has not yet the formats that its data will be of."""
    missing = [name for name in ("disk_format", "container_format") if getattr(image, name) is None]
    if missing:
        raise errors.BadRequest(f"Propert{'y' if len(missing) == 1 else 'ies'} {', '.join(missing)} must be set prior to "
                                "saving data.")


def check_quota(limit: int, attempted: int, what: str) -> None:
    """errors.TooLarge when more things than allowed would hang on an image."""
    if 0 <= limit < attempted:
        raise errors.TooLarge(f"The limit has been exceeded on the number of allowed {what}. "
                              f"Attempted: {attempted}, Maximum: {limit}")


@contextlib.contextmanager
def in_words(frame: str) -> Iterator[None]:
    """An exceeded quota is told in the words of `frame`."""
    try:
        yield
    except errors.TooLarge as e:
        raise errors.TooLarge(frame.format(e.message)) from None


def create(session: Session, limits: Limits, room: Room, owner: str | None, values: Mapping[str, Any],
           properties: Mapping[str, str | None], tags: Sequence[str]) -> ImageRecord:
    """A new queued image from validated attributes. errors.Conflict when its id is taken, TooLarge beyond quotas."""
    room.require(session)
    check_quota(limits.properties, len(properties), "image properties")
    check_quota(limits.tags, len(set(tags)), "image tags")
    now = clock.now()
    row = {"id": values.get("id") or ids.uuid(), "status": states.QUEUED, "created_at": now, "updated_at": now,
           "min_disk": 0, "min_ram": 0, "visibility": "shared", "protected": False, "os_hidden": False, "deleted": False,
           **{k: v for k, v in values.items() if k in BASE and v is not None}, "owner": owner}
    try:
        rows.insert(session, row, properties, tags)
    except rows.Duplicate:
        raise errors.Conflict(f"Image ID {row['id']} already exists!") from None
    made = rows.find(session, row["id"])
    assert made is not None
    return made


@dataclass
class Draft:
    """An image with a patch applied, and not yet written."""

    image: ImageRecord
    values: dict[str, Any] = field(default_factory=dict)
    properties: dict[str, str | None] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    tags: list[str] | None = None
    location_changes: list[Change] = field(default_factory=list)

    def property_names(self) -> set[str]:
        """The names of the properties the image will have."""
        return (set(self.image.properties) | set(self.properties)) - self.removed


def draft(image: ImageRecord, changes: Sequence[Change], limits: Limits) -> Draft:
    """Apply a patch to an image in memory; errors.Conflict, Forbidden or TooLarge where it does not fit."""
    made = Draft(image)
    for change in changes:
        name = change.path[0]
        if name == "locations":
            made.location_changes.append(change)
        elif name == "tags":
            if change.op == "remove":
                raise denied("Property tags may not be removed.")
            made.tags = list(dict.fromkeys(change.value))
        elif name in BASE:
            _apply_base(made, change, name)
        else:
            _apply_property(made, change, name)
    if made.properties:
        check_quota(limits.properties, len(made.property_names()), "image properties")
    if made.tags:
        check_quota(limits.tags, len(made.tags), "image tags")
    return made


def _apply_base(made: Draft, change: Change, name: str) -> None:
    if change.op == "remove":
        raise denied(f"Property {name} may not be removed.")
    if name in _FROZEN_WITH_DATA and made.image.status != states.QUEUED:
        raise errors.Forbidden(f"Attribute {name} can be only replaced for a queued image.")
    made.values[name] = change.value


def _apply_property(made: Draft, change: Change, name: str) -> None:
    there = name in made.property_names()
    if change.op != "add" and not there:
        raise clash(f"Property {name} does not exist.")
    if change.op == "remove":
        made.properties.pop(name, None)
        made.removed.add(name)
    else:
        made.properties[name] = change.value
        made.removed.discard(name)


def write(session: Session, made: Draft) -> ImageRecord:
    """Write a draft. errors.Stale when the image changed since it was read: read it again."""
    image = made.image
    rows.update(session, image.id, expect={"updated_at": image.updated_at, "status": image.status}, **made.values)
    if made.properties or made.removed:
        rows.set_properties(session, image.id, made.properties, made.removed - set(made.properties))
    if made.tags is not None:
        rows.replace_tags(session, image.id, made.tags)
    after = rows.find(session, image.id)
    assert after is not None
    return after


def delete(session: Session, image_id: str, *, delayed: bool) -> bool:
    """Delete an image in any state, and cancel what is running on it. False when it is gone already.

    errors.Forbidden when it is protected. Its bytes are removed by the caller or the conductor (db.locations.to_remove).
    """
    image = rows.find(session, image_id)
    if image is None:
        return False
    if image.protected:
        raise errors.Forbidden(f"Image {image_id} is protected and cannot be deleted.")
    later = delayed and bool(image.locations)
    if not rows.mark_deleted(session, image_id, states.PENDING_DELETE if later else states.DELETED):
        raise errors.Stale(image_id)
    sagas.cancel(session, image_id)
    return True


def set_active(session: Session, image: ImageRecord, active: bool) -> None:
    """Deactivate or reactivate an image; harmless when it is so already. errors.Forbidden in other states."""
    wanted, other = (states.ACTIVE, states.DEACTIVATED) if active else (states.DEACTIVATED, states.ACTIVE)
    if image.status == wanted:
        return
    if image.status != other:
        raise errors.Forbidden(f"Not allowed to {'re' if active else 'de'}activate image in status '{image.status}'")
    with conflict(image.id):
        rows.update(session, image.id, expect_status=[other], status=wanted)


@contextlib.contextmanager
def conflict(image_id: str) -> Iterator[None]:
    """A lost race becomes errors.Conflict."""
    try:
        yield
    except errors.Stale:
        raise errors.Conflict(f"Image {image_id} is being changed by another request") from None


def add_tag(session: Session, limits: Limits, image: ImageRecord, tag: str) -> None:
    """Add a tag; harmless when it is there. errors.TooLarge beyond the quota."""
    rows.lock(session, image.id)
    now = rows.find(session, image.id)
    if now is None:
        raise not_found(image.id)
    if tag in now.tags:
        return
    with in_words(f"Image tag limit exceeded for image {image.id}: {{}}:"):
        check_quota(limits.tags, len(now.tags) + 1, "image tags")
    rows.insert_tags(session, image.id, [tag])
    rows.touch(session, image.id)


def remove_tag(session: Session, image: ImageRecord, tag: str) -> None:
    """Remove a tag; errors.NotFound when the image has no such tag."""
    if not rows.delete_tag(session, image.id, tag):
        raise errors.NotFound("The resource could not be found.")
    rows.touch(session, image.id)


def finish_data(session: Session, image_id: str, writer: str, *, from_status: str, size: int, virtual_size: int | None,
                checksum: str | None, hash_algo: str | None, hash_value: str | None) -> None:
    """The bytes are all there: the image becomes active. errors.Stale when it was deleted or given up meanwhile."""
    rows.update(session, image_id, expect={"writer": writer}, expect_status=[from_status], status=states.ACTIVE, size=size,
                virtual_size=virtual_size, checksum=checksum, os_hash_algo=hash_algo, os_hash_value=hash_value, writer=None,
                writer_until=None)


def begin_writing(database: Database, image: ImageRecord, room: Room, lease_s: float, status: str) -> str:
    """Claim a queued image for an upload (`saving`) or a stage (`uploading`); the writer's id.

    errors.Conflict when it is in another state, or somebody is writing already; TooLarge when its project has no room.
    """
    writer = ids.uuid()
    states.require(image.status, status)

    def claim(session: Session) -> None:
        room.require(session)
        rows.update(session, image.id, expect_status=[states.QUEUED], expect={"writer": None}, status=status, writer=writer,
                    writer_until=clock.after(lease_s))
        locations.drop_leftovers(session, image.id)

    with conflict(image.id):
        database.transaction(claim)
    return writer


def give_up_writing(database: Database, image_id: str, writer: str) -> bool:
    """A broken upload or stage: back to `queued`, nothing known. False when it is not this writer's any more."""
    try:
        database.transaction(rows.update, image_id, expect={"writer": writer}, status=states.QUEUED, size=None,
                             virtual_size=None, checksum=None, os_hash_algo=None, os_hash_value=None, writer=None,
                             writer_until=None)
    except errors.Stale:
        return False
    return True


def finish_upload(session: Session, image_id: str, writer: str, store: str, stored: Any, virtual_size: int | None) -> None:
    """As `finish_data`, with the location where the bytes are (`stored`: a StoredImage)."""
    finish_data(session, image_id, writer, from_status=states.SAVING, size=stored.size_bytes, virtual_size=virtual_size,
                checksum=stored.checksum_md5, hash_algo=stored.hash_algo, hash_value=stored.hash_value)
    locations.insert(session, image_id, stored.url, store, {"store": store})
