"""The ports of a server: made or taken, bound to its host, written down as its cards, and given back."""

from collections.abc import Callable, Sequence
from typing import Any

from common.clients.base import RemoteError
from common.saga import Failure, Run
from services.compute.conductor.deps import Conductor
from services.compute.db import server_parts, servers

Wanted = tuple[Run, Any, Any]
"""(saga, server, what was asked for at boot)"""


def plug(run: Run, server: Any, asked: Any) -> None:
    """Make or take every port the server asked for and bind it to its host.

    Repeating finds the ports that an earlier try made, by the server's id on them.
    """
    why = plug_all([(run, server, asked)]).get(run.id)
    if why is not None:
        raise why


def plug_all(boots: Sequence[Wanted]) -> dict[str, Exception]:
    """As `plug`, for servers that boot together: saga id -> why not, of those whose ports could not be had.

    What is missing is made by one request; when the network service refuses it, by one for each server.
    """
    plans: list[tuple[Wanted, list[dict[str, Any]], dict[int, dict[str, Any]], list[dict[str, Any]]]] = []
    failed: dict[str, Exception] = {}
    for boot in boots:
        try:
            plans.append((boot, *_plan(*boot)))
        except Failure as e:
            failed[boot[0].id] = e
    bodies = [body for _, _, _, missing in plans for body in missing]
    try:
        fresh = iter(boots[0][0].deps.network.create_ports(bodies) if bodies else ())
        made = {boot[0].id: [next(fresh) for _ in missing] for boot, _, _, missing in plans}
    except RemoteError as e:
        if len(plans) == 1:
            return failed | {boots[0][0].id: _refused(e)}
        for boot in boots:
            failed |= plug_all([boot])
        return failed
    for (run, server, _), wanted, have, _ in plans:
        why = _keep(run, server, wanted, [*have.values(), *made[run.id]])
        if why is not None:
            failed[run.id] = why
    return failed


def _plan(run: Run, server: Any, asked: Any) -> tuple[list[dict[str, Any]], dict[int, dict[str, Any]], list[dict[str, Any]]]:
    """(what the server wants, position -> port that it has already, bodies of ports to be made); takes given ports."""
    wanted = _wanted(run, server, asked)
    given = any(w.get("port") for w in wanted)
    known = [] if run.fresh and not given else run.deps.network.find("port", device_id=server.id)
    by_position = {int((p.get("binding:profile") or {}).get("position", -1)): p for p in known}
    have: dict[int, dict[str, Any]] = {}
    missing = []
    for position, want in enumerate(wanted):
        if want.get("port"):
            have[position] = _take(run, server, want["port"], position)
        elif position in by_position:
            have[position] = by_position[position]
        else:
            missing.append(_body(run, server, asked, want, position))
    return wanted, have, missing


def _keep(run: Run, server: Any, wanted: list[dict[str, Any]], found: list[dict[str, Any]]) -> Exception | None:
    """Write the ports down as the server's cards, with the end of the step; Failure when one is not bound."""
    refused = [p["id"] for p in found if p.get("binding:vif_type") == "binding_failed"]
    if refused:
        return Failure(f"ports {', '.join(refused)} could not be bound to {server.host}: no network agent serves it",
                       public="Binding failed for port, please check neutron logs for more information.")
    taken = {w["port"] for w in wanted if w.get("port")}
    found.sort(key=lambda p: int((p.get("binding:profile") or {}).get("position", 0)))
    rows = [_row(run, server, port, position, wanted, port["id"] not in taken) for position, port in enumerate(found)]
    if run.fresh and not taken:
        for row in rows:
            run.share(server_parts.insert_nics, row)
    else:
        run.write(_save, rows)
    return None


def _refused(error: RemoteError) -> Failure:
    if error.status in (409, 413, 403):
        return Failure(str(error), public=error.message)
    return Failure(str(error), public="The network of the server could not be set up.")


def add(run: Run, server: Any, want: dict[str, Any], position: int) -> dict[str, Any]:
    """Make or take one more port for a server that exists; its card is written down. Repeating finds the one made before."""
    if want.get("port"):
        port = _take(run, server, want["port"], position)
    else:
        known = [p for p in run.deps.network.find("port", device_id=server.id)
                 if (p.get("binding:profile") or {}).get("position") == position]
        port = known[0] if known else _create(run, [_body(run, server, None, want, position)])[0]
    network, subnets = describe_network(run.deps, port["network_id"])
    row = card(server.id, port, network, subnets)
    row |= {"position": position, "owned": not want.get("port"), "tag": want.get("tag")}
    run.deps.database.transaction(_save, [row])
    return port


