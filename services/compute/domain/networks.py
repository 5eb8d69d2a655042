"""Which networks and ports a server gets: reading what was asked for and asking the network service about it."""

from collections.abc import Mapping, Sequence
from typing import Any

from common import errors
from services.compute.domain.deps import Deps, remote


def resolve(deps: Deps, context: Any, wanted: Any, *, count: int) -> list[dict[str, Any]] | str:
    """[{"uuid", "port", "fixed_ip", "tag"}] with every network known, as the caller may use them; "auto", "none".

    `wanted` is None (the one network of the project), "auto" (the same, or else one that is made for it: then "auto" remains for
    the conductor, which has it made), "none", or the API's list.
    errors.BadRequest, or Conflict when there are several to choose from.
    """
    client = deps.network.as_user(context)
    if wanted == "none":
        return "none"
    if wanted is None or wanted == "auto" or wanted == []:
        return _only(client, context, auto=wanted == "auto")
    if count > 1 and any(w.get("fixed_ip") for w in wanted):
        raise errors.BadRequest("Failed to launch instances: max_count cannot be greater than 1 if an fixed_ip is specified.")
    if count > 1 and any(w.get("port") for w in wanted):
        raise errors.BadRequest("Failed to launch instances: Unable to launch multiple instances with a single configured "
                                "port ID. Please launch your instance one by one with different ports.")
    items = [_item(w) for w in wanted]
    named = sorted({i["uuid"] for i in items if not i["port"]})
    found: dict[str, Any] = {}
    if named:
        found = deps.remember(context, "network", ",".join(named),
                              lambda: {n["id"]: n for n in remote(lambda: client.find("network", id=named))},
                              lambda nets: len(nets) == len(named) and all(n.get("subnets") for n in nets.values()))
    missing = [n for n in named if n not in found]
    if missing:
        raise errors.BadRequest(f"Network {', '.join(missing)} could not be found.")
    ports: set[str] = set()
    for item in items:
        if item["port"]:
            _take_port(client, item, ports)
        else:
            check_network(found[item["uuid"]])
    return items


def _item(wanted: Mapping[str, Any]) -> dict[str, Any]:
    if not wanted.get("port") and not wanted.get("uuid"):
        raise errors.BadRequest("Bad network format: missing 'uuid'")
    if wanted.get("port") and wanted.get("fixed_ip"):
        raise errors.BadRequest(f"Specified Fixed IP '{wanted['fixed_ip']}' cannot be used with port '{wanted['port']}': "
                                "the two cannot be specified together.")
    return {"uuid": wanted.get("uuid"), "port": wanted.get("port"), "fixed_ip": wanted.get("fixed_ip"), "tag": wanted.get("tag")}


def _take_port(client: Any, item: dict[str, Any], taken: set[str]) -> None:
    port_id = item["port"]
    port = remote(lambda: client.show("port", port_id), on_404=errors.BadRequest(f"Port id {port_id} could not be found."))
    if port.get("device_id") or port_id in taken:
        raise errors.Conflict(f"Port {port_id} is still in use.")
    if not port.get("fixed_ips") and port.get("ip_allocation") != "none":
        raise errors.BadRequest(f"Port {port_id} requires a FixedIP in order to be used.")
    taken.add(port_id)
    item["uuid"] = port["network_id"]


def _only(client: Any, context: Any, *, auto: bool) -> list[dict[str, Any]] | str:
    """The network of a request that names none."""
    own = remote(lambda: client.find("network", tenant_id=context.project_id, shared=False))
    shared = remote(lambda: client.find("network", shared=True))
    found = {n["id"]: n for n in [*own, *shared] if not n.get("router:external") or n.get("tenant_id") == context.project_id}
    if auto:
        found = {i: n for i, n in found.items() if n.get("subnets")}
        if not found:
            refused = errors.BadRequest(f"Unable to automatically allocate a network for project {context.project_id}")
            remote(lambda: client.get(f"/v2.0/auto-allocated-topology/{context.project_id}", fields="dry-run"), on_409=refused)
            return "auto"
    if len(found) > 1:
        raise errors.Conflict("Multiple possible networks found, use a Network ID to be more specific.")
    for network in found.values():
        check_network(network)
    return [{"uuid": n, "port": None, "fixed_ip": None, "tag": None} for n in found] or "none"


def check_network(network: Mapping[str, Any]) -> None:
    """errors.BadRequest when nothing can boot on a network."""
    if not network.get("subnets"):
        raise errors.BadRequest(f"Network {network['id']} requires a subnet in order to boot instances on.")


def security_groups(deps: Deps, context: Any, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """(ids for new ports, names for clients) of the groups asked for by name or id; no ids: the project's default group.

    errors.BadRequest when one is missing, errors.Conflict when a name is not unique.
    """
    wanted = list(dict.fromkeys(names))
    if not wanted or wanted == ["default"]:
        return [], ["default"]
    client = deps.network.as_user(context)
    groups = remote(lambda: client.find("security_group", tenant_id=context.project_id))
    by_id = {g["id"]: g for g in groups}
    found: list[Mapping[str, Any]] = []
    for name in wanted:
        matches = [by_id[name]] if name in by_id else [g for g in groups if g["name"] == name]
        if not matches:
            raise errors.BadRequest(f"Security group {name} not found for project {context.project_id}.")
        if len(matches) > 1:
            raise errors.Conflict(f"Multiple security groups found matching '{name}'. Use an ID to be more specific.")
        found.append(matches[0])
    return [g["id"] for g in found], [g["name"] for g in found]


def addresses(ports_fixed_ips: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The `addresses` column of a card from a port's `fixed_ips`."""
    return [{"addr": ip["ip_address"], "version": 6 if ":" in ip["ip_address"] else 4, "type": "fixed",
             "subnet_id": ip.get("subnet_id")} for ip in ports_fixed_ips]
