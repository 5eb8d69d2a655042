"""Rows of servers: pages of them, compare-and-swap changes, new ones in bulk.

Readers get plain rows (named tuples over the columns of `models.Server`), never live objects, for a page of a
thousand servers must stay cheap.
"""

import datetime
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy import orm

from common import clock, errors
from common.db import prepared
from common.db.filters import paginate
from common.db.models import Json
from common.http.paging import Page
from services.compute.db import models
from services.compute.db.migrations import SETTLED
from services.compute.db.models import Server, ServerNic, ServerTag

TABLE = Server.__table__
BRIEF = (TABLE.c.id, TABLE.c.name)
_UNLISTED = frozenset(("wanted_power", "launched_on", "key", "old_flavor", "new_flavor", "deleted_at", "locked_by"))
LISTED = tuple(sa.type_coerce(c, sa.Text).label(c.name) if isinstance(c.type, Json) else c
               for c in TABLE.c if c.name not in _UNLISTED)
_IDS: Any = sa.bindparam("ids", expanding=True)
_TAGS = sa.select(*(c for c in ServerTag.__table__.c if c.name in ("server_id", "tag"))).where(
    ServerTag.__table__.c.server_id.in_(_IDS)).order_by(ServerTag.__table__.c.tag)
_USER_DATA = sa.select(models.ServerRequest.__table__.c.server_id, models.ServerRequest.__table__.c.user_data).where(
    models.ServerRequest.__table__.c.server_id.in_(_IDS))


def not_found(server_id: str) -> errors.NotFound:
    """The 404 of a server."""
    return errors.NotFound(f"Instance {server_id} could not be found.")


def get(session: orm.Session, server_id: str, *, deleted: bool = False) -> Any:
    """The row of a server; errors.NotFound when there is none (or only a deleted one, without `deleted`)."""
    query = sa.select(TABLE).where(TABLE.c.id == server_id)
    if not deleted:
        query = query.where(TABLE.c.deleted.is_(False))
    row = session.execute(query).first()
    if row is None:
        raise not_found(server_id)
    return row


def changed_at(session: orm.Session, server_id: str) -> datetime.datetime | None:
    """When the row of a server was last changed, None if never; errors.NotFound when there is no such server."""
    query = sa.select(TABLE.c.updated_at).where(TABLE.c.id == server_id, TABLE.c.deleted.is_(False))
    row = session.execute(query).first()
    if row is None:
        raise not_found(server_id)
    return cast("datetime.datetime | None", row[0])


def get_many(session: orm.Session, server_ids: Sequence[str]) -> Sequence[Any]:
    """The rows of those of `server_ids` that exist and are not deleted."""
    return session.execute(sa.select(TABLE).where(TABLE.c.id.in_(list(server_ids)), TABLE.c.deleted.is_(False))).all()


def on_host(session: orm.Session, host: str, server_ids: Sequence[str] | None = None) -> Sequence[Any]:
    """Servers of `host` (those of `server_ids`), deleted ones left out."""
    query = sa.select(TABLE).where(TABLE.c.host == host, TABLE.c.deleted.is_(False))
    if server_ids is not None:
        query = query.where(TABLE.c.id.in_(list(server_ids)))
    return session.execute(query).all()


@dataclass(frozen=True)
class Filter:
    """Which servers a list holds; everything given must hold.

    project_id   None: of every project; deleted: None: both kinds
    equal, any_of   column name -> value, or values; regexps: column name -> pattern
    tags, not_tags  all of them must (not all may) be there; tags_any, not_tags_any: one of them
    ip, ip6      patterns that a fixed or floating address must begin with
    """

    project_id: str | None = None
    deleted: bool | None = False
    equal: Mapping[str, Any] = field(default_factory=dict)
    any_of: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    regexps: Mapping[str, str] = field(default_factory=dict)
    tags: Sequence[str] = ()
    tags_any: Sequence[str] = ()
    not_tags: Sequence[str] = ()
    not_tags_any: Sequence[str] = ()
    ip: str | None = None
    ip6: str | None = None
    changes_since: Any = None
    changes_before: Any = None


def page(session: orm.Session, wanted: Filter, page: Page, *, brief: bool = False) -> Sequence[Any]:
    """One page of servers in one or two statements (a marker costs one); errors.BadRequest for a bad marker or sort key.

    JSON columns come as their text (or None), for most servers of a page have the same in them; columns that no list
    prints are left out.
    """
    query = sa.select(*(BRIEF if brief else LISTED)).where(*_conditions(wanted))
    visible = TABLE.c.project_id == wanted.project_id if wanted.project_id is not None else None
    # by the connection, as the session would make entities of what are plain rows already
    return session.connection().execute(paginate(session, query, Server, page, visible=visible)).all()