def _create(run: Run, bodies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    try:
        return list(run.deps.network.create_ports(bodies))
    except RemoteError as e:
        raise _refused(e) from e


def _wanted(run: Run, server: Any, asked: Any) -> list[dict[str, Any]]:
    """[{"uuid", "port", "fixed_ip", "tag"}] with `auto` and nothing resolved to the tenant's own networks."""
    networks = (asked.data if asked is not None else {}).get("networks")
    if networks == "none":
        return []
    if networks and networks != "auto":
        return list(networks)
    own = tenant_networks(run.deps, server.project_id)
    if not own and networks == "auto":
        found = run.deps.network.get(f"/v2.0/auto-allocated-topology/{server.project_id}")
        own = [found["auto_allocated_topology"]]
    if len(own) > 1:
        raise Failure("Multiple possible networks found, use a Network ID to be more specific.")
    return [{"uuid": n["id"]} for n in own]


def tenant_networks(conductor: Any, project_id: str) -> list[dict[str, Any]]:
    """The networks a server of the project gets when it asks for none: its own, and shared ones that are not external."""
    own = conductor.network.find("network", project_id=project_id)
    shared = conductor.network.find("network", shared=True)
    known = {n["id"] for n in own}
    return list(own) + [n for n in shared if n["id"] not in known and not n.get("router:external")]


def _body(run: Run, server: Any, asked: Any, want: dict[str, Any], position: int) -> dict[str, Any]:
    zone = server.availability_zone or "nova"
    body: dict[str, Any] = {
        "network_id": want["uuid"], "device_id": server.id, "device_owner": f"compute:{zone}", "admin_state_up": True,
        "project_id": server.project_id, "binding:host_id": server.host, "binding:profile": {"position": position},
        "dns_name": server.hostname,
    }
    if want.get("fixed_ip"):
        body["fixed_ips"] = [{"ip_address": want["fixed_ip"]}]
    groups = security_groups(run, server, (asked.data if asked is not None else {}).get("security_groups") or [])
    if groups is not None:
        body["security_groups"] = groups
    return body


def security_groups(run: Run, server: Any, names: Sequence[str]) -> list[str] | None:
    """Ids of the groups a server asked for by name or id; None for the project's default."""
    wanted = [n for n in names if n]
    if not wanted or wanted == ["default"]:
        return None
    found = run.deps.network.find("security_group", project_id=server.project_id)
    by_id, by_name = {g["id"]: g["id"] for g in found}, {g["name"]: g["id"] for g in found}
    missing = [n for n in wanted if n not in by_id and n not in by_name]
    if missing:
        raise Failure(f"Security group {missing[0]} not found.")
    return [by_id.get(n) or by_name[n] for n in wanted]


def _take(run: Run, server: Any, port_id: str, position: int) -> dict[str, Any]:
    """Bind a port that the tenant made before."""
    zone = server.availability_zone or "nova"
    try:
        return dict(run.deps.network.update("port", port_id, {
            "device_id": server.id, "device_owner": f"compute:{zone}", "binding:host_id": server.host,
            "binding:profile": {"position": position}}))
    except RemoteError as e:
        raise Failure(str(e), public=f"Port {port_id} could not be bound.") from e


def _row(run: Run, server: Any, port: dict[str, Any], position: int, wanted: list[dict[str, Any]], owned: bool) -> dict[str, Any]:
    network, subnets = describe_network(run.deps, port["network_id"])
    tag = wanted[position].get("tag") if position < len(wanted) else None
    return card(server.id, port, network, subnets) | {"position": position, "owned": owned, "tag": tag}


def describe_network(conductor: Any, network_id: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(network, its subnets) as the network service shows them, remembered for half a minute."""
    found = conductor.networks.get(network_id)
    if found is None:
        found = (conductor.network.show("network", network_id), conductor.network.find("subnet", network_id=network_id))
        conductor.networks[network_id] = found
    return found  # type: ignore[no-any-return]


def card(server_id: str, port: dict[str, Any], network: dict[str, Any], subnets: list[dict[str, Any]]) -> dict[str, Any]:
    """The columns of a server's card from a port of the network service."""
    versions = {s["id"]: s["ip_version"] for s in subnets}
    used = {ip["subnet_id"] for ip in port["fixed_ips"]}
    return {
        "server_id": server_id, "port_id": port["id"], "network_id": port["network_id"],
        "network_label": network.get("name") or "", "mac": port["mac_address"], "mtu": network.get("mtu") or 1500,
        "vnic_type": port.get("binding:vnic_type") or "normal", "active": port.get("status") == "ACTIVE",
        "addresses": [{"addr": ip["ip_address"], "version": versions.get(ip["subnet_id"], 6 if ":" in ip["ip_address"] else 4),
                       "type": "fixed", "subnet_id": ip["subnet_id"]} for ip in port["fixed_ips"]],
        "subnets": [{"id": s["id"], "cidr": s["cidr"], "gateway": s.get("gateway_ip"), "version": s["ip_version"],
                     "dns": s.get("dns_nameservers") or [], "dhcp": s.get("enable_dhcp", True),
                     "routes": s.get("host_routes") or []} for s in subnets if s["id"] in used],
    }


def _save(session: Any, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        values = {k: v for k, v in row.items() if k != "active" or v}  # a card that is up by now stays so
        server_parts.save_nic(session, values.pop("port_id"), values)


def rebind(run: Run, host: str) -> None:
    """Bind all ports of the server to `host`, after a move; they count as unplugged until the network service says more."""

    def place(port_ids: list[str]) -> list[str]:
        return [i for i in port_ids if run.deps.network.update("port", i, {"binding:host_id": host}).get("status") == "ACTIVE"]

    replug(run.deps, run.resource_id, place)


def replug(conductor: Conductor, server_id: str, place: Callable[[list[str]], list[str]]) -> None:
    """Have `place` put the ports of a server elsewhere; it gives back those that are plugged there already. The others count as
    unplugged until the network service says more."""
    port_ids = of_server(conductor, server_id)
    if not port_ids:
        return
    conductor.database.transaction(_note_unplugged, server_id, port_ids)
    ready = place(port_ids)
    if ready:
        conductor.database.transaction(_note_plugged, ready)


def of_server(conductor: Conductor, server_id: str) -> list[str]:
    """The ids of a server's ports."""
    with conductor.database.read() as session:
        return [card.port_id for card in server_parts.nics(session, [server_id]).get(server_id, [])]


def _note_unplugged(session: Any, server_id: str, port_ids: list[str]) -> None:
    server_parts.forget_events(session, server_id, "network-vif-plugged", port_ids)
    for port_id in port_ids:
        server_parts.save_nic(session, port_id, {"active": False})


def _note_plugged(session: Any, port_ids: list[str]) -> None:
    for port_id in port_ids:
        server_parts.save_nic(session, port_id, {"active": True})


def unplug(run: Run) -> None:
    """Delete the ports made for the server, and let go of those it was given."""
    unplug_all([run])
    run.deps.database.transaction(server_parts.delete_nics, [run.resource_id])


def unplug_all(runs: Sequence[Run]) -> None:
    """As `unplug`, for several servers, but that their cards stay: their ports are found by one request."""
    conductor, ids = runs[0].deps, [run.resource_id for run in runs]
    with conductor.database.read() as session:
        cards = [card for found in server_parts.nics(session, ids).values() for card in found]
        asked = servers.requests(session, ids)
    given = {card.port_id for card in cards if not card.owned}
    for request in asked.values():
        networks = (request.data or {}).get("networks")
        given |= {n["port"] for n in networks if n.get("port")} if isinstance(networks, list) else set()
    for port in conductor.network.find("port", device_id=ids):
        drop(conductor, port["id"], owned=port["id"] not in given)


def drop(conductor: Any, port_id: str, *, owned: bool) -> None:
    """Delete one port, or unbind it when it is the tenant's own."""
    if owned:
        conductor.network.remove("port", port_id, missing_ok=True)
        return
    try:
        conductor.network.update("port", port_id, {"device_id": "", "device_owner": "", "binding:host_id": "",
                                                "binding:profile": {}})
    except RemoteError as e:
        if e.status != 404:
            raise
