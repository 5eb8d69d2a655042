"""Choosing a host: what a server needs, in the scheduler's words, and giving it back."""

import itertools
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from common.saga import Failure, Run
from services.compute.db import migrations, server_groups, server_parts
from services.compute.db import servers as server_rows
from services.compute.domain import states

_TRAIT, _RESOURCE = "trait:", "resources:"
TURN_S = 0.5
"""How soon a group's member looks again whether those before it are placed."""


def resources(server: Any, flavor: Mapping[str, Any], local_root: bool) -> dict[str, int]:
    """{resource class: amount} of a flavor: VCPU, MEMORY_MB and DISK_GB, changed by `resources:` extra specs.

    A server that boots from a volume has no root disk on its host.
    """
    disk = (int(flavor["root_gb"]) if local_root else 0) + int(flavor.get("ephemeral_gb") or 0)
    disk += -(-int(flavor.get("swap") or 0) // 1024)
    found = {"VCPU": int(flavor["vcpus"]), "MEMORY_MB": int(flavor["memory_mb"]), "DISK_GB": disk}
    for key, value in (flavor.get("extra_specs") or {}).items():
        if key.startswith(_RESOURCE):
            found[key.removeprefix(_RESOURCE)] = int(value)
    return {name: amount for name, amount in found.items() if amount > 0}


def traits(flavor: Mapping[str, Any], image: Mapping[str, Any] | None) -> tuple[list[str], list[str]]:
    """(required, forbidden) traits of a flavor's extra specs and an image's properties."""
    pairs = list((flavor.get("extra_specs") or {}).items()) + list(((image or {}).get("properties") or {}).items())
    wanted = {k.removeprefix(_TRAIT): v for k, v in pairs if k.startswith(_TRAIT)}
    return (sorted(t for t, v in wanted.items() if v == "required"), sorted(t for t, v in wanted.items() if v == "forbidden"))


def request(session: Any, server: Any, flavor: Mapping[str, Any], asked: Any, *, ignore_hosts: list[str],
            host: str | None = None, node: str | None = None, devices: Sequence[Any] | None = None) -> dict[str, Any]:
    """What `Scheduler.select_hosts` takes for one server. `asked` is its ServerRequest; `devices` its block devices, if known."""
    data = asked.data if asked is not None else {}
    image = asked.image if asked is not None else None
    disks = server_parts.disks(session, [server.id]).get(server.id, []) if devices is None else devices
    local_root = not any(d.boot_index == 0 and d.destination == "volume" for d in disks)
    required, forbidden = traits(flavor, image)
    zone = server.pinned_zone  # what was asked for at boot, unless it was changed since
    return {
        "consumer_id": server.id, "project_id": server.project_id, "user_id": server.user_id, "consumer_type": "INSTANCE",
        "consumer_generation": None, "resources": resources(server, flavor, local_root), "groups": {},
        "required": required, "forbidden": forbidden,
        "member_of": [],
        "hints": server.hints or {}, "group": _group(session, server), "availability_zone": zone,
        "host": host or data.get("host"), "node": node or data.get("node"), "ignore_hosts": ignore_hosts,
        "image": image or {}, "flavor": {"extra_specs": flavor.get("extra_specs") or {}}, "allow_existing": False,
        **_hint_hosts(session, server.hints or {}),
    }


def _hint_hosts(session: Any, hints: Mapping[str, Any]) -> dict[str, Any]:
    """Where the servers are that the hints same_host and different_host name."""
    named = {h: [v] if isinstance(v, str) else list(v) for h in ("same_host", "different_host") if (v := hints.get(h))}
    if not named:
        return {}
    hosts = {row.id: row.host for row in server_rows.get_many(session, [s for ids in named.values() for s in ids]) if row.host}
    return {"hint_hosts": {h: sorted({hosts[s] for s in ids if s in hosts}) for h, ids in named.items()}}


def _group(session: Any, server: Any) -> dict[str, Any] | None:
    if not server.group_id:
        return None
    group = server_groups.get(session, server.group_id)
    others = _others(session, server)
    return {"policy": group.policy, "rules": group.rules or {}, "members": len(others), "hosts": _places(session, others)}


def _others(session: Any, server: Any) -> list[Any]:
    members = server_groups.members(session, [server.group_id]).get(server.group_id, [])
    return [m for m in members if m.id != server.id]


def _places(session: Any, members: Sequence[Any]) -> list[str]:
    """The hosts of members; of one that moves both."""
    going = migrations.destinations(session, [m.id for m in members]) if members else {}
    return [host for m in members for host in sorted({m.host, going.get(m.id)} - {None})]


def _undecided(member: Any) -> bool:
    """Whether a host is being chosen for a server that is on none."""
    return member.host is None and (member.vm_state == states.BUILDING or member.task_state == states.UNSHELVING)


def has_its_turn(session: Any, server: Any, together: Collection[str]) -> bool:
    """Whether a group's member that is on no host may be placed: older ones, but those it is placed `together` with, have their
    hosts. Who asks before has a host that the policy may not allow beside theirs."""
    members = server_groups.members(session, [server.group_id]).get(server.group_id, [])
    older = itertools.takewhile(lambda member: member.id != server.id, members)
    return not any(_undecided(m) and m.id not in together for m in older)


def others_undecided(session: Any, server: Any) -> bool:
    """Whether hosts are being chosen for other members of its group, beside which it may not be allowed to stay."""
    return any(_undecided(m) for m in _others(session, server))


def suits_group(session: Any, server: Any, host: str) -> bool:
    """Whether a group's member may move to the host that was chosen for it, when others were placed in the meantime, or are
    being placed. The group is held until the transaction ends: who chose at the same time sees what this one chose."""
    group = server_groups.lock(session, server.group_id)
    if group is None:
        return True
    if others_undecided(session, server):
        return False
    places = _places(session, _others(session, server))
    if group.policy == "affinity":
        return not places or host in places
    return group.policy != "anti-affinity" or places.count(host) < int((group.rules or {}).get("max_server_per_host", 1))


def choose(run: Run, wanted: dict[str, Any]) -> dict[str, Any]:
    """The scheduler's answer for one server; Failure in upstream's words when no host will do."""
    answer: dict[str, Any] = run.deps.choose_host(run.context, wanted)
    if "error" in answer:
        raise refused(answer)
    return answer


def refused(answer: Mapping[str, Any]) -> Failure:
    """The scheduler's refusal as a saga's failure."""
    return Failure(answer["error"], public=answer.get("public_error") or "No valid host was found.")


def release(run: Run) -> None:
    """Give back everything the server holds in Placement."""
    run.deps.placement.delete_allocations(run.resource_id)


def hold(run: Run, migration_uuid: str) -> None:
    """Let a move hold what the server has in Placement, so that the server can claim anew. Repeating changes nothing."""
    if not run.deps.placement.allocations(migration_uuid):
        run.deps.placement.move_allocations(run.resource_id, migration_uuid, consumer_type="MIGRATION")


def settle(run: Run, migration_uuid: str) -> None:
    """The move is final: give the old claim back."""
    run.deps.placement.delete_allocations(migration_uuid)


def restore(run: Run, migration_uuid: str) -> None:
    """The move is undone: the server has its old claim again, and nothing else."""
    if run.deps.placement.allocations(migration_uuid):
        run.deps.placement.delete_allocations(run.resource_id)
        run.deps.placement.move_allocations(migration_uuid, run.resource_id, consumer_type="INSTANCE")
