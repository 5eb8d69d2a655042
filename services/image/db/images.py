"""Images: reading them with what hangs on them, and changing them by compare-and-swap."""

import datetime
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc, orm

from common import clock, errors
from common.db.filters import paginate
from common.db.session import unique_violation
from common.http.paging import Page
from services.image.db.models import Image, ImageLocation, ImageMember, ImageProperty, ImageTag
from services.image.objects.image import ImageRecord, Location, Viewer

FIELDS = ("id", "name", "owner", "visibility", "status", "size", "virtual_size", "disk_format", "container_format",
          "checksum", "os_hash_algo", "os_hash_value", "min_disk", "min_ram", "protected", "os_hidden", "created_at",
          "updated_at", "writer")
_COLUMNS = [getattr(Image, f) for f in FIELDS]


# What hangs on images, read from the tables themselves: the ORM's rows cost several times as much.
_IDS: Any = sa.bindparam("ids", expanding=True)
_P, _T, _L = ImageProperty.__table__.c, ImageTag.__table__.c, ImageLocation.__table__.c
_PROPERTIES = sa.select(_P.image_id, _P.name, _P.value).where(_P.image_id.in_(_IDS)).order_by(_P.name)
_TAGS = sa.select(_T.image_id, _T.value).where(_T.image_id.in_(_IDS)).order_by(_T.value)
_LOCATIONS = sa.select(_L.image_id, _L.id, _L.url, _L.store, _L.info).where(
    _L.image_id.in_(_IDS), _L.status == "active").order_by(_L.id)


class Duplicate(Exception):
    """An image of that id is (or was) there."""


def find(session: orm.Session, image_id: str) -> ImageRecord | None:
    """The image, or None when there is none or it is deleted."""
    rows = session.execute(sa.select(*_COLUMNS).where(Image.id == image_id, Image.deleted.is_(False))).all()
    return _records(session, rows)[0] if rows else None


def find_many(session: orm.Session, image_ids: Sequence[str]) -> dict[str, ImageRecord]:
    """Images by id; those that are not there are left out."""
    if not image_ids:
        return {}
    rows = session.execute(sa.select(*_COLUMNS).where(Image.id.in_(list(image_ids)), Image.deleted.is_(False))).all()
    return {r.id: r for r in _records(session, rows)}


def list_page(session: orm.Session, conditions: Sequence[Any], page: Page, visible: Any) -> list[ImageRecord]:
    """One page of the images that meet all `conditions` (see db.image_filters)."""
    query = sa.select(*_COLUMNS).where(Image.deleted.is_(False), *conditions)
    query = paginate(session, query, Image, page, visible=sa.and_(Image.deleted.is_(False), visible))
    return _records(session, session.execute(query).all())


def visible_to(viewer: Viewer, *, member_status: str = "accepted", visibility: str | None = None) -> Any:
    """The condition that an image appears in `viewer`'s list.

    Own images, public ones, those shared with the project by memberships of `member_status` ("all": any), and others'
    community images only when `visibility` asks for them (or "all"). Operators see all the others, too.
    """
    community = visibility in ("community", "all")
    if viewer.is_admin:
        return sa.true() if community else sa.or_(Image.visibility != "community", Image.owner == viewer.project_id)
    ways = [Image.visibility == "public"]
    if community:
        ways.append(Image.visibility == "community")
    if viewer.project_id:
        shared = sa.select(ImageMember.image_id).where(ImageMember.member == viewer.project_id)
        if member_status != "all":
            shared = shared.where(ImageMember.status == member_status)
        ways.append(Image.owner == viewer.project_id)
        ways.append(sa.and_(Image.visibility == "shared", Image.id.in_(shared)))
    return sa.or_(*ways)


def _records(session: orm.Session, rows: Sequence[Any]) -> list[ImageRecord]:
    ids = [r.id for r in rows]
    properties: dict[str, dict[str, str | None]] = defaultdict(dict)
    tags: dict[str, list[str]] = defaultdict(list)
    locations: dict[str, list[Location]] = defaultdict(list)
    if ids:
        for image_id, name, value in session.execute(_PROPERTIES, {"ids": ids}):
            properties[image_id][name] = value
        for image_id, value in session.execute(_TAGS, {"ids": ids}):
            tags[image_id].append(value)
        for image_id, number, url, store, info in session.execute(_LOCATIONS, {"ids": ids}):
            locations[image_id].append(Location(number, url, store, info or {}))
    return [ImageRecord(*row, properties=properties.get(row.id, {}), tags=tuple(tags.get(row.id, ())),
                        locations=tuple(locations.get(row.id, ()))) for row in rows]


def insert(session: orm.Session, values: Mapping[str, Any], properties: Mapping[str, str | None],
           tags: Iterable[str]) -> None:
    """Add an image; Duplicate when its id is taken, were it by a deleted one."""
    if session.execute(sa.select(Image.id).where(Image.id == values["id"])).first():
        raise Duplicate(values["id"])
    try:
        session.execute(sa.insert(Image).values(**values))
    except exc.IntegrityError as e:
        if unique_violation(e):
            raise Duplicate(values["id"]) from e
        raise
    _insert_properties(session, values["id"], properties)
    insert_tags(session, values["id"], tags)


def _insert_properties(session: orm.Session, image_id: str, properties: Mapping[str, str | None]) -> None:
    if properties:
        session.execute(sa.insert(ImageProperty),
                        [{"image_id": image_id, "name": n, "value": v} for n, v in properties.items()])


