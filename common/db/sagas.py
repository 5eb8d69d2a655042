"""The `sagas` table: claims, checkpoints and ends of durable operations (see common.saga).

A saga is `running` or `undoing` until it is `done`, `failed` or `cancelled`. It may be claimed when
nobody holds it (or the holder's lease is over), when it is not parked, and when no older saga of the same
resource is unfinished.
"""

import functools
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from common import clock, ids
from common.db.models import DateTime
from common.db.prepared import prepared

ACTIVE = ("running", "undoing")


def _active(columns: Any) -> Any:
    return columns.state.in_([sa.literal_column(f"'{state}'") for state in ACTIVE])


def insert(session: orm.Session, model: Any, kind: str, resource_id: str, context: Any, data: Any = None) -> str:
    """Add a saga; returns its id. Part of the transaction that changes the resource; poke a conductor after it."""
    row = model(id=ids.uuid(), kind=kind, resource_id=resource_id, context=context.to_message(), data=data or {},
                state="running", step=0, attempt=0, cancelled=False, wakes=0, created_at=clock.now())
    session.add(row)
    return str(row.id)


def cancel(session: orm.Session, model: Any, resource_id: str, *, kinds: Iterable[str] | None = None) -> int:
    """Cancel the resource's running sagas (of `kinds`): they undo what they did. Returns how many there were."""
    query = sa.update(model).where(model.resource_id == resource_id, model.state == "running", model.cancelled.is_(False))
    if kinds is not None:
        query = query.where(model.kind.in_(list(kinds)))
    found = session.execute(query.values(cancelled=True, wake_at=None, wakes=model.wakes + 1))
    return int(found.rowcount)


def active(session: orm.Session, model: Any, resource_id: str) -> Sequence[Any]:
    """The resource's unfinished sagas, oldest first."""
    query = sa.select(model).where(model.resource_id == resource_id, model.state.in_(ACTIVE)).order_by(model.seq)
    return session.scalars(query).all()


def hold(session: orm.Session, model: Any, resource_ids: Sequence[str]) -> Sequence[Any]:
    """(seq, id, resource_id, owner) of the unfinished sagas of these resources, kept from whoever runs, parks or wakes them until
    the transaction ends; for `wake_held`."""
    return session.execute(_hold(model), {"resources": list(resource_ids)}).all() if resource_ids else ()


def wake_held(session: orm.Session, model: Any, held: Sequence[Any], resource_ids: Container[str]) -> list[str]:
    """Something happened that held sagas wait for. Those of `resource_ids` have nothing else to wait for and look again now
    (their ids); of the others, one that runs looks again before it parks, and one that is parked stays so."""
    ready = [row for row in held if row.resource_id in resource_ids]
    running = [row for row in held if row.resource_id not in resource_ids and row.owner is not None]
    for rows, parked in ((ready, False), (running, True)):
        if rows:
            session.execute(_stir(model, parked), {"seqs": [row.seq for row in rows]})
    return [row.id for row in ready]


@functools.cache
def _hold(model: Any) -> Any:
    c = model.__table__.c
    return prepared(sa.select(c.seq, c.id, c.resource_id, c.owner).where(
        c.resource_id.in_(sa.bindparam("resources", expanding=True)), _active(c)).order_by(c.seq).with_for_update())


@functools.cache
def _stir(model: Any, parked: bool) -> Any:
    table = model.__table__
    values = {"wakes": table.c.wakes + 1} | ({} if parked else {"wake_at": None})
    return prepared(sa.update(table).where(table.c.seq.in_(sa.bindparam("seqs", expanding=True))).values(values))


def wake(session: orm.Session, model: Any, resource_ids: Sequence[str]) -> list[str]:
    """Let parked sagas of these resources look again now; returns the ids of those that are unfinished."""
    if not resource_ids:
        return []
    condition = sa.and_(model.resource_id.in_(list(resource_ids)), model.state.in_(ACTIVE))
    found = session.execute(sa.update(model).where(condition).values(wake_at=None, wakes=model.wakes + 1))
    if not found.rowcount:
        return []
    return list(session.scalars(sa.select(model.id).where(condition)))


def claim(session: orm.Session, model: Any, owner: str, lease_s: float, *, only: Sequence[str] | None = None,
          limit: int = 50) -> list[Any]:
    """Take up to `limit` claimable sagas (of ids `only`) for `owner` during `lease_s` seconds."""
    now = clock.now()
    sent: dict[str, Any] = {"now": now, "most": limit}
    if only is not None:
        sent["ids"] = list(only)
    rows = session.execute(_claimable(model, only is not None), sent).all()
    if not rows:
        return []
    seqs = [r.seq for r in rows]
    lease = clock.after(lease_s)
    taken = session.execute(_take(model), {"now": now, "seqs": seqs, "new_owner": owner, "new_lease": lease})
    if taken.rowcount != len(rows):
        mine = set(session.scalars(sa.select(model.seq).where(model.seq.in_(seqs), model.owner == owner,
                                                              model.lease_until == lease)))
        rows = [r for r in rows if r.seq in mine]
    return list(rows)


def _free(columns: Any) -> Any:
    now = sa.bindparam("now", type_=DateTime())
    return sa.and_(sa.or_(columns.owner.is_(None), columns.lease_until < now),
                   sa.or_(columns.wake_at.is_(None), columns.wake_at <= now))


