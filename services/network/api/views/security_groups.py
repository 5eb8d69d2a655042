"""The JSON form of security groups, their rules and address groups."""

from collections.abc import Sequence
from typing import Any

from services.network.api.crud import Viewer, standard
from services.network.db import rows
from services.network.db import security_groups as db
from services.network.db import subnetpools as db_shared
from services.network.db.rows import Session
from services.network.domain import rules


def rule(r: Any) -> dict[str, Any]:
    """One rule."""
    return {
        **standard(r), "security_group_id": r.security_group_id, "direction": r.direction, "ethertype": r.ethertype,
        "protocol": r.protocol, "port_range_min": r.port_range_min, "port_range_max": r.port_range_max,
        "remote_ip_prefix": r.remote_ip_prefix, "remote_group_id": r.remote_group_id,
        "remote_address_group_id": r.remote_address_group_id, "normalized_cidr": rules.normalized(r.remote_ip_prefix),
        "belongs_to_default_sg": r.belongs_to_default_sg,
    }


def rule_list(session: Session, found: Sequence[Any], viewer: Viewer) -> list[dict[str, Any]]:
    """Rules."""
    return [viewer.cut(rule(r)) for r in found]


def groups(session: Session, found: Sequence[Any], viewer: Viewer) -> list[dict[str, Any]]:
    """Groups with their rules."""
    ids = [g.id for g in found]
    words, shared = rows.tags_of(session, ids), db_shared.shared_ids(session, ids, viewer.project_id)
    by_group = db.rules_of(session, ids)
    return [viewer.cut({**standard(g, words), "name": g.name, "stateful": g.stateful, "shared": g.id in shared,
                        "is_default": g.is_default, "security_group_rules": [rule(r) for r in by_group.get(g.id, [])]})
            for g in found]


def template(r: Any) -> dict[str, Any]:
    """One rule that new groups start with."""
    return {name: getattr(r, name) for name in (
        "id", "description", "direction", "ethertype", "protocol", "port_range_min", "port_range_max", "remote_ip_prefix",
        "remote_group_id", "remote_address_group_id", "used_in_default_sg", "used_in_non_default_sg")}


def address_groups(session: Session, found: Sequence[Any], viewer: Viewer) -> list[dict[str, Any]]:
    """Address groups."""
    shared = db_shared.shared_ids(session, [g.id for g in found], viewer.project_id)
    return [viewer.cut({**standard(g), "name": g.name, "addresses": g.addresses, "shared": g.id in shared}) for g in found]
