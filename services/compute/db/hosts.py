"""Hypervisors, daemons' rows and aggregates: what the cloud runs on."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc, orm

from common import clock, errors, ids
from common.db import services as heartbeats
from common.db.session import unique_violation
from services.compute.db.models import Aggregate, AggregateHost, ComputeNode, Server, Service

COMPUTE = "nova-compute"
NODES = ComputeNode.__table__


def nodes(session: orm.Session, *, pattern: str | None = None, host: str | None = None, limit: int | None = None,
          after: Any = None) -> Sequence[Any]:
    """Hypervisors by id: those whose name contains `pattern`, of `host`, after the row `after`."""
    query = sa.select(NODES).order_by(NODES.c.id)
    if pattern is not None:
        query = query.where(NODES.c.node.contains(pattern, autoescape=True))
    if host is not None:
        query = query.where(NODES.c.host == host)
    if after is not None:
        query = query.where(NODES.c.id > after.id)
    return session.execute(query.limit(limit) if limit is not None else query).all()


def node(session: orm.Session, node_id: str) -> Any | None:
    """A hypervisor by number or UUID, or None."""
    if ids.is_uuid(node_id):
        same = NODES.c.uuid == node_id
    elif (number := ids.number_in(node_id)) is not None:
        same = NODES.c.id == number
    else:
        return None
    return session.execute(sa.select(NODES).where(same)).first()


def save_nodes(session: orm.Session, host: str, reports: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Write what an agent found on its nodes (columns by name); new nodes get a UUID. Nodes not named stay. The rows."""
    known = {r.node: r for r in nodes(session, host=host)}
    now = clock.now()
    fresh = [{"uuid": ids.uuid(), "host": host, "created_at": now, "updated_at": now, **r}
             for r in reports if r["node"] not in known]
    if fresh:
        session.execute(sa.insert(ComputeNode), fresh)
    for report in reports:
        row = known.get(report["node"])
        if row is not None and any(getattr(row, k) != v for k, v in report.items()):
            session.execute(sa.update(ComputeNode).where(ComputeNode.id == row.id).values(updated_at=now, **report))
    return list(nodes(session, host=host))


def delete_nodes(session: orm.Session, host: str) -> None:
    """Forget the hypervisors of a host."""
    session.execute(sa.delete(ComputeNode).where(ComputeNode.host == host))


def services(session: orm.Session, *, binary: str | None = None, host: str | None = None) -> Sequence[Any]:
    """Daemons' rows."""
    return heartbeats.list_all(session, Service, binary=binary, host=host)


def service(session: orm.Session, *, service_id: str | None = None, host: str | None = None, binary: str | None = None) -> Any:
    """One daemon's row, by number, by UUID or by host and binary, or None."""
    query = sa.select(Service)
    if service_id is not None:
        if ids.is_uuid(service_id):
            query = query.where(Service.uuid == service_id)
        elif (number := ids.number_in(service_id)) is not None:
            query = query.where(Service.id == number)
        else:
            return None
    if host is not None:
        query = query.where(Service.host == host)
    if binary is not None:
        query = query.where(Service.binary == binary)
    return session.scalars(query).first()


def lock_service(session: orm.Session, host: str, binary: str) -> None:
    """Hold the row of a daemon against others until the transaction ends."""
    session.execute(sa.select(Service.id).where(Service.host == host, Service.binary == binary).with_for_update()).first()


def change_service(session: orm.Session, row_id: int, **values: Any) -> None:
    """Set columns of a daemon's row."""
    session.execute(sa.update(Service).where(Service.id == row_id).values(**values))


def delete_service(session: orm.Session, row: Any) -> None:
    """Forget a daemon, its hypervisors, and its host's place in aggregates."""
    if row.binary == COMPUTE:
        delete_nodes(session, row.host)
        session.execute(sa.delete(AggregateHost).where(AggregateHost.host == row.host))
    session.execute(sa.delete(Service).where(Service.id == row.id))


def aggregates(session: orm.Session) -> list[tuple[Any, list[str]]]:
    """[(aggregate, its hosts in order)], in two statements."""
    hosts: dict[int, list[str]] = {}
    for aggregate_id, host in session.execute(sa.select(AggregateHost.aggregate_id, AggregateHost.host)
                                              .order_by(AggregateHost.host)):
        hosts.setdefault(aggregate_id, []).append(host)
    return [(a, hosts.get(a.id, [])) for a in session.scalars(sa.select(Aggregate).order_by(Aggregate.id))]


def aggregate(session: orm.Session, aggregate_id: str, *, lock: bool = False) -> tuple[Any, list[str]]:
    """(row, hosts); errors.NotFound when there is none of that number."""
    query = sa.select(Aggregate).where(Aggregate.id == ids.number_in(aggregate_id))
    row = session.scalars(query.with_for_update() if lock else query).first()
    if row is None:
        raise errors.NotFound(f"Aggregate {aggregate_id} could not be found.")
    return row, list(session.scalars(sa.select(AggregateHost.host).where(AggregateHost.aggregate_id == row.id)
                                     .order_by(AggregateHost.host)))


def add_aggregate(session: orm.Session, name: str, meta: Mapping[str, str]) -> Any:
    """A new aggregate; errors.Conflict when the name is taken."""
    row = Aggregate(name=name, meta=dict(meta), uuid=ids.uuid())
    session.add(row)
    flush_aggregate(session, name)
    return row


def flush_aggregate(session: orm.Session, name: str) -> None:
    """Write a changed aggregate; errors.Conflict when its name is taken."""
    try:
        session.flush()
    except exc.IntegrityError as e:
        if unique_violation(e):
            raise errors.Conflict(f"Aggregate {name} already exists.") from e
        raise


def delete_aggregate(session: orm.Session, row: Any) -> None:
    """Remove an aggregate."""
    session.execute(sa.delete(AggregateHost).where(AggregateHost.aggregate_id == row.id))
    session.execute(sa.delete(Aggregate).where(Aggregate.id == row.id))


def add_host(session: orm.Session, row: Any, host: str) -> None:
    """Put a host into an aggregate."""
    session.add(AggregateHost(aggregate_id=row.id, host=host))
    session.flush()


def remove_host(session: orm.Session, row: Any, host: str) -> bool:
    """Take a host out; False when it was not in."""
    return bool(session.execute(sa.delete(AggregateHost).where(AggregateHost.aggregate_id == row.id,
                                                               AggregateHost.host == host)).rowcount)


def servers_in_zone(session: orm.Session, hosts: Sequence[str]) -> int:
    """How many live servers run on `hosts`."""
    return int(session.scalar(sa.select(sa.func.count()).select_from(Server).where(
        Server.host.in_(list(hosts)), Server.deleted.is_(False))) or 0)


def zones(session: orm.Session) -> dict[str, str]:
    """{host: availability zone} of the hosts whose aggregates name one."""
    found: dict[str, str] = {}
    for host, meta in session.execute(sa.select(AggregateHost.host, Aggregate.meta).where(
            Aggregate.id == AggregateHost.aggregate_id).order_by(Aggregate.id)):
        if (meta or {}).get("availability_zone"):
            found.setdefault(host, meta["availability_zone"])
    return found