def insert_tags(session: orm.Session, image_id: str, tags: Iterable[str]) -> None:
    """Add tags that the image does not have."""
    rows = [{"image_id": image_id, "value": t} for t in dict.fromkeys(tags)]
    if rows:
        session.execute(sa.insert(ImageTag), rows)


def delete_tag(session: orm.Session, image_id: str, tag: str) -> bool:
    """Remove a tag; whether it was there."""
    found = session.execute(sa.delete(ImageTag).where(ImageTag.image_id == image_id, ImageTag.value == tag))
    return bool(found.rowcount)


def replace_tags(session: orm.Session, image_id: str, tags: Iterable[str]) -> None:
    """Let the image have exactly `tags`."""
    session.execute(sa.delete(ImageTag).where(ImageTag.image_id == image_id))
    insert_tags(session, image_id, tags)


def set_properties(session: orm.Session, image_id: str, changed: Mapping[str, str | None], removed: Iterable[str]) -> None:
    """Set `changed` properties and take away `removed` ones."""
    names = [*changed, *removed]
    if names:
        session.execute(sa.delete(ImageProperty).where(ImageProperty.image_id == image_id, ImageProperty.name.in_(names)))
    _insert_properties(session, image_id, changed)


def update(session: orm.Session, image_id: str, *, expect: Mapping[str, Any] | None = None,
           expect_status: Sequence[str] | None = None, **values: Any) -> None:
    """Change columns of a living image. errors.Stale when it is gone or not as expected; nothing changed then."""
    query = sa.update(Image).where(Image.id == image_id, Image.deleted.is_(False))
    for name, value in (expect or {}).items():
        column = getattr(Image, name)
        query = query.where(column.is_(None) if value is None else column == value)
    if expect_status is not None:
        query = query.where(Image.status.in_(list(expect_status)))
    values.setdefault("updated_at", clock.now())
    if not session.execute(query.values(**values)).rowcount:
        raise errors.Stale(f"image {image_id} is not as expected")


def touch(session: orm.Session, image_id: str) -> None:
    """Note that the image changed."""
    session.execute(sa.update(Image).where(Image.id == image_id).values(updated_at=clock.now()))


def lock(session: orm.Session, image_id: str) -> None:
    """Let no other transaction change what hangs on the image until this one ends."""
    session.execute(sa.select(Image.id).where(Image.id == image_id).with_for_update())


def prolong(session: orm.Session, image_id: str, writer: str, seconds: float) -> bool:
    """Say that `writer` still fills the image; False when it was taken from it (deleted, or given up)."""
    query = sa.update(Image).where(Image.id == image_id, Image.writer == writer, Image.deleted.is_(False))
    return bool(session.execute(query.values(writer_until=clock.after(seconds))).rowcount)


def mark_deleted(session: orm.Session, image_id: str, status: str) -> bool:
    """Delete the row in the eyes of everyone but the clean-up; False when another did so before."""
    now = clock.now()
    query = sa.update(Image).where(Image.id == image_id, Image.deleted.is_(False), Image.protected.is_(False))
    done = session.execute(query.values(deleted=True, deleted_at=now, status=status, writer=None, updated_at=now)).rowcount
    if done:
        session.execute(sa.delete(ImageMember).where(ImageMember.image_id == image_id))
        session.execute(sa.delete(ImageTag).where(ImageTag.image_id == image_id))
        session.execute(sa.delete(ImageProperty).where(ImageProperty.image_id == image_id))
        session.execute(sa.update(ImageLocation).where(ImageLocation.image_id == image_id, ImageLocation.status == "active")
                        .values(status="deleted", deleted_at=now))
    return bool(done)


def dead_writers(session: orm.Session) -> list[tuple[str, str, str]]:
    """(id, status, writer) of images whose upload or stage broke off without a word."""
    query = sa.select(Image.id, Image.status, Image.writer).where(
        Image.deleted.is_(False), Image.status.in_(("saving", "queued", "uploading")), Image.writer.isnot(None),
        Image.writer_until.isnot(None), Image.writer_until < clock.now())
    return [(r.id, r.status, r.writer) for r in session.execute(query)]


def finish_scrubbed(session: orm.Session) -> int:
    """`pending_delete` images whose bytes are all gone become `deleted`; how many."""
    left = sa.exists().where(ImageLocation.image_id == Image.id)
    query = sa.update(Image).where(Image.status == "pending_delete", ~left).values(status="deleted")
    return int(session.execute(query.execution_options(synchronize_session=False)).rowcount)


def purge(session: orm.Session, before: datetime.datetime) -> int:
    """Forget images that were deleted before a time and whose bytes are gone; how many."""
    left = sa.exists().where(ImageLocation.image_id == Image.id)
    query = sa.delete(Image).where(Image.deleted.is_(True), Image.deleted_at < before, ~left)
    return int(session.execute(query.execution_options(synchronize_session=False)).rowcount)


def unknown_ids(session: orm.Session, image_ids: Sequence[str]) -> set[str]:
    """Those of the ids that belong to no living image."""
    known = set(session.scalars(sa.select(Image.id).where(Image.id.in_(list(image_ids)), Image.deleted.is_(False))))
    return set(image_ids) - known


def staged(session: orm.Session, image_ids: Sequence[str]) -> set[str]:
    """Those of the ids whose image is in a state that may have staged data."""
    query = sa.select(Image.id).where(Image.id.in_(list(image_ids)), Image.deleted.is_(False),
                                      Image.status.in_(("queued", "uploading", "importing", "active")))
    return set(session.scalars(query))