def _conditions(wanted: Filter) -> list[Any]:
    c = TABLE.c
    found: list[Any] = []
    if wanted.project_id is not None:
        found.append(c.project_id == wanted.project_id)
    if wanted.deleted is not None:
        found.append(c.deleted.is_(wanted.deleted))
    found += [c[name].is_(None) if value is None else c[name] == value for name, value in wanted.equal.items()]
    found += [_one_of(c[name], values) for name, values in wanted.any_of.items()]
    found += [c[name].regexp_match(_pattern(name, text)) for name, text in wanted.regexps.items()]
    for text in (wanted.ip, wanted.ip6):
        if text:
            texts = sa.type_coerce(ServerNic.addresses, sa.Text)
            found.append(sa.exists().where(ServerNic.server_id == c.id,
                                           texts.regexp_match(f'"addr":"({_pattern("ip", text).lstrip("^")})')))
    changed = sa.func.coalesce(c.updated_at, c.created_at)
    if wanted.changes_since is not None:
        found.append(changed >= wanted.changes_since)
    if wanted.changes_before is not None:
        found.append(changed <= wanted.changes_before)
    return found + _tag_conditions(wanted)


def _tag_conditions(wanted: Filter) -> list[Any]:
    def count(tags: Sequence[str]) -> Any:
        return sa.select(sa.func.count()).select_from(ServerTag).where(
            ServerTag.server_id == TABLE.c.id, ServerTag.tag.in_(list(tags))).scalar_subquery()

    found: list[Any] = []
    if wanted.tags:
        found.append(count(wanted.tags) == len(set(wanted.tags)))
    if wanted.tags_any:
        found.append(count(wanted.tags_any) > 0)
    if wanted.not_tags:
        found.append(count(wanted.not_tags) < len(set(wanted.not_tags)))
    if wanted.not_tags_any:
        found.append(count(wanted.not_tags_any) == 0)
    return found


def _one_of(column: Any, values: Sequence[Any]) -> Any:
    if None in values:
        return sa.or_(column.is_(None), column.in_([v for v in values if v is not None]))
    return column.in_(list(values))


def _pattern(name: str, text: str) -> str:
    try:
        re.compile(text)
    except re.error:
        raise errors.BadRequest(f"Invalid filter value for {name}: {text}") from None
    return text


def insert(session: orm.Session, rows: Sequence[Mapping[str, Any]], requests: Sequence[Mapping[str, Any]]) -> None:
    """Add servers and what was asked for with them, a statement each."""
    prepared.insert(session, TABLE, rows)
    prepared.insert(session, models.ServerRequest.__table__, requests)


def change(session: orm.Session, server_id: str, values: Mapping[str, Any], *, expect: Mapping[str, Any] | None = None) -> None:
    """Set `values` when every column of `expect` still has its value; errors.Stale otherwise."""
    query = sa.update(TABLE).where(TABLE.c.id == server_id, TABLE.c.deleted.is_(False))
    for name, value in (expect or {}).items():
        query = query.where(TABLE.c[name].is_(None) if value is None else TABLE.c[name] == value)
    found = session.execute(query.values(updated_at=clock.now(), **values))
    if found.rowcount == 0:
        raise errors.Stale(f"server {server_id} is not {dict(expect or {})}")


def lock_row(session: orm.Session, server_id: str) -> Any:
    """The row, held against other writers until the transaction ends; for read-modify-write of JSON columns."""
    row = session.execute(sa.select(TABLE).where(TABLE.c.id == server_id, TABLE.c.deleted.is_(False)).with_for_update()).first()
    if row is None:
        raise not_found(server_id)
    return row


def mark_deleted(session: orm.Session, server_ids: Sequence[str]) -> int:
    """These servers are gone from their hosts: keep their rows as deleted ones, forget their parts. How many were not so yet."""
    now, ids = clock.now(), list(server_ids)
    found = session.execute(sa.update(TABLE).where(TABLE.c.id.in_(ids), TABLE.c.deleted.is_(False)).values(
        deleted=True, deleted_at=now, terminated_at=now, updated_at=now, vm_state="deleted", task_state=None, power_state=0,
        group_id=None))
    for model in (models.ServerNic, models.BlockDevice, models.ServerTag, models.ExternalEvent, models.ConsoleToken,
                  models.ServerRequest):
        table = model.__table__
        session.execute(sa.delete(table).where(table.c.server_id.in_(ids)))
    return int(found.rowcount)


def request(session: orm.Session, server_id: str) -> Any:
    """What was asked for at boot (a ServerRequest); None when it is gone."""
    return session.get(models.ServerRequest, server_id)


def requests(session: orm.Session, server_ids: Sequence[str]) -> dict[str, Any]:
    """{server id: ServerRequest}."""
    found = session.scalars(sa.select(models.ServerRequest).where(models.ServerRequest.server_id.in_(list(server_ids))))
    return {r.server_id: r for r in found}


def change_request(session: orm.Session, server_id: str, **values: Any) -> None:
    """Set columns of what was asked for."""
    session.execute(sa.update(models.ServerRequest).where(models.ServerRequest.server_id == server_id).values(**values))


