"""Plugging network cards into servers and taking them out, running or not."""

from typing import Any

from common.db.session import Session
from common.saga import Run, Saga, Step, Wait
from services.compute.conductor import ending, jobs, ports
from services.compute.db import server_parts, servers


def make_port(run: Run) -> Wait | None:
    """Make the port (`network_id`, `fixed_ip`) or take the tenant's (`port_id`), bound to the server's host."""
    server = ending.server(run)
    with run.deps.database.read() as session:
        cards = server_parts.nics(session, [run.resource_id]).get(run.resource_id, [])
    if run.data.get("made_port"):
        return None
    position = max([c.position for c in cards], default=-1) + 1
    want = {"uuid": run.data.get("network_id"), "port": run.data.get("port_id"), "fixed_ip": run.data.get("fixed_ip"),
            "tag": run.data.get("tag")}
    port = ports.add(run, server, want, position)
    run.data["made_port"] = port["id"]
    return None


def drop_port(run: Run) -> None:
    """Give the port back."""
    port_id = run.data.get("made_port")
    if port_id:
        ports.drop(run.deps, port_id, owned=not run.data.get("port_id"))
        run.deps.database.transaction(server_parts.delete_nic, port_id)


def plug(run: Run) -> Wait | None:
    """Have the agent plug the card."""
    server = ending.server(run)
    found = jobs.run_job(run, "attach_interface", server.host, {"port_id": run.data["made_port"]})
    return found if isinstance(found, Wait) else None


def unplug(run: Run) -> Wait | None:
    """Have the agent take the card out."""
    server = ending.server(run)
    if server.host:
        found = jobs.run_job(run, "detach_interface", server.host, {"port_id": run.data["port_id"]}, timeout_s=300)
        return found if isinstance(found, Wait) else None
    return None


def forget_port(run: Run) -> Wait | None:
    """Delete the port or let go of it."""
    with run.deps.database.read() as session:
        card: Any = server_parts.nic(session, run.data["port_id"])
        asked = servers.request(session, run.resource_id)
    networks = (asked.data if asked is not None else {}).get("networks")
    given = isinstance(networks, list) and any(n.get("port") == run.data["port_id"] for n in networks)
    ports.drop(run.deps, run.data["port_id"], owned=card is None or (card.owned and not given))
    run.deps.database.transaction(server_parts.delete_nic, run.data["port_id"])
    return None


def attached(session: Session, run: Run) -> None:
    """The record says so."""
    ending.succeed(session, run, "compute_attach_interface")


def detached(session: Session, run: Run) -> None:
    """The record says so."""
    ending.succeed(session, run, "compute_detach_interface")


ATTACH = Saga("server_attach_interface", (Step("make_port", make_port, drop_port), Step("plug", plug)), on_done=attached,
              on_failed=ending.failing("compute_attach_interface", vm_state=None))
DETACH = Saga("server_detach_interface", (Step("unplug", unplug), Step("forget_port", forget_port)), on_done=detached,
              on_failed=ending.failing("compute_detach_interface", vm_state=None))