@functools.cache
def _claimable(model: Any, some: bool) -> Any:
    """SELECT of what may be claimed (of the ids `ids`), oldest first."""
    c, older = model.__table__.c, model.__table__.alias().c
    blocked = sa.exists().where(older.resource_id == c.resource_id, older.seq < c.seq, _active(older))
    columns = (c.seq, c.id, c.kind, c.resource_id, c.state, c.step, c.attempt, c.cancelled, c.data, c.context, c.error, c.wakes,
               c.step_started_at)
    query = sa.select(*columns).where(_active(c), _free(c), ~blocked)
    if some:
        query = query.where(c.id.in_(sa.bindparam("ids", expanding=True)))
    return prepared(query.order_by(c.seq).limit(sa.bindparam("most", type_=sa.Integer())))


@functools.cache
def _take(model: Any) -> Any:
    """UPDATE that gives claimed sagas their owner, as far as they are still free."""
    table = model.__table__
    return prepared(sa.update(table).where(table.c.seq.in_(sa.bindparam("seqs", expanding=True)), _free(table.c)).values(
        owner=sa.bindparam("new_owner"), lease_until=sa.bindparam("new_lease", type_=DateTime()),
        step_started_at=sa.func.coalesce(table.c.step_started_at, sa.bindparam("now", type_=DateTime()))))


def renew(session: orm.Session, model: Any, owner: str, lease_s: float, seqs: Sequence[int]) -> int:
    """Prolong the lease of those of `seqs` that `owner` holds; how many sagas that is."""
    found = session.execute(sa.update(model).where(model.seq.in_(list(seqs)), model.owner == owner, model.state.in_(ACTIVE))
                            .values(lease_until=clock.after(lease_s)))
    return int(found.rowcount)


def let_go(session: orm.Session, model: Any, owner: str, seqs: Sequence[int]) -> None:
    """Give back sagas that `owner` took and could not go on with."""
    session.execute(sa.update(model).where(model.seq.in_(list(seqs)), model.owner == owner, model.state.in_(ACTIVE))
                    .values(owner=None, lease_until=None))


def release(session: orm.Session, model: Any, owner: str) -> None:
    """Give back everything `owner` holds, so that another conductor need not wait for the lease's end."""
    session.execute(sa.update(model).where(model.owner == owner, model.state.in_(ACTIVE))
                    .values(owner=None, lease_until=None))


@functools.cache
def _update_held(model: Any, names: tuple[str, ...], unwoken: bool) -> Any:
    """UPDATE of sagas that their owner holds. These run several times a boot: the statement is built once, on the bare table."""
    table = model.__table__
    held = sa.and_(table.c.seq.in_(sa.bindparam("the_seqs", expanding=True)), table.c.owner == sa.bindparam("the_owner"))
    if unwoken:
        held = sa.and_(held, table.c.wakes == sa.bindparam("wakes_seen"))
    values = {name: sa.bindparam(f"new_{name}", type_=table.c[name].type) for name in names}
    return prepared(sa.update(table).where(held).values(values))


@functools.cache
def _select_signals(model: Any) -> Any:
    c = model.__table__.c
    return prepared(sa.select(c.seq, c.cancelled, c.wakes, c.owner).where(c.seq.in_(sa.bindparam("the_seqs", expanding=True))))


@functools.cache
def _select_followers(model: Any) -> Any:
    c = model.__table__.c
    return prepared(sa.select(c.id).where(c.resource_id.in_(sa.bindparam("resources", expanding=True)), _active(c)))


def change_held(session: orm.Session, model: Any, seqs: Sequence[int], owner: str, values: Mapping[str, Any], *,
                wakes_seen: int | None = None) -> int:
    """Set columns of those of `seqs` that `owner` holds (and that were woken `wakes_seen` times); how many that were."""
    if not values:
        return len(seqs)
    sent = {f"new_{name}": value for name, value in values.items()} | {"the_seqs": list(seqs), "the_owner": owner}
    if wakes_seen is not None:
        sent["wakes_seen"] = wakes_seen
    return int(session.execute(_update_held(model, tuple(values), wakes_seen is not None), sent).rowcount)  # type: ignore[attr-defined]


def signals(session: orm.Session, model: Any, seqs: Sequence[int]) -> dict[int, tuple[bool, int, str | None]]:
    """seq -> (cancelled, wakes, owner) as they stand now."""
    return {row.seq: (row.cancelled, row.wakes, row.owner)
            for row in session.execute(_select_signals(model), {"the_seqs": list(seqs)})}


def followers(session: orm.Session, model: Any, resource_ids: Sequence[str]) -> list[str]:
    """Ids of these resources' unfinished sagas: what may run next when others have ended."""
    session.flush()
    return list(session.scalars(_select_followers(model), {"resources": list(resource_ids)}))


def purge(session: orm.Session, model: Any, older_than_s: float, limit: int = 5000) -> int:
    """Delete sagas that ended more than `older_than_s` seconds ago; how many went."""
    seqs = list(session.scalars(sa.select(model.seq).where(
        model.state.not_in(ACTIVE), model.finished_at < clock.after(-older_than_s)).limit(limit)))
    if seqs:
        session.execute(sa.delete(model).where(model.seq.in_(seqs)))
    return len(seqs)