def tags(session: orm.Session, server_ids: Iterable[str]) -> dict[str, list[str]]:
    """{server id: sorted tags}."""
    found: dict[str, list[str]] = {}
    for server_id, tag in session.execute(_TAGS, {"ids": list(server_ids)}):
        found.setdefault(server_id, []).append(tag)
    return found


def set_tags(session: orm.Session, server_id: str, wanted: Iterable[str]) -> None:
    """Replace a server's tags."""
    session.execute(sa.delete(ServerTag).where(ServerTag.server_id == server_id))
    rows = [{"server_id": server_id, "tag": t} for t in sorted(set(wanted))]
    if rows:
        session.execute(sa.insert(ServerTag), rows)


def name_taken(session: orm.Session, name: str, project_id: str | None) -> bool:
    """Whether a live server of the project (None: of any) is called `name`, ignoring case."""
    query = sa.select(TABLE.c.id).where(sa.func.lower(TABLE.c.name) == name.lower(), TABLE.c.deleted.is_(False)).limit(1)
    if project_id is not None:
        query = query.where(TABLE.c.project_id == project_id)
    return session.execute(query).first() is not None


def counts_by_node(session: orm.Session) -> dict[tuple[str, str], Any]:
    """{(host, node): row of (vcpus, memory_mb, root_gb, servers, busy)} summed over live servers."""
    c = TABLE.c
    query = sa.select(
        c.host, c.node, sa.func.sum(c.vcpus).label("vcpus"), sa.func.sum(c.memory_mb).label("memory_mb"),
        sa.func.sum(c.root_gb + c.ephemeral_gb).label("disk_gb"), sa.func.count().label("servers"),
        sa.func.sum(sa.case((c.task_state.isnot(None), 1), else_=0)).label("busy"),
    ).where(c.deleted.is_(False), c.host.isnot(None)).group_by(c.host, c.node)
    return {(r.host, r.node): r for r in session.execute(query)}


def of_hosts(session: orm.Session, hosts: Sequence[str]) -> Sequence[Any]:
    """(id, name, host, node) of the live servers of `hosts`."""
    c = TABLE.c
    return session.execute(sa.select(c.id, c.name, c.host, c.node).where(c.host.in_(list(hosts)), c.deleted.is_(False))).all()


def used_between(session: orm.Session, start: Any, end: Any, project_id: str | None) -> Sequence[Any]:
    """Servers that existed at some time from `start` to `end`, oldest first, for usage reports."""
    c = TABLE.c
    query = sa.select(TABLE).where(c.launched_at.isnot(None), c.launched_at < end,
                                   sa.or_(c.terminated_at.is_(None), c.terminated_at > start)).order_by(c.project_id, c.seq)
    if project_id is not None:
        query = query.where(c.project_id == project_id)
    return session.execute(query).all()


def without_saga(session: orm.Session, older_than_s: float) -> Sequence[Any]:
    """Servers with a task state, unchanged for a while, that no unfinished saga is about."""
    c, saga = TABLE.c, models.Saga
    busy = sa.exists().where(saga.resource_id == c.id, saga.state.in_(("running", "undoing")))
    return session.execute(sa.select(TABLE).where(
        c.deleted.is_(False), c.task_state.isnot(None), ~busy,
        sa.func.coalesce(c.updated_at, c.created_at) < clock.after(-older_than_s)).limit(500)).all()


def soft_deleted(session: orm.Session, older_than_s: float) -> Sequence[Any]:
    """Servers that were soft-deleted longer ago than `older_than_s`."""
    c = TABLE.c
    return session.execute(sa.select(TABLE).where(
        c.deleted.is_(False), c.vm_state == "soft-delete", c.task_state.is_(None),
        c.deleted_at < clock.after(-older_than_s)).limit(500)).all()


def known_consumers(session: orm.Session, consumer_ids: Sequence[str], deleted_after: Any) -> set[str]:
    """Those of `consumer_ids` that are servers (alive, or deleted only lately) or unfinished moves."""
    found: set[str] = set()
    for start in range(0, len(consumer_ids), 500):
        part = list(consumer_ids[start:start + 500])
        found |= set(session.scalars(sa.select(TABLE.c.id).where(
            TABLE.c.id.in_(part), sa.or_(TABLE.c.deleted.is_(False), TABLE.c.deleted_at > deleted_after))))
        found |= set(session.scalars(sa.select(models.Migration.uuid).join(Server, Server.id == models.Migration.server_id).where(
            models.Migration.uuid.in_(part), Server.deleted.is_(False),
            models.Migration.status.not_in([s for s in SETTLED if s != "done"]))))
    return found


def user_data(session: orm.Session, server_ids: Sequence[str]) -> dict[str, str | None]:
    """{server id: user data}."""
    return {server_id: text for server_id, text in session.execute(_USER_DATA, {"ids": list(server_ids)})}
