"""Subnet pools and address scopes: prefixes that subnets are cut from, and scopes in which they must not overlap."""

from collections.abc import Sequence
from typing import Any

from services.network.db import models, rows
from services.network.db import subnetpools as db
from services.network.domain import faults, ipam, quotas
from services.network.domain.work import Work


def create(work: Work, values: dict[str, Any]) -> Any:
    """A new pool. 400 for prefixes or lengths that make no sense; 409 when a scope has these addresses already."""
    prefixes, version = _prefixes(values["prefixes"])
    bits = 32 if version == 4 else 128
    low = values.get("min_prefixlen") or (8 if version == 4 else 64)
    high = values.get("max_prefixlen") or bits
    default = values.get("default_prefixlen") or low
    _check_lengths(low, default, high, bits)
    if values.get("is_default"):
        _only_default(work, version, None)
    row = models.SubnetPool(
        project_id=values["project_id"], name=values["name"], description=values.get("description", ""), ip_version=version,
        prefixes=prefixes, default_prefixlen=default, min_prefixlen=low, max_prefixlen=high,
        default_quota=values.get("default_quota"), is_default=bool(values.get("is_default")))
    _scope(work, row, values.get("address_scope_id"))
    rows.add(work.session, row)
    if values.get("shared"):
        rows.add(work.session, models.RbacPolicy(project_id=row.project_id, object_type="subnetpool", object_id=row.id,
                                                 action="access_as_shared", target_project="*"))
    quotas.claim(work, row.project_id, "subnetpool")
    return row


def update(work: Work, row: Any, values: dict[str, Any]) -> Any:
    """Change a pool. Prefixes may be added, never taken away."""
    if values.get("prefixes") is not None:
        prefixes, version = _prefixes(values["prefixes"])
        if version != row.ip_version or any(not ipam.covered(prefixes, p) for p in row.prefixes):
            raise faults.bad("Illegal subnetpool prefix update: Existing prefixes must be a subset of the new prefixes.")
        row.prefixes = prefixes
    for name in ("name", "description", "default_quota", "min_prefixlen", "max_prefixlen", "default_prefixlen"):
        if name in values:
            setattr(row, name, values[name])
    _check_lengths(row.min_prefixlen, row.default_prefixlen, row.max_prefixlen, 32 if row.ip_version == 4 else 128)
    if values.get("is_default") and not row.is_default:
        _only_default(work, row.ip_version, row.id)
    row.is_default = values.get("is_default", row.is_default)
    if "address_scope_id" in values:
        _scope(work, row, values["address_scope_id"])
    rows.touch(row)
    return row


def delete(work: Work, row: Any) -> None:
    """Remove a pool. 409 SubnetPoolDeleteError while subnets of it exist."""
    if rows.exists(work.session, models.Subnet.subnetpool_id == row.id):
        raise faults.conflict("SubnetPoolDeleteError", "Unable to delete subnet pool: Subnet pool has existing allocations.")
    rows.remove_where(work.session, models.RbacPolicy, models.RbacPolicy.object_id == row.id)
    rows.remove(work.session, row)
    quotas.release(work, row.project_id, "subnetpool")


def add_prefixes(work: Work, row: Any, prefixes: Sequence[str]) -> Any:
    """Add prefixes to the pool."""
    return update(work, row, {"prefixes": [*row.prefixes, *prefixes]})


def remove_prefixes(work: Work, row: Any, prefixes: Sequence[str]) -> Any:
    """Take prefixes away. 409 while subnets use them."""
    used = [s.cidr for s in db.subnets(work.session, row.id)]
    if ipam.touches(prefixes, used):
        raise faults.conflict("IllegalSubnetPoolPrefixUpdate", "Illegal subnetpool prefix update: prefixes are in use.")
    from netaddr import IPSet

    left = IPSet(row.prefixes) - IPSet(list(prefixes))
    row.prefixes = [str(c) for c in left.iter_cidrs()]
    rows.touch(row)
    return row


def default(work: Work, version: int) -> Any:
    """The default pool of an IP version; 400 when there is none."""
    found = rows.find(work.session, models.SubnetPool, models.SubnetPool.is_default.is_(True),
                      models.SubnetPool.ip_version == version)
    if not found:
        raise faults.bad(f"No default subnetpool found for IPv{version}")
    return found[0]


