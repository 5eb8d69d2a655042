"""Ports: places where something is plugged into a network."""

from collections.abc import Mapping, Sequence
from typing import Any

from common import ids
from services.network.db import models, rows
from services.network.db import ports as db
from services.network.domain import addresses, bindings, events, faults, floating_ips, ipam, networks, quotas, security_groups
from services.network.domain.work import Work

SERVICE_OWNERS = ("network:router_interface", "network:router_gateway", "network:floatingip",
                  "network:router_interface_distributed")
_PLAIN = ("name", "description", "admin_state_up", "device_id", "device_owner", "dns_name", "dns_domain",
          "extra_dhcp_opts", "data_plane_status")


def create(work: Work, values: dict[str, Any]) -> Any:
    """A new port. 400, 404, 409 for values that do not fit the network; 409 OverQuota.

    `work.known["made", id]` are its IpAllocations and the ids of its security groups.
    """
    network = work.once(("network", values["network_id"]), lambda: networks.visible(work, values["network_id"]))
    secure = values.get("port_security_enabled")
    row = rows.filled(models.Port(
        project_id=values["project_id"], network_id=network.id, mac_address=_mac(work, network, values.get("mac_address")),
        port_security_enabled=network.port_security_enabled if secure is None else secure,
        **{k: values[k] for k in _PLAIN if k in values}))
    pairs = _pairs(work, row, values.get("allowed_address_pairs") or [])
    row.allowed_address_pairs = pairs
    bindings.apply(work, row, network, values)
    groups = _groups_of_new(work, row, values)
    if pairs and not row.port_security_enabled:
        raise _no_security_pairs()
    made = addresses.of_new(work, row, values.get("fixed_ips"))
    if not made:
        row.ip_allocation = "none"
    work.known["made", row.id] = (made, sorted(groups))
    work.pending += [row, *made, *_join(work, row, groups, [a.ip_address for a in made])]
    if values.get("mac_address") or values.get("fixed_ips"):  # others of the request may ask for the same
        work.flush()
    work.changes.port(row)
    quotas.claim(work, row.project_id, "port")
    return row


def update(work: Work, row: Any, values: dict[str, Any]) -> Any:
    """Change a port. 400, 409 for values that do not fit."""
    network = rows.look(work.session, models.Network, row.network_id)
    before = row.binding_host
    if "mac_address" in values and values["mac_address"] != row.mac_address:  # null asks for a new one
        _change_mac(work, network, row, values["mac_address"])
    for name in _PLAIN:
        if name in values:
            setattr(row, name, values[name])
    if values.get("fixed_ips") is not None:
        _readdress(work, row, values["fixed_ips"])
    _update_security(work, row, values)
    bindings.apply(work, row, network, values)
    if row.binding_host != before:
        bindings.moved(work, row)
    if row.binding_host != before or (before and not row.admin_state_up):
        row.status = "DOWN"
    rows.touch(row)
    work.changes.port(row, before or None)
    return row


def delete(work: Work, row: Any) -> None:
    """Remove a port. 409 ServicePortInUse for a port that is a router's or a floating IP's."""
    if row.device_owner in SERVICE_OWNERS and _serving(work, row):
        raise faults.conflict("ServicePortInUse", f"Port {row.id} cannot be deleted directly via the port API: has device "
                                                  f"owner {row.device_owner}.")
    if "service" not in (work.context.roles or []):  # compute need not be told of what it does itself
        events.port_gone(work, row)
    remove(work, row)


def remove(work: Work, row: Any) -> None:
    """Remove a port and what hangs on it, whatever owns it."""
    floating_ips.port_gone(work, row)
    work.changes.members_of(db.groups(work.session, [row.id]).get(row.id, []), _own_addresses(work, row))
    work.changes.port(row)
    for place in rows.find(work.session, models.PortBinding, models.PortBinding.port_id == row.id):
        work.changes.port(row, place.host)
        work.session.delete(place)
    rows.remove_where(work.session, models.Tag, models.Tag.resource_id == row.id)
    for binding in rows.find(work.session, models.DhcpBinding, models.DhcpBinding.port_id == row.id):
        binding.port_id = None
    rows.remove_where(work.session, models.PortGroup, models.PortGroup.port_id == row.id)
    rows.remove_where(work.session, models.IpAllocation, models.IpAllocation.port_id == row.id)
    rows.remove_where(work.session, models.RouterPort, models.RouterPort.port_id == row.id)
    rows.remove(work.session, row)
    quotas.release(work, row.project_id, "port")


