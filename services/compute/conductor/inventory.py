"""What agents say about their nodes, written down and passed on to Placement and the scheduler."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from common import clock, context
from common.clients.base import RemoteError
from common.db import services as service_rows
from common.db.session import Session
from services.compute.conductor.deps import Conductor
from services.compute.db import hosts, models, servers

LOG = logging.getLogger(__name__)
CHUNK = 200


def beat(conductor: Conductor, host: str, told: Mapping[str, Any]) -> bool:
    """An agent lives; its nodes are written down when it names them, and Placement learns what changed.

    Returns whether nothing was known of its host.
    """
    nodes: Sequence[Mapping[str, Any]] = told.get("nodes") or ()
    info = {"connector": told["connector"]} if told.get("connector") else None

    def write(session: Session) -> tuple[bool, list[Any]]:
        new = service_rows.beat(session, models.Service, daemon="compute-agent", binary=hosts.COMPUTE, host=host,
                                version=str(told.get("version", "")), info=info)
        return new, hosts.save_nodes(session, host, nodes) if nodes else []

    new, rows = conductor.database.transaction(write)
    named = {n["node"] for n in nodes}
    changed = [r for r in rows if r.node in named]
    if changed:
        tell_scheduler(conductor, hosts_only={host})  # before anybody can see room there, and ask for it
    for row in changed:
        signature = (row.vcpus, row.memory_mb, row.disk_gb, tuple(sorted(row.traits or ())))
        if conductor.offered.get(row.uuid) != signature:
            offer(conductor, row)
            conductor.offered[row.uuid] = signature
    return new


def offer(conductor: Conductor, row: Any) -> None:
    """Make Placement's provider of a node equal to its row."""
    conf = conductor.conf.compute
    _ensure_provider(conductor, row)
    conductor.placement.set_inventories(row.uuid, {
        name: inventory for name, inventory in {
            "VCPU": _inventory(row.vcpus, conf.cpu_allocation_ratio, conf.reserved_host_cpus),
            "MEMORY_MB": _inventory(row.memory_mb, conf.ram_allocation_ratio, conf.reserved_host_memory_mb),
            "DISK_GB": _inventory(row.disk_gb, conf.disk_allocation_ratio, conf.reserved_host_disk_gb),
        }.items() if inventory["total"] > 0})
    conductor.placement.set_traits(row.uuid, sorted(row.traits or ()))


def _ensure_provider(conductor: Conductor, row: Any) -> None:
    """Have the node's provider; one of its name that no node has any more goes first, unless something is claimed of it."""
    try:
        conductor.placement.ensure_provider(row.uuid, row.node)
    except RemoteError as e:
        if e.status != 409:
            raise
        with conductor.database.read() as session:
            known = {node.uuid for node in hosts.nodes(session)}
        left = [p["uuid"] for p in conductor.placement.providers(name=row.node) if p["uuid"] not in known]
        if not left:
            raise
        for uuid in left:
            LOG.warning("provider %s of node %s, which was deleted and came back, is replaced", uuid, row.node)
            conductor.placement.delete_provider(uuid)
        conductor.placement.ensure_provider(row.uuid, row.node)


def _inventory(total: int, ratio: float, reserved: int) -> dict[str, Any]:
    return {"total": total, "allocation_ratio": ratio, "reserved": min(reserved, total), "min_unit": 1, "max_unit": max(total, 1),
            "step_size": 1}


def tell_scheduler(conductor: Conductor, hosts_only: set[str] | None = None) -> None:
    """Tell the scheduler what it cannot see in Placement, in chunks of nodes."""
    with conductor.database.read() as session:
        services = {s.host: s for s in service_rows.list_all(session, models.Service, binary=hosts.COMPUTE)}
        counts = servers.counts_by_node(session)
        zones = hosts.zones(session)
        groups: dict[str, list[dict[str, Any]]] = {}
        for aggregate, members in hosts.aggregates(session):
            for member in members:
                groups.setdefault(member, []).append({"uuid": aggregate.uuid, "name": aggregate.name,
                                                      "metadata": aggregate.meta or {}})
        rows = hosts.nodes(session)
    facts = [_fact(conductor, row, services.get(row.host), counts.get((row.host, row.node)), zones, groups)
             for row in rows if hosts_only is None or row.host in hosts_only]
    for start in range(0, len(facts), CHUNK):
        conductor.scheduler.update_hosts(context.internal(), facts[start:start + CHUNK])


def _fact(conductor: Conductor, row: Any, service: Any, count: Any, zones: Mapping[str, str],
          groups: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    up = service is not None and service_rows.is_up(service, conductor.conf.worker.down_after_s)
    arch = next((s[0] for s in row.supported or () if s), "x86_64")
    return {"host": row.host, "node": row.node, "provider_id": row.uuid, "enabled": service is not None and not service.disabled,
            "up": up, "availability_zone": zones.get(row.host, conductor.conf.compute.default_availability_zone),
            "aggregates": groups.get(row.host, []), "hypervisor_type": row.hypervisor_type, "cpu_arch": arch,
            "instances": int(count.servers) if count is not None else 0, "io_ops": int(count.busy) if count is not None else 0,
            "hypervisor_version": row.hypervisor_version, "images": []}


def forget_orphan_claims(conductor: Conductor, older_than_s: float = 300.0) -> list[str]:
    """Give back claims of servers that do not exist (any more): the last net under every saga. Returns the consumers."""
    with conductor.database.read() as session:
        rows = hosts.nodes(session)
    dropped: list[str] = []
    for row in rows:
        try:
            consumers = conductor.placement.provider_allocations(row.uuid)
        except RemoteError as e:
            if e.status == 404:
                continue
            raise
        with conductor.database.read() as session:
            known = servers.known_consumers(session, list(consumers), clock.after(-older_than_s))
        for consumer in consumers:
            if consumer not in known:
                LOG.warning("giving back the claim of %s on %s: there is no such server", consumer, row.node)
                conductor.placement.delete_allocations(consumer)
                dropped.append(consumer)
    return dropped
