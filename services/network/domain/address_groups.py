"""Address groups: named lists of addresses that security group rules can refer to."""

from collections.abc import Sequence
from typing import Any

from services.network.db import models, rows
from services.network.domain import faults, ipam
from services.network.domain.work import Work


def create(work: Work, values: dict[str, Any]) -> Any:
    """A new address group."""
    return rows.add(work.session, models.AddressGroup(
        project_id=values["project_id"], name=values["name"], description=values.get("description", ""),
        addresses=_normal(values.get("addresses") or [])))


def update(work: Work, row: Any, values: dict[str, Any]) -> Any:
    """Rename an address group."""
    for name in ("name", "description"):
        if name in values:
            setattr(row, name, values[name])
    rows.touch(row)
    return row


def delete(work: Work, row: Any) -> None:
    """Remove an address group. 409 AddressGroupInUse while a rule refers to it."""
    if rows.exists(work.session, models.SecurityGroupRule.remote_address_group_id == row.id):
        raise faults.conflict("AddressGroupInUse", f"Address group {row.id} is in use on one or more security group rules")
    rows.remove_where(work.session, models.RbacPolicy, models.RbacPolicy.object_id == row.id)
    rows.remove(work.session, row)


def add(work: Work, row: Any, addresses: Sequence[str]) -> Any:
    """Add addresses; those that are there already are left alone."""
    row.addresses = _normal([*row.addresses, *addresses])
    rows.touch(row)
    work.changes.sets.add(row.id)
    return row


def remove(work: Work, row: Any, addresses: Sequence[str]) -> Any:
    """Take addresses away. 404 AddressesNotFound when one is not there."""
    gone = _normal(addresses)
    missing = [a for a in gone if a not in row.addresses]
    if missing:
        raise faults.not_found_text("AddressesNotFound", f"Addresses {missing} not found in the address group {row.id}.")
    row.addresses = [a for a in row.addresses if a not in gone]
    rows.touch(row)
    work.changes.sets.add(row.id)
    return row


def _normal(addresses: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(ipam.canonical_cidr(a) for a in addresses))
