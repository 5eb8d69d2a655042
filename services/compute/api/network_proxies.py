"""Handlers of resources that the network service owns, for clients older than 2.36."""

from collections.abc import Mapping
from typing import Any

from common import errors
from common.http.request import Request
from services.compute.db import server_parts, servers
from services.compute.domain.deps import remote


def _client(request: Request) -> Any:
    return request.app.network.as_user(request.context)


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A security group rule in compute's form."""
    made: dict[str, Any] = {
        "id": rule["id"],
        "parent_group_id": rule["security_group_id"],
        "ip_protocol": rule.get("protocol"),
        "from_port": rule.get("port_range_min"),
        "to_port": rule.get("port_range_max"),
        "group": {},
        "ip_range": {},
    }
    if made["ip_protocol"] and made["from_port"] is None and str(made["ip_protocol"]).upper() in ("TCP", "UDP"):
        made.update(from_port=1, to_port=65535)
    elif made["ip_protocol"] and made["from_port"] is None:
        made.update(from_port=-1, to_port=-1)
    if rule.get("remote_group_id"):
        made["group"] = {"tenant_id": rule.get("tenant_id"), "name": rule.get("remote_group_name") or rule["remote_group_id"]}
    else:
        made["ip_range"] = {"cidr": rule.get("remote_ip_prefix") or ("::/0" if rule.get("ethertype") == "IPv6" else "0.0.0.0/0")}
    return made


def group_view(group: Mapping[str, Any]) -> dict[str, Any]:
    """A security group in compute's form: what comes in."""
    rules = [r for r in group.get("security_group_rules", []) if r.get("direction") == "ingress"]
    return {
        "id": group["id"],
        "name": group["name"],
        "description": group.get("description") or "",
        "tenant_id": group.get("tenant_id") or group.get("project_id"),
        "rules": [_rule(r) for r in rules],
    }


def groups(request: Request) -> dict[str, Any]:
    """200."""
    filters: dict[str, Any] = (
        {} if request.first("all_tenants") and request.context.has_admin_role else {"tenant_id": request.context.project_id}
    )
    found = [group_view(g) for g in remote(lambda: _client(request).find("security_group", **filters))]
    offset, limit = int(request.first("offset") or 0), request.first("limit")
    found.sort(key=lambda g: (g["tenant_id"] or "", g["name"]))
    return {"security_groups": found[offset : offset + int(limit)] if limit else found[offset:]}


def _missing_group(group_id: str) -> errors.NotFound:
    return errors.NotFound(f"Security group {group_id} not found.")


def group(request: Request, group_id: str) -> dict[str, Any]:
    """200; 404."""
    found = remote(lambda: _client(request).show("security_group", group_id), on_404=_missing_group(group_id))
    return {"security_group": group_view(found)}


def create_group(request: Request) -> dict[str, Any]:
    """200; 400, 403 over quota."""
    body = request.body["security_group"]
    values = {"name": body["name"], "description": body.get("description") or ""}
    made = remote(
        lambda: _client(request).create("security_group", values),
        on_409=errors.Forbidden("Maximum number of security groups or rules exceeded"),
    )
    return {"security_group": group_view(made)}


def update_group(request: Request, group_id: str) -> dict[str, Any]:
    """200; 400, 404."""
    body = request.body["security_group"]
    made = remote(
        lambda: _client(request).update(
            "security_group", group_id, {"name": body["name"], "description": body.get("description") or ""}
        ),
        on_404=_missing_group(group_id),
    )
    return {"security_group": group_view(made)}


def delete_group(request: Request, group_id: str) -> None:
    """202; 400 when it is in use, 404."""
    remote(
        lambda: _client(request).remove("security_group", group_id),
        on_404=_missing_group(group_id),
        on_409=errors.BadRequest(f"Security group {group_id} is in use."),
    )


def create_rule(request: Request) -> dict[str, Any]:
    """200; 400, 404."""
    body = request.body["security_group_rule"]
    parent = body.get("parent_group_id")
    values: dict[str, Any] = {
        "security_group_id": parent,
        "direction": "ingress",
        "ethertype": "IPv4",
        "protocol": str(body["ip_protocol"]).lower() if body.get("ip_protocol") else None,
    }
    low, high = _port(body.get("from_port")), _port(body.get("to_port"))
    values["port_range_min"], values["port_range_max"] = low, high
    if body.get("group_id"):
        values["remote_group_id"] = body["group_id"]
    else:
        cidr = body.get("cidr") or "0.0.0.0/0"
        values["remote_ip_prefix"] = cidr
        values["ethertype"] = "IPv6" if ":" in cidr else "IPv4"
    made = remote(
        lambda: _client(request).create("security_group_rule", values),
        on_404=_missing_group(str(parent)),
        on_409=errors.BadRequest(f"This rule already exists in group {parent}"),
    )
    if made.get("remote_group_id"):
        other = remote(lambda: _client(request).show("security_group", made["remote_group_id"]))
        made = {**made, "remote_group_name": other["name"]}
    return {"security_group_rule": _rule(made)}


