"""Networks: making them with their segment, sharing them, removing them."""

from collections.abc import Mapping
from typing import Any

from services.network.db import models, rows, segments
from services.network.db import networks as db
from services.network.db import ports as db_ports
from services.network.domain import faults, quotas
from services.network.domain.work import Work

OVERHEAD = {"vxlan": 50, "vlan": 0, "flat": 0}
"""Bytes that a segment's encapsulation takes of the physical MTU."""
PROVIDER = ("provider:network_type", "provider:physical_network", "provider:segmentation_id")
_PLAIN = ("name", "admin_state_up", "description", "port_security_enabled", "is_default", "dns_domain",
          "availability_zone_hints")


def create(work: Work, values: dict[str, Any]) -> Any:
    """A new network. 400 for a wrong segment or MTU; 409 when its segment is taken or none is left."""
    db.check_zones(work.session, values.get("availability_zone_hints") or [], "network")
    kind, physical, number = _segment(work, values)
    row = models.Network(project_id=values["project_id"], network_type=kind, physical_network=physical,
                         segmentation_id=number, mtu=_mtu(work, kind, values.get("mtu")),
                         external=values.get("router:external", False), **{k: values[k] for k in _PLAIN if k in values})
    if row.is_default:
        _only_default(work)
    rows.add(work.session, row)
    segments.allocate(work.session, kind, physical, number, row.id)
    if row.external:
        _share(work, row, db.EXTERNAL, "*")
    if values.get("shared"):
        _share(work, row, db.SHARED, "*")
    quotas.claim(work, row.project_id, "network")
    return row


def update(work: Work, row: Any, values: dict[str, Any]) -> Any:
    """Change a network. 409 when it is used in a way that the change forbids."""
    if "shared" in values:
        _set_shared(work, row, values["shared"])
    if "router:external" in values:
        _set_external(work, row, values["router:external"])
    if "mtu" in values:
        row.mtu = _mtu(work, row.network_type, values["mtu"])
    if any(name in values and values[name] != _provider(row)[name] for name in PROVIDER):
        raise faults.invalid("Plugin does not support updating the provider attributes of a network")
    if values.get("is_default") and not row.is_default:
        _only_default(work)
    for name in _PLAIN:
        if name in values:
            setattr(row, name, values[name])
    rows.touch(row)
    work.changes.networks.add(row.id)
    return row


def delete(work: Work, row: Any) -> None:
    """Remove a network with its subnets and its unused floating IPs.

    409 NetworkInUse while others than ourselves have ports in it.
    """
    from services.network.domain import floating_ips, ports, subnets

    floating_ips.network_gone(work, row)
    found = db_ports.in_network(work.session, row.id)
    if any(p.device_owner not in db_ports.INTERNAL_OWNERS for p in found):
        raise faults.network_in_use(row.id)
    for port in found:
        ports.remove(work, port)
    for subnet in db.subnets(work.session, row.id):
        subnets.remove(work, subnet)
    for binding in rows.find(work.session, models.DhcpBinding, models.DhcpBinding.network_id == row.id):
        work.changes.lost(binding.host, network_id=row.id)
    rows.remove_where(work.session, models.RbacPolicy, models.RbacPolicy.object_id == row.id)
    work.session.flush()
    rows.remove(work.session, row)
    work.changes.networks.discard(row.id)
    quotas.release(work, row.project_id, "network")


def visible(work: Work, network_id: str, *, lock: bool = False) -> Any:
    """The network that the caller may see, to look at only without `lock`; 404 NetworkNotFound."""
    model = models.Network
    row = rows.get(work.session, model, network_id, lock=True) if lock else rows.look(work.session, model, network_id)
    own = row is not None and (work.is_admin or row.project_id == work.context.project_id)
    if row is None or not (own or rows.exists(work.session, models.Network.id == network_id,
                                              *db.visible(work.context, False))):
        raise faults.not_found("NetworkNotFound", "Network", network_id)
    return row


def _provider(row: Any) -> dict[str, Any]:
    return {PROVIDER[0]: row.network_type, PROVIDER[1]: row.physical_network, PROVIDER[2]: row.segmentation_id}


def _segment(work: Work, values: Mapping[str, Any]) -> tuple[str, str | None, int | None]:
    """The segment asked for, checked, or a free one of the tenants' kind."""
    kind, physical, number = (values.get(name) for name in PROVIDER)
    if kind is None:
        if physical is not None or number is not None:
            raise faults.invalid("network_type required")
        kind = work.conf.network.tenant_network_type
        if kind == "vlan":
            physical = next((name for name, spans in vlan_ranges(work.conf).items() if spans), None)
    if kind == "flat":
        return kind, _flat(work, physical, number), None
    if kind == "vlan":
        return kind, physical, _vlan(work, physical, number)
    if kind != "vxlan":
        raise faults.invalid(f"network_type value '{kind}' not supported")
    if physical is not None:
        raise faults.invalid("provider:physical_network specified for vxlan network")
    if number is None:
        number = segments.free(work.session, kind, None, vni_ranges(work.conf))
    elif not 1 <= number <= 16777215:
        raise faults.invalid(f"provider:segmentation_id {number} is out of range (1 through 16777215)")
    return kind, None, _take(work, kind, None, number)