def make_internal(work: Work, network: Any, owner: str, device_id: str, fixed_ips: Sequence[dict[str, Any]] | None, *,
                  project_id: str = "", name: str = "", host: str = "", mac: str | None = None) -> Any:
    """A port of our own: no security group, no quota when it belongs to no project."""
    row = models.Port(project_id=project_id, network_id=network.id, name=name, device_owner=owner, device_id=device_id,
                      vnic_type="normal", mac_address=_mac(work, network, mac), port_security_enabled=False,
                      admin_state_up=True)
    if host:
        bindings.bind(work, row, network, host)
    rows.add(work.session, row)
    addresses.assign(work, row, fixed_ips)
    work.changes.port(row)
    quotas.claim(work, project_id, "port")
    return row


def visible(work: Work, port_id: str, *, lock: bool = False) -> Any:
    """The port that the caller may see; 404 PortNotFound."""
    found = rows.find(work.session, models.Port, models.Port.id == port_id, *db.visible(work.context, work.is_admin))
    row = rows.get(work.session, models.Port, port_id, lock=True) if found and lock else next(iter(found), None)
    if row is None:
        raise faults.not_found("PortNotFound", "Port", port_id)
    return row


def add_addresses(work: Work, row: Any, fixed_ips: Sequence[dict[str, Any]]) -> None:
    """Give a port further addresses beside those that it has."""
    have = db.addresses(work.session, [row.id]).get(row.id, [])
    addresses.assign(work, row, fixed_ips, start=len(have))
    rows.touch(row)
    work.changes.port(row)


def _mac(work: Work, network: Any, asked: str | None) -> str:
    if not asked:
        return ids.mac(":".join(work.conf.network.base_mac.split(":")[:3]).lower())
    mac = asked.lower().replace("-", ":")
    if db.mac_used(work.session, network.id, mac):
        raise faults.conflict("MacAddressInUse", f"Unable to complete operation for network {network.id}. The mac address "
                                                 f"{mac} is in use.")
    return mac


def _change_mac(work: Work, network: Any, row: Any, mac: str | None) -> None:
    if row.binding_host and row.device_owner.startswith("compute:"):
        raise faults.conflict("PortBound", f"Unable to complete operation on port {row.id}, port is already bound, port "
                                           f"type: {row.vif_type}, old_mac {row.mac_address}, new_mac {mac}.")
    row.mac_address = _mac(work, network, mac)