def cut(work: Work, pool_id: str, network: Any, values: dict[str, Any], cidr: str | None) -> str:
    """The CIDR of a new subnet from a pool: the one asked for, or the first free one of the right length."""
    found = rows.find(work.session, models.SubnetPool, models.SubnetPool.id == pool_id,
                      *db.visible_pools(work.context, work.is_admin))
    pool = rows.get(work.session, models.SubnetPool, pool_id, lock=True) if found else None
    if pool is None:
        raise faults.not_found("SubnetPoolNotFound", "Subnet pool", pool_id)
    if pool.ip_version != values["ip_version"]:
        raise faults.bad(f"Cannot allocate IPv{values['ip_version']} subnet from IPv{pool.ip_version} subnet pool")
    length = ipam.network(cidr).prefixlen if cidr else (values.get("prefixlen") or pool.default_prefixlen)
    if length < pool.min_prefixlen:
        raise faults.invalid("Unable to allocate subnet with prefix length "
                             f"{length}, minimum allowed prefix is {pool.min_prefixlen}.", "MinPrefixSubnetAllocationError")
    if length > pool.max_prefixlen:
        raise faults.invalid("Unable to allocate subnet with prefix length "
                             f"{length}, maximum allowed prefix is {pool.max_prefixlen}.", "MaxPrefixSubnetAllocationError")
    used = db.subnets(work.session, pool.id)
    _check_quota(pool, used, values["project_id"], length)
    chosen: str | None = ipam.canonical_cidr(cidr) if cidr else ipam.free_prefix(pool.prefixes, [s.cidr for s in used], length)
    if chosen is None or not ipam.covered(pool.prefixes, chosen) or ipam.touches([chosen], [s.cidr for s in used]):
        raise faults.conflict("SubnetAllocationError", "Failed to allocate subnet: " + (
            f"Cannot allocate requested subnet {cidr} from the available set of prefixes." if cidr else
            f"Insufficient prefix space to allocate subnet size /{length}."))
    return chosen


def _check_quota(pool: Any, used: Sequence[Any], project_id: str, length: int) -> None:
    if pool.default_quota is None:
        return
    unit = 32 if pool.ip_version == 4 else 64
    have = sum(2 ** max(0, unit - ipam.network(s.cidr).prefixlen) for s in used if s.project_id == project_id)
    if have + 2 ** max(0, unit - length) > pool.default_quota:
        raise faults.conflict("SubnetPoolQuotaExceeded", "Per-tenant subnet pool prefix quota exceeded.")


def _prefixes(texts: Sequence[str]) -> tuple[list[str], int]:
    if not texts:
        raise faults.bad("Illegal subnetpool prefix: at least one is needed")
    versions = {ipam.network(t).version for t in texts}
    if len(versions) != 1:
        raise faults.bad("Illegal subnetpool prefix: all prefixes must be of the same IP version")
    return ipam.compact(texts), versions.pop()


def _check_lengths(low: int, default: int, high: int, bits: int) -> None:
    if not 0 < low <= high <= bits:
        raise faults.bad(f"Illegal prefix bounds: minimum {low}, maximum {high}.")
    if not low <= default <= high:
        raise faults.bad(f"Illegal prefix bounds: default {default} is not between {low} and {high}.")


def _only_default(work: Work, version: int, own: str | None) -> None:
    if rows.exists(work.session, models.SubnetPool.is_default.is_(True), models.SubnetPool.ip_version == version,
                   models.SubnetPool.id != (own or "")):
        raise faults.bad("A default subnetpool for this IP family has already been set. Only one default may exist per "
                         "IP family")


def _scope(work: Work, row: Any, scope_id: str | None) -> None:
    """Put a pool into an address scope (None: take it out)."""
    row.address_scope_id = scope_id
    if scope_id is None:
        return
    found = rows.find(work.session, models.AddressScope, models.AddressScope.id == scope_id,
                      *db.visible_scopes(work.context, work.is_admin))
    if not found:
        raise faults.not_found("AddressScopeNotFound", "Address scope", scope_id)
    if found[0].ip_version != row.ip_version:
        raise faults.bad(f"Illegal subnetpool association: subnetpool {row.id} cannot associate with address scope "
                         f"{scope_id} because subnetpool ip_version is not {found[0].ip_version}.")
    for other in rows.find(work.session, models.SubnetPool, models.SubnetPool.address_scope_id == scope_id):
        if other.id != row.id and ipam.touches(other.prefixes, row.prefixes):
            raise faults.conflict("AddressScopePrefixConflict", "Failed to associate address scope: subnetpools within an "
                                                                "address scope must have unique prefixes.")


def create_scope(work: Work, values: dict[str, Any]) -> Any:
    """A new address scope."""
    row = rows.add(work.session, models.AddressScope(
        project_id=values["project_id"], name=values["name"], description=values.get("description", ""),
        ip_version=values["ip_version"]))
    if values.get("shared"):
        rows.add(work.session, models.RbacPolicy(project_id=row.project_id, object_type="address_scope", object_id=row.id,
                                                 action="access_as_shared", target_project="*"))
    return row


def update_scope(work: Work, row: Any, values: dict[str, Any]) -> Any:
    """Rename a scope."""
    for name in ("name", "description"):
        if name in values:
            setattr(row, name, values[name])
    rows.touch(row)
    return row


def delete_scope(work: Work, row: Any) -> None:
    """Remove a scope. 409 AddressScopeInUse while pools are in it."""
    if rows.exists(work.session, models.SubnetPool.address_scope_id == row.id):
        raise faults.conflict("AddressScopeInUse", f"Unable to complete operation on address scope {row.id}. There are "
                                                   "one or more subnet pools in use on the address scope")
    rows.remove_where(work.session, models.RbacPolicy, models.RbacPolicy.object_id == row.id)
    rows.remove(work.session, row)