def _flat(work: Work, physical: str | None, number: int | None) -> str:
    allowed = work.conf.network.flat_networks
    if number is not None:
        raise faults.invalid("provider:segmentation_id specified for flat network")
    if physical is None:
        raise faults.invalid("physical_network required for flat provider network")
    if "*" not in allowed and physical not in allowed:
        raise faults.invalid(f"physical_network '{physical}' unknown for flat provider network")
    if segments.taken(work.session, "flat", physical, None):
        raise faults.conflict("FlatNetworkInUse", "Unable to create the flat network. Physical network "
                                                  f"{physical} is in use.")
    return physical


def _vlan(work: Work, physical: str | None, number: int | None) -> int:
    ranges = vlan_ranges(work.conf)
    if physical is None and number is not None:
        raise faults.invalid("provider:physical_network required for VLAN provider network")
    if physical is not None and physical not in ranges:
        raise faults.invalid(f"physical_network '{physical}' unknown for VLAN provider network")
    if number is not None and not 1 <= number <= 4094:
        raise faults.invalid(f"segmentation_id out of range (1 through 4094): {number}")
    if number is None and physical is not None:
        number = segments.free(work.session, "vlan", physical, ranges[physical])
    return _take(work, "vlan", physical, number)


def _take(work: Work, kind: str, physical: str | None, number: int | None) -> int:
    if number is None:
        raise faults.conflict("NoNetworkAvailable", "Unable to create the network. No tenant network is available for "
                                                    "allocation.")
    if segments.taken(work.session, kind, physical, number):
        if kind == "vlan":
            raise faults.conflict("VlanIdInUse", f"Unable to create the network. The VLAN {number} on physical network "
                                                 f"{physical} is in use.")
        raise faults.conflict("TunnelIdInUse", f"Unable to create the network. The tunnel ID {number} is in use.")
    return number


def vni_ranges(conf: Any) -> list[tuple[int, int]]:
    """The VNIs given out, as (first, last)."""
    return [(int(a), int(b)) for a, b in (text.split(":") for text in conf.network.vni_ranges)]


def vlan_ranges(conf: Any) -> dict[str, list[tuple[int, int]]]:
    """Physical network -> VLAN ids given out, as (first, last); none: only on an operator's demand."""
    found: dict[str, list[tuple[int, int]]] = {}
    for text in conf.network.vlan_ranges:
        name, *span = text.split(":")
        spans = found.setdefault(name, [])
        if span:
            spans.append((int(span[0]), int(span[1])))
    return found


def _mtu(work: Work, kind: str, asked: int | None) -> int:
    most = int(work.conf.network.physical_mtu) - OVERHEAD[kind]
    if not asked:
        return most
    if asked > most:
        raise faults.invalid(f"Requested MTU is too big, maximum is {most}")
    return asked


def _share(work: Work, row: Any, action: str, target: str) -> None:
    rows.add(work.session, models.RbacPolicy(project_id=row.project_id, object_type="network", object_id=row.id,
                                             action=action, target_project=target))


def _policy(work: Work, row: Any, action: str) -> Any:
    policy = models.RbacPolicy
    return next(iter(rows.find(work.session, policy, policy.object_id == row.id, policy.action == action,
                               policy.target_project == "*")), None)


def _set_shared(work: Work, row: Any, shared: bool) -> None:
    policy = _policy(work, row, db.SHARED)
    if shared and policy is None:
        _share(work, row, db.SHARED, "*")
    elif not shared and policy is not None:
        check_unshare(work, row, policy)
        rows.remove(work.session, policy)


def check_unshare(work: Work, row: Any, policy: Any) -> None:
    """409 InvalidSharedSetting when others use the network thanks to `policy` alone."""
    model = models.RbacPolicy
    others = rows.find(work.session, model, model.object_id == row.id, model.action == db.SHARED, model.id != policy.id)
    keep = {p.target_project for p in others}
    if "*" in keep:
        return
    if policy.target_project == "*":
        used = db.foreign_users(work.session, row, keep)
    else:
        used = policy.target_project != row.project_id and rows.exists(
            work.session, models.Port.network_id == row.id, models.Port.project_id == policy.target_project)
    if used:
        raise faults.conflict("InvalidSharedSetting", f"Unable to reconfigure sharing settings for network {row.name}. "
                                                      "Multiple tenants are using it.")


def _set_external(work: Work, row: Any, external: bool) -> None:
    policy = _policy(work, row, db.EXTERNAL)
    if external and policy is None:
        _share(work, row, db.EXTERNAL, "*")
    if not external and row.external:
        if rows.exists(work.session, models.Port.network_id == row.id,
                       models.Port.device_owner.in_(["network:router_gateway", "network:floatingip"])):
            raise faults.conflict("ExternalNetworkInUse", f"External network {row.id} cannot be updated to be made "
                                                          "non-external, since it has existing gateway ports.")
        rows.remove_where(work.session, models.RbacPolicy, models.RbacPolicy.object_id == row.id,
                          models.RbacPolicy.action == db.EXTERNAL)
    row.external = external


def _only_default(work: Work) -> None:
    if rows.exists(work.session, models.Network.is_default.is_(True)):
        raise faults.conflict("DefaultExternalNetworkExists", "A default external network already exists.")
