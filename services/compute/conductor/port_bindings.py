"""The ports of a server that moves while it runs: bound to the destination, too, before it goes; switched as its guest does.

So the destination's filters and tunnels are there when the guest comes, and what is left at its arrival is to turn the
other hosts' tunnels (network service, `domain/bindings.py`).
"""

from typing import Any

from common.clients.base import RemoteError
from common.saga import Failure, Run
from services.compute.conductor import ports
from services.compute.conductor.deps import Conductor


def prepare(run: Run, host: str) -> None:
    """Bind the server's ports to `host` beside where they are. Repeating changes nothing; Failure when it cannot have them."""
    for port in _ports(run.deps, run.resource_id):
        if port.get("binding:host_id") == host:
            continue
        try:
            run.deps.network.bind(port["id"], host, port.get("binding:profile") or {})
        except RemoteError as e:
            if e.status == 409:
                continue
            raise Failure(str(e), public=f"Port {port['id']} could not be bound to the host of its server's move.") from e


def switch(conductor: Conductor, server_id: str, host: str) -> None:
    """The server's ports are where its guest is, at `host`: they count as unplugged until the network service says more."""

    def place(port_ids: list[str]) -> list[str]:
        for port_id in port_ids:
            _activate(conductor, port_id, host)
        return [p["id"] for p in _ports(conductor, server_id) if p.get("status") == "ACTIVE"]

    ports.replug(conductor, server_id, place)


def _activate(conductor: Conductor, port_id: str, host: str) -> None:
    try:
        conductor.network.activate(port_id, host)
    except RemoteError as e:
        if e.status == 404:  # no such binding: whoever prepared the move knew none
            conductor.network.update("port", port_id, {"binding:host_id": host})
        elif e.status != 409:
            raise


def leave(run: Run, host: str) -> None:
    """Unbind the server's ports from `host`, where it is not (any more)."""
    for port_id in ports.of_server(run.deps, run.resource_id):
        run.deps.network.unbind(port_id, host)


def _ports(conductor: Conductor, server_id: str) -> list[dict[str, Any]]:
    return list(conductor.network.find("port", device_id=server_id))
