"""Cards, disks and faults of servers, fetched for many servers in one statement each."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from common import clock, errors
from common.db.prepared import insert, prepared
from services.compute.db.models import BlockDevice, ConsoleToken, ExternalEvent, ServerFault, ServerNic

NICS, DISKS, FAULTS = ServerNic.__table__, BlockDevice.__table__, ServerFault.__table__
_IDS: Any = sa.bindparam("ids", expanding=True)
_CARDS = prepared(sa.select(NICS).where(NICS.c.server_id.in_(_IDS)).order_by(NICS.c.position, NICS.c.id))
_ADDRESSES = prepared(_CARDS.with_only_columns(
    NICS.c.server_id, NICS.c.network_id, NICS.c.network_label, NICS.c.mac, NICS.c.addresses))
_DISKS = prepared(sa.select(DISKS).where(DISKS.c.server_id.in_(_IDS)).order_by(DISKS.c.position, DISKS.c.created_at))
_VOLUMES = prepared(_DISKS.where(DISKS.c.destination == "volume"))
_ATTACHED = prepared(_DISKS.with_only_columns(DISKS.c.server_id, DISKS.c.volume_id, DISKS.c.delete_on_termination).where(
    DISKS.c.volume_id.isnot(None)))


def _by_server(rows: Sequence[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for row in rows:
        found.setdefault(row.server_id, []).append(row)
    return found


def nics(session: orm.Session, server_ids: Sequence[str]) -> dict[str, list[Any]]:
    """{server id: its cards in their order}."""
    return _by_server(session.execute(_CARDS, {"ids": list(server_ids)}).all())


def addresses(session: orm.Session, server_ids: Sequence[str]) -> dict[str, list[Any]]:
    """{server id: its cards in their order}, with the columns alone that say where a server is reached."""
    return _by_server(session.execute(_ADDRESSES, {"ids": list(server_ids)}).all())


def nic(session: orm.Session, port_id: str) -> Any | None:
    """The card of a port, or None."""
    return session.execute(sa.select(NICS).where(NICS.c.port_id == port_id)).first()


def save_nic(session: orm.Session, port_id: str, values: Mapping[str, Any]) -> None:
    """Change the card of a port, or make it (then `values` name `server_id` and `network_id`)."""
    if session.execute(sa.update(ServerNic).where(ServerNic.port_id == port_id).values(**values)).rowcount == 0:
        if nic(session, port_id) is None:
            session.execute(sa.insert(ServerNic), [{"port_id": port_id, **values}])


def insert_nics(session: orm.Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add the cards of ports that were made just now."""
    now = clock.now()
    if rows:
        insert(session, NICS, [{"created_at": now, **row} for row in rows])


def delete_nic(session: orm.Session, port_id: str) -> None:
    """Forget a card."""
    session.execute(sa.delete(ServerNic).where(ServerNic.port_id == port_id))


def delete_nics(session: orm.Session, server_ids: Sequence[str]) -> None:
    """Forget all cards of these servers."""
    session.execute(sa.delete(NICS).where(NICS.c.server_id.in_(list(server_ids))))


def disks(session: orm.Session, server_ids: Sequence[str], *, volumes_only: bool = False) -> dict[str, list[Any]]:
    """{server id: its block devices in their order}."""
    return _by_server(session.execute(_VOLUMES if volumes_only else _DISKS, {"ids": list(server_ids)}).all())


def volumes(session: orm.Session, server_ids: Sequence[str]) -> dict[str, list[Any]]:
    """{server id: (server_id, volume_id, delete_on_termination) of what is attached}: the columns that lists print."""
    return _by_server(session.execute(_ATTACHED, {"ids": list(server_ids)}).all())


def disk_of_volume(session: orm.Session, server_id: str, volume_id: str) -> Any | None:
    """The block device by which a volume is attached to a server, or None."""
    return session.execute(sa.select(DISKS).where(DISKS.c.server_id == server_id, DISKS.c.volume_id == volume_id)).first()


def disks_of_volume(session: orm.Session, volume_id: str) -> Sequence[Any]:
    """The block devices of all servers that have a volume."""
    return session.execute(sa.select(DISKS).where(DISKS.c.volume_id == volume_id)).all()


def add_disks(session: orm.Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add block devices; every row has the same keys."""
    now = clock.now()
    if rows:
        insert(session, DISKS, [{"created_at": now, **row} for row in rows])


def change_disk(session: orm.Session, disk_id: str, **values: Any) -> None:
    """Set columns of one block device; errors.Stale when it is gone."""
    if session.execute(sa.update(BlockDevice).where(BlockDevice.id == disk_id).values(**values)).rowcount == 0:
        raise errors.Stale(f"block device {disk_id} is gone")


def delete_disk(session: orm.Session, disk_id: str) -> None:
    """Forget one block device."""
    session.execute(sa.delete(BlockDevice).where(BlockDevice.id == disk_id))


def faults(session: orm.Session, server_ids: Sequence[str]) -> dict[str, Any]:
    """{server id: its newest fault}."""
    newest = sa.select(sa.func.max(FAULTS.c.id)).where(FAULTS.c.server_id.in_(list(server_ids))).group_by(FAULTS.c.server_id)
    return {r.server_id: r for r in session.execute(sa.select(FAULTS).where(FAULTS.c.id.in_(newest)))}


def add_fault(session: orm.Session, server_id: str, code: int, message: str, details: str | None = None,
              host: str | None = None) -> None:
    """Note why a server failed; `message` is for the tenant and cut at 255 characters."""
    session.execute(sa.insert(ServerFault), [{"server_id": server_id, "code": code, "message": message[:255],
                                              "details": details, "host": host, "created_at": clock.now()}])


def add_events(session: orm.Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep what other services told: {"server_id", "name", "tag", "status"} each."""
    if rows:
        session.execute(sa.insert(ExternalEvent), list(rows))


def events(session: orm.Session, server_id: str, name: str) -> dict[str, str]:
    """{tag: newest status} of the events `name` of a server."""
    query = sa.select(ExternalEvent.tag, ExternalEvent.status).where(
        ExternalEvent.server_id == server_id, ExternalEvent.name == name).order_by(ExternalEvent.id)
    return {tag: status for tag, status in session.execute(query)}


def forget_events(session: orm.Session, server_id: str, name: str, tags: Sequence[str]) -> None:
    """Drop events before waiting for new ones of the same name."""
    session.execute(sa.delete(ExternalEvent).where(ExternalEvent.server_id == server_id, ExternalEvent.name == name,
                                                   ExternalEvent.tag.in_(list(tags))))


def add_console_token(session: orm.Session, values: Mapping[str, Any]) -> None:
    """Keep a console token's hash; tokens that are over go at the same time."""
    session.execute(sa.delete(ConsoleToken).where(ConsoleToken.expires_at < clock.now()))
    session.add(ConsoleToken(**values))


def console_token(session: orm.Session, token_hash: str) -> Any | None:
    """A token that is still good, or None."""
    return session.scalars(sa.select(ConsoleToken).where(ConsoleToken.token_hash == token_hash,
                                                         ConsoleToken.expires_at >= clock.now())).first()
