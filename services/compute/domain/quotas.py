"""Limits of projects and users, and refusing what would exceed them."""

from collections.abc import Mapping
from typing import Any

from oslo_config import cfg

from common import errors
from common.db.session import Session
from services.compute.db import quotas as rows

RESOURCES = ("instances", "cores", "ram", "metadata_items", "injected_files", "injected_file_content_bytes",
             "injected_file_path_bytes", "key_pairs", "server_groups", "server_group_members")
NETWORK = ("fixed_ips", "floating_ips", "networks", "security_groups", "security_group_rules")
"""Kept and shown for clients before 2.36, unlimited at first; what holds is the network service's own."""
STORED = RESOURCES + NETWORK
USED = ("instances", "cores", "ram", "server_groups", "key_pairs")


def defaults(conf: cfg.ConfigOpts, stored: Mapping[str, int] | None = None) -> dict[str, int]:
    """Every limit: the configuration's, overlaid with `stored` ones."""
    found = {name: int(conf.quota[name]) for name in RESOURCES} | dict.fromkeys(NETWORK, -1)
    found.update({k: v for k, v in (stored or {}).items() if k in found})
    return found


def limits(session: Session, conf: cfg.ConfigOpts, project_id: str, user_id: str = "") -> dict[str, int]:
    """Every limit that holds for a project (and a user in it)."""
    return defaults(conf, rows.limits(session, project_id, user_id))


def claim_servers(session: Session, context: Any, limit: Mapping[str, int], wanted: Mapping[str, int],
                  count: tuple[int, int]) -> int:
    """How many servers of cores and ram `wanted` (each) the `limit`s of a project allow: between `count`'s least and most.

    Locks the project until the transaction ends, so that nobody counts the same room twice. Where nothing is limited nothing
    is counted: what remains to be counted is never more than a limit. errors.Forbidden when there is not even room for the
    least.
    """
    least, most = count
    each = {"instances": 1, **wanted}
    if all(limit[name] < 0 for name in each):
        return most
    rows.lock_project(session, context.project_id)
    used = rows.usage(session, context.project_id)
    room = most
    for name, amount in each.items():
        if limit[name] >= 0 and amount > 0:
            room = min(room, max(0, limit[name] - used[name]) // amount)
    if room >= least:
        return room
    over = [n for n, amount in each.items() if 0 <= limit[n] < used[n] + amount * least]
    raise exceeded(over, {n: each[n] * least for n in over}, used, limit)


def check_growth(session: Session, conf: cfg.ConfigOpts, project_id: str, user_id: str, deltas: Mapping[str, int]) -> None:
    """errors.Forbidden when a project may not use `deltas` more (a resize); only growth is checked."""
    growth = {k: v for k, v in deltas.items() if v > 0}
    if not growth:
        return
    rows.lock_project(session, project_id)
    limit, used = limits(session, conf, project_id, user_id), rows.usage(session, project_id)
    over = [n for n, amount in growth.items() if 0 <= limit[n] < used[n] + amount]
    if over:
        raise exceeded(over, growth, used, limit)


def exceeded(over: list[str], asked: Mapping[str, int], used: Mapping[str, int], limit: Mapping[str, int]) -> errors.Forbidden:
    """The 403 of quotas in upstream's words."""
    names = sorted(over)
    return errors.Forbidden(
        f"Quota exceeded for {', '.join(names)}: Requested {', '.join(str(asked[n]) for n in names)}, "
        f"but already used {', '.join(str(used[n]) for n in names)} of {', '.join(str(limit[n]) for n in names)} "
        f"{', '.join(names)}")


def check_metadata(limit: int, items: Mapping[str, Any]) -> None:
    """errors.Forbidden when there are more metadata items than allowed."""
    if 0 <= limit < len(items):
        raise errors.Forbidden(f"Maximum number of metadata items exceeds {limit}")


def set_limits(session: Session, conf: cfg.ConfigOpts, project_id: str, user_id: str, values: Mapping[str, int], *,
               force: bool) -> None:
    """Store limits; errors.BadRequest when one is below what is used (unless `force`) or above the project's own."""
    used = {**rows.usage(session, project_id, user_id or None), **rows.other_usage(session, project_id, user_id)}
    project = limits(session, conf, project_id)
    for name, limit in values.items():
        if limit < -1:
            raise errors.BadRequest(f"Quota limit {limit} for {name} must be -1 or greater.")
        in_use = used.get(name, 0) if name in USED and not (name == "key_pairs" and not user_id) else 0
        if not force and 0 <= limit < in_use:
            raise errors.BadRequest(f"Quota limit {limit} for {name} must be greater than or equal to already used and "
                                    f"reserved {in_use}.")
        if user_id and project[name] >= 0 and (limit < 0 or limit > project[name]):
            raise errors.BadRequest(f"Quota limit {limit} for {name} must be less than or equal to {project[name]}.")
    rows.set_limits(session, project_id, user_id, values)