def _port(value: Any) -> int | None:
    if value in (None, "", -1, "-1"):
        return None
    try:
        return int(value)
    except ValueError:
        raise errors.BadRequest(f"Invalid port: {value}") from None


def delete_rule(request: Request, rule_id: str) -> None:
    """202; 404."""
    remote(lambda: _client(request).remove("security_group_rule", rule_id), on_404=errors.NotFound(f"Rule ({rule_id}) not found"))


def _floating(request: Request, item: Mapping[str, Any], pools: Mapping[str, str]) -> dict[str, Any]:
    instance = None
    if item.get("port_id"):
        with request.app.db.read() as session:
            nic = server_parts.nic(session, item["port_id"])
            instance = nic.server_id if nic is not None and servers.get_many(session, [nic.server_id]) else None
    return {
        "id": item["id"],
        "ip": item["floating_ip_address"],
        "pool": pools.get(item["floating_network_id"], item["floating_network_id"]),
        "fixed_ip": item.get("fixed_ip_address"),
        "instance_id": instance,
    }


def _pools(request: Request) -> dict[str, str]:
    found = remote(lambda: _client(request).find("network", **{"router:external": True}))
    return {n["id"]: n["name"] for n in found}


def floating_ips(request: Request) -> dict[str, Any]:
    """200."""
    pools = _pools(request)
    found = remote(lambda: _client(request).find("floatingip", tenant_id=request.context.project_id))
    return {"floating_ips": [_floating(request, f, pools) for f in found]}


def floating_ip(request: Request, floating_id: str) -> dict[str, Any]:
    """200; 404."""
    found = remote(
        lambda: _client(request).show("floatingip", floating_id),
        on_404=errors.NotFound(f"Floating IP not found for ID {floating_id}"),
    )
    return {"floating_ip": _floating(request, found, _pools(request))}


def create_floating_ip(request: Request) -> dict[str, Any]:
    """200; 404 without such a pool."""
    pools = _pools(request)
    wanted = (request.body or {}).get("pool")
    network = next((i for i, n in pools.items() if wanted in (None, i, n)), None)
    if network is None:
        raise errors.NotFound("Floating IP pool not found.")
    made = remote(
        lambda: _client(request).create("floatingip", {"floating_network_id": network}),
        on_409=errors.Forbidden("IP allocation over quota."),
    )
    return {"floating_ip": _floating(request, made, pools)}


def delete_floating_ip(request: Request, floating_id: str) -> None:
    """202; 404."""
    remote(
        lambda: _client(request).remove("floatingip", floating_id),
        on_404=errors.NotFound(f"Floating IP not found for ID {floating_id}"),
    )


def floating_pools(request: Request) -> dict[str, Any]:
    """200."""
    return {"floating_ip_pools": [{"name": n} for n in sorted(_pools(request).values())]}


_EMPTY_NETWORK = (
    "bridge vpn_public_port dhcp_start bridge_interface updated_at cidr_v6 deleted_at gateway rxtx_base priority project_id "
    "vpn_private_address deleted vlan broadcast netmask injected cidr vpn_public_address multi_host dns1 dns2 host gateway_v6 "
    "netmask_v6 "
    "created_at mtu dhcp_server enable_dhcp share_address"
).split()


def networks(request: Request) -> dict[str, Any]:
    """200: networks that the project may use."""
    found = remote(lambda: _client(request).find("network"))
    return {"networks": [{**dict.fromkeys(_EMPTY_NETWORK), "id": n["id"], "label": n["name"]} for n in found]}


def network(request: Request, network_id: str) -> dict[str, Any]:
    """200; 404."""
    found = remote(lambda: _client(request).show("network", network_id), on_404=errors.NotFound("Network not found"))
    return {"network": {**dict.fromkeys(_EMPTY_NETWORK), "id": found["id"], "label": found["name"]}}


def tenant_networks(request: Request) -> dict[str, Any]:
    """200."""
    found = remote(lambda: _client(request).find("network"))
    return {"networks": [{"id": n["id"], "cidr": "None", "label": n["name"]} for n in found]}


def tenant_network(request: Request, network_id: str) -> dict[str, Any]:
    """200; 404."""
    found = remote(lambda: _client(request).show("network", network_id), on_404=errors.NotFound("Network not found."))
    return {"network": {"id": found["id"], "cidr": "None", "label": found["name"]}}
