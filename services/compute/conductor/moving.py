"""What every move of a server to another host has in common: its record, its claims, and the server's place."""

from collections.abc import Mapping
from typing import Any

from common.clients.base import RemoteError
from common.db.session import Session
from common.saga import Failure, Run, Wait
from services.compute.conductor import ending, placing
from services.compute.db import hosts, migrations, server_parts, servers

_CHOICES_MAX = 10
"""How often a host is chosen for a group's member before it is said that its group allows none."""


def begin(run: Run, server: Any, kind: str, flavor: Mapping[str, Any], status: str) -> None:
    """Find the move's record that the API made, or make one; its number, UUID and source go into `data`."""
    found = run.deps.database.transaction(_begin, run.data.get("migration_id"), server, kind, flavor, status)
    run.data.update(migration_id=found[0], migration_uuid=found[1], source=found[2], source_node=found[3])


def _begin(session: Session, known: int | None, server: Any, kind: str, flavor: Mapping[str, Any], status: str) -> Any:
    row = migrations.one(session, known) if known is not None else migrations.newest(session, server.id, migrations.BEGUN)
    if row is None:
        row = migrations.insert(session, {
            "server_id": server.id, "type": kind, "status": status, "source_compute": server.host, "source_node": server.node,
            "old_flavor": server.flavor, "new_flavor": flavor, "user_id": server.user_id, "project_id": server.project_id})
    return row.id, row.uuid, row.source_compute, row.source_node


def note(run: Run, **values: Any) -> None:
    """Set columns of the move's record, at once."""
    run.deps.database.transaction(migrations.change, run.data["migration_id"], **values)


def choose_host(run: Run, server: Any, flavor: Mapping[str, Any], *, same: bool = False, **noted: Any) -> Wait | None:
    """Let the move hold what the server has, and claim room elsewhere: on `data["host"]` where an operator named one.

    With `data["force"]` nobody asks whether that host suits. `same`: the present host will do, too. `noted`: columns of the
    move's record, which shows the destination from now on.
    """
    placing.hold(run, run.data["migration_uuid"])
    host = run.data.get("host")
    forced = bool(host and run.data.get("force"))
    heeds_group = bool(server.group_id) and not forced
    with run.deps.database.read() as session:
        if heeds_group and placing.others_undecided(session, server):
            return Wait(placing.TURN_S)
        asked = servers.request(session, run.resource_id)
        left = [m.source_compute for m in migrations.evacuated(session, [server.id]).get(server.id, ())]
        unfit = sorted({*left, *(() if same else (run.data["source"],))})
        wanted = placing.request(session, server, flavor, asked, ignore_hosts=unfit) | {"host": host, "node": None}
        named = hosts.nodes(session, host=host) if host else []
    answer = _claim(run, server, wanted["resources"], named) if forced else placing.choose(run, wanted)
    noted |= {"dest_compute": answer["host"], "dest_node": answer["node"]}
    if not run.deps.database.transaction(_go, run.data["migration_id"], server, noted, heeds_group):
        return _choose_again(run)
    run.data.update(destination=answer["host"], node=answer["node"])
    return None


def _go(session: Session, migration_id: int, server: Any, noted: Mapping[str, Any], heed_group: bool) -> bool:
    """Note the destination, unless the server's group does not allow it any more."""
    if heed_group and not placing.suits_group(session, server, noted["dest_compute"]):
        return False
    migrations.change(session, migration_id, **noted)
    return True


def _choose_again(run: Run) -> Wait:
    """Give back what was chosen while another member of the group was placed; Failure when that happens again and again."""
    placing.restore(run, run.data["migration_uuid"])
    run.data["choices"] = run.data.get("choices", 0) + 1
    if run.data["choices"] >= _CHOICES_MAX:
        raise Failure("the policy of the server's group allows no host that the scheduler chose",
                      public="No valid host was found.")
    return Wait(placing.TURN_S)


def _claim(run: Run, server: Any, resources: Mapping[str, int], nodes: Any) -> dict[str, str]:
    """Claim on the host that was named, whatever filters would say."""
    if not nodes:
        raise Failure(f"the host {run.data['host']} has no node", public="No valid host was found.")
    try:
        run.deps.placement.put_allocations(server.id, {nodes[0].uuid: resources}, project_id=server.project_id,
                                           user_id=server.user_id)
    except RemoteError as e:
        raise Failure(str(e), public=f"No valid host was found. {nodes[0].host} has no room.") from e
    return {"host": nodes[0].host, "node": nodes[0].node}


def place(run: Run, host: str, node: str, **values: Any) -> None:
    """The server's row shows `host` from now on, with its zone."""
    run.deps.database.transaction(_place, run.resource_id, host, node, run.deps.conf.compute.default_availability_zone, values)


def _place(session: Session, server_id: str, host: str, node: str, default_zone: str, values: Mapping[str, Any]) -> None:
    zone = hosts.zones(session).get(host, default_zone)
    servers.change(session, server_id, {"host": host, "node": node, "availability_zone": zone, **values})


def arriving(run: Run, **args: Any) -> dict[str, Any]:
    """The arguments of a job on the destination before the server is there."""
    return {"spec_here": True, "node": run.data["node"], **args}


def has_volumes(run: Run) -> bool:
    """Whether volumes are attached to the server."""
    with run.deps.database.read() as session:
        found = server_parts.disks(session, [run.resource_id], volumes_only=True).get(run.resource_id, [])
    return any(d.attachment_id for d in found)


def elsewhere(run: Run) -> bool:
    """Whether the move is to another host."""
    return bool(run.data["destination"] != run.data["source"])


def off(run: Run) -> bool:
    """Whether the server is wanted off."""
    return bool(ending.server(run).wanted_power == "stopped")
