"""Aggregates of hosts and the availability zones that they make."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from common import errors
from common.db.session import Session
from services.compute.db import hosts
from services.compute.domain import server_create
from services.compute.domain.deps import Deps, compute_host, is_up, remote

ZONE = "availability_zone"


def create(deps: Deps, name: str, zone: str | None) -> Any:
    """A new aggregate; errors.Conflict."""
    return deps.db.transaction(hosts.add_aggregate, name, {ZONE: zone} if zone else {})


def update(deps: Deps, aggregate_id: str, name: str | None, zone: Any) -> tuple[Any, list[str]]:
    """Rename an aggregate or move it to another zone (Ellipsis: keep). errors: NotFound, Conflict, BadRequest."""

    def work(session: Session) -> tuple[Any, list[str]]:
        row, members = hosts.aggregate(session, aggregate_id, lock=True)
        if name is not None:
            row.name = name
        if zone is not ...:
            _check_zone(session, row, members, zone, "update")
            row.meta = {k: v for k, v in {**row.meta, ZONE: zone}.items() if v is not None}
        hosts.flush_aggregate(session, row.name)
        return row, members

    return deps.db.transaction(work)


def _check_zone(session: Session, row: Any, members: Sequence[str], zone: str | None, verb: str) -> None:
    """A host is in one zone at most, and a zone with servers in it does not change."""
    if zone == row.meta.get(ZONE) or not members:
        return
    if zone is not None:
        clash = [
            h
            for a, hs in hosts.aggregates(session)
            if a.id != row.id and a.meta.get(ZONE) not in (None, zone)
            for h in hs
            if h in members
        ]
        if clash:
            raise errors.Conflict(
                f"Cannot {verb} aggregate {row.id}. Reason: One or more hosts already in availability zone(s) "
                f"{sorted({a.meta[ZONE] for a, hs in hosts.aggregates(session) if a.meta.get(ZONE) and set(hs) & set(clash)})}."
            )
    if hosts.servers_in_zone(session, list(members)):
        raise errors.Conflict(f"Cannot {verb} aggregate {row.id}. Reason: One or more hosts contain instances in this zone.")


def set_metadata(deps: Deps, aggregate_id: str, values: Mapping[str, str | None]) -> tuple[Any, list[str]]:
    """Set (None: remove) metadata. errors: NotFound, Conflict."""

    def work(session: Session) -> tuple[Any, list[str]]:
        row, members = hosts.aggregate(session, aggregate_id, lock=True)
        if ZONE in values:
            _check_zone(session, row, members, values[ZONE], "update")
        row.meta = {k: v for k, v in {**row.meta, **values}.items() if v is not None}
        session.flush()
        return row, members

    return deps.db.transaction(work)


def add_host(deps: Deps, aggregate_id: str, host: str) -> tuple[Any, list[str]]:
    """Put a host in. errors: NotFound (aggregate, host), Conflict (is in, other zone)."""
    with deps.db.read() as session:
        hosts.aggregate(session, aggregate_id)
    compute_host(deps, host)

    def work(session: Session) -> tuple[Any, list[str]]:
        row, members = hosts.aggregate(session, aggregate_id, lock=True)
        if host in members:
            raise errors.Conflict(f"Aggregate {aggregate_id} already has host {host}.")
        zone = row.meta.get(ZONE)
        present = hosts.zones(session).get(host)
        if zone and present and present != zone:
            raise errors.Conflict(
                f"Cannot add host to aggregate {aggregate_id}. Reason: One or more hosts already in availability "
                f"zone(s) ['{present}']."
            )
        if zone and zone != present and hosts.servers_in_zone(session, [host]):
            raise errors.Conflict(
                f"Cannot add host to aggregate {aggregate_id}. Reason: Host contains instances in another zone."
            )
        hosts.add_host(session, row, host)
        return row, sorted([*members, host])

    return deps.db.transaction(work)


def remove_host(deps: Deps, aggregate_id: str, host: str) -> tuple[Any, list[str]]:
    """Take a host out. errors: NotFound, Conflict (servers in the zone)."""

    def work(session: Session) -> tuple[Any, list[str]]:
        row, members = hosts.aggregate(session, aggregate_id, lock=True)
        if host not in members:
            raise errors.NotFound(f"Aggregate {aggregate_id} has no host {host}.")
        if row.meta.get(ZONE) and hosts.servers_in_zone(session, [host]):
            raise errors.Conflict(
                f"Cannot remove host from aggregate {aggregate_id}. Reason: Host contains instances in the zone."
            )
        hosts.remove_host(session, row, host)
        return row, [h for h in members if h != host]

    return deps.db.transaction(work)


def cache_images(deps: Deps, context: Any, aggregate_id: str, image_ids: Sequence[str]) -> None:
    """Have those hosts of an aggregate that are up fetch images for later boots; nobody waits for it.

    errors: NotFound (aggregate), BadRequest (images).
    """
    if len(set(image_ids)) != len(image_ids):
        raise errors.BadRequest("Duplicate images in request")
    with deps.db.read() as session:
        _, members = hosts.aggregate(session, aggregate_id)
        agents = [a for a in hosts.services(session, binary=hosts.COMPUTE) if a.host in members and is_up(deps, a)]
    client = deps.image.as_user(context)
    images = []
    for image_id in image_ids:
        unknown = errors.BadRequest(f"Image {image_id} could not be found.")
        found = remote(functools.partial(client.show, image_id), on_404=unknown, on_403=unknown)
        images.append(server_create.image_copy(found))
    for agent in agents:
        deps.agents.to(agent.host).cache_images(context, images=images, url=client.base_url())


def delete(deps: Deps, aggregate_id: str) -> None:
    """Remove an aggregate. errors: NotFound, BadRequest (it has hosts)."""

    def work(session: Session) -> None:
        row, members = hosts.aggregate(session, aggregate_id, lock=True)
        if members:
            raise errors.BadRequest(f"Unacceptable parameters. Aggregate {aggregate_id} is not empty.")
        hosts.delete_aggregate(session, row)

    deps.db.transaction(work)
