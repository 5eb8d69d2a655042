"""Availability zones: which hosts are in which, and what a request for one means."""

from typing import Any

from common import errors
from services.compute.db import hosts
from services.compute.domain.deps import Deps


class _Zones(dict[str, str]):
    """{host: zone}, with the default zone for every host that no aggregate puts elsewhere."""

    def __init__(self, known: dict[str, str], default: str) -> None:
        super().__init__(known)
        self.default = default

    def __missing__(self, host: str) -> str:
        return self.default


def host_zones(deps: Deps, session: Any) -> dict[str, str]:
    """{host: zone}; any host may be asked for."""
    return _Zones(hosts.zones(session), deps.conf.compute.default_availability_zone)


def of_server(server: Any, zones: dict[str, str]) -> str:
    """The zone that clients see for a server: its host's (of `host_zones`), or what was asked for while it has none."""
    return zones[server.host] if server.host else server.availability_zone or ""


def parse(text: str | None, *, may_force: bool) -> tuple[str | None, str | None, str | None]:
    """(zone, host, node) of `zone`, `zone:host` or `zone:host:node`; errors.BadRequest or Forbidden (forcing)."""
    if not text or ":" not in text:
        return text or None, None, None
    parts = text.split(":")
    if len(parts) > 3:
        raise errors.BadRequest("Unable to parse availability_zone")
    zone, host, node = (parts + [""])[:3]
    if not may_force:
        raise errors.Forbidden("Policy doesn't allow os_compute_api:servers:create:forced_host to be performed.")
    return zone or None, host or None, node or None


def check(deps: Deps, session: Any, zone: str | None, host: str | None, node: str | None) -> None:
    """errors.BadRequest when a zone, host or node that was asked for does not exist."""
    if zone is None and host is None and node is None:
        return
    rows = hosts.services(session, binary=hosts.COMPUTE)
    known = hosts.zones(session)
    default = deps.conf.compute.default_availability_zone
    if zone and zone != default and zone not in {known.get(r.host, default) for r in rows}:
        raise errors.BadRequest("The requested availability zone is not available")
    if host is not None and host not in {r.host for r in rows}:
        raise errors.BadRequest(f"Compute host {host} could not be found.")
    if node is not None and not any(n.node == node and host in (None, n.host) for n in hosts.nodes(session)):
        raise errors.BadRequest(f"Compute host {node} could not be found.")