def _pairs(work: Work, row: Any, asked: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Allowed address pairs in their shown form; 400 when one is doubled or there are too many."""
    most = work.conf.network.allowed_address_pairs_max
    if len(asked) > most:
        raise faults.invalid(f"Exceeded maximum amount of address pairs {most}", "AddressPairsExhausted")
    found: list[dict[str, str]] = []
    for item in asked:
        mac = (item.get("mac_address") or row.mac_address).lower().replace("-", ":")
        ip = item["ip_address"]
        pair = {"mac_address": mac, "ip_address": ipam.canonical_cidr(ip) if "/" in ip else ipam.canonical(ip)}
        if pair in found:
            raise faults.invalid(f"Request contains duplicate address pair: mac_address {mac} ip_address {ip}.",
                                 "DuplicateAddressPairInRequest")
        found.append(pair)
    return found


def _groups_of_new(work: Work, row: Any, values: Mapping[str, Any]) -> list[str]:
    asked = values.get("security_groups")
    trusted = row.device_owner.startswith("network:") if row.device_owner else False
    if not row.port_security_enabled:
        if asked:
            raise _no_security_groups()
        return []
    if asked is None:
        if trusted:
            return []
        return [work.once(("default", row.project_id), lambda: security_groups.default_of(work, row.project_id))]
    return security_groups.check(work, row.project_id, asked)


def _join(work: Work, row: Any, groups: Sequence[str], addresses: Sequence[str]) -> list[Any]:
    """The port's memberships, to be written."""
    work.changes.members_of(groups, [*addresses, *_pair_addresses(row)])
    return [models.PortGroup(port_id=row.id, security_group_id=g, host=row.binding_host,
                             with_pairs=bool(row.allowed_address_pairs)) for g in groups]


def _pair_addresses(row: Any) -> list[str]:
    return [pair["ip_address"] for pair in row.allowed_address_pairs or ()]


def _own_addresses(work: Work, row: Any) -> list[str]:
    """Every address by which a port is a member of its security groups."""
    own = db.addresses(work.session, [row.id]).get(row.id, [])
    return [*(a.ip_address for a in own), *_pair_addresses(row)]


def _readdress(work: Work, row: Any, asked: Sequence[dict[str, Any]]) -> None:
    """Make the port's addresses those asked for, keeping the ones that it has already."""
    have = db.allocations(work.session, row.id)
    keep: list[Any] = []
    new: list[dict[str, Any]] = []
    for item in asked:
        ip = ipam.canonical(item["ip_address"]) if item.get("ip_address") else None
        same = next((a for a in have if a not in keep and (ip is None or a.ip_address == ip)
                     and item.get("subnet_id") in (None, a.subnet_id)), None)
        if same is not None and (ip is not None or item.get("subnet_id")):
            keep.append(same)
        else:
            new.append(dict(item))
    dropped = [a for a in have if a not in keep]
    floating_ips.addresses_gone(work, row, [a.ip_address for a in dropped])
    for item in dropped:
        work.session.delete(item)
    work.session.flush()
    for position, item in enumerate(keep):
        item.position = position
    made = addresses.assign(work, row, new, start=len(keep)) if new else []
    row.ip_allocation = "immediate" if keep or made else "none"
    if dropped or made:
        groups = db.groups(work.session, [row.id]).get(row.id, [])
        work.changes.members_of(groups, [a.ip_address for a in [*dropped, *made]])
        events.changed(work, row)


def _update_security(work: Work, row: Any, values: Mapping[str, Any]) -> None:
    """Port security, security groups and allowed address pairs, which depend on one another."""
    secure = values.get("port_security_enabled", row.port_security_enabled)
    have = db.groups(work.session, [row.id]).get(row.id, [])
    groups = have
    if "security_groups" in values:
        groups = security_groups.check(work, row.project_id, values["security_groups"] or [])
    pairs = row.allowed_address_pairs
    if "allowed_address_pairs" in values:
        pairs = _pairs(work, row, values["allowed_address_pairs"] or [])
    if not secure and groups:
        if "security_groups" in values:
            raise _no_security_groups()
        raise faults.conflict("PortSecurityPortHasSecurityGroup", "Port has security group associated. Cannot disable port "
                                                                  "security or IP address until security group is removed.")
    if not secure and pairs:
        raise _no_security_pairs()
    row.port_security_enabled = secure
    if pairs != row.allowed_address_pairs:
        work.changes.members_of(groups, _pair_addresses(row))
        row.allowed_address_pairs = pairs
        work.changes.members_of(groups, _pair_addresses(row))
        rows.change(work.session, models.PortGroup, [models.PortGroup.port_id == row.id], with_pairs=bool(pairs))
    if set(groups) != set(have):
        addresses = _own_addresses(work, row)
        rows.remove_where(work.session, models.PortGroup, models.PortGroup.port_id == row.id)
        work.session.add_all(_join(work, row, groups, addresses))
        work.changes.members_of(set(have) - set(groups), addresses)


def _serving(work: Work, row: Any) -> bool:
    """Whether a router or floating IP really has this port (anybody may name such an owner)."""
    if row.device_owner == "network:floatingip":
        return rows.exists(work.session, models.FloatingIp.floating_port_id == row.id)
    return rows.exists(work.session, models.RouterPort.port_id == row.id)


def _no_security_groups() -> Exception:
    return faults.invalid("Port security must be enabled and port must have an IP address in order to use security "
                          "groups.", "PortSecurityAndIPRequiredForSecurityGroups")


def _no_security_pairs() -> Exception:
    return faults.conflict("AddressPairAndPortSecurityRequired", "Port Security must be enabled in order to have allowed "
                                                                 "address pairs on a port.")
