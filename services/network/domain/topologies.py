"""Getting a project a network without asking anything: a network, its subnets, and a router to the default outside."""

from typing import Any

from services.network.db import models, rows
from services.network.db import networks as db_networks
from services.network.db import routers as db_routers
from services.network.domain import faults, networks, router_interfaces, routers, subnets
from services.network.domain.work import Work

NAME = "auto_allocated_network"
ROUTER = "auto_allocated_router"


def get(work: Work, project_id: str) -> str:
    """The id of the project's automatic network, made with all around it if there is none yet.

    409 AutoAllocationFailure when the cloud has no default external network or no default subnet pool.
    """
    known = _find(work, project_id)
    if known is not None:
        return str(known.id)
    outside, pools = requirements(work)
    rows.get(work.session, models.Network, outside.id, lock=True)  # one at a time: servers of a project often boot together
    known = _find(work, project_id)
    if known is not None:
        return str(known.id)
    network = networks.create(work, {"project_id": project_id, "name": NAME, "admin_state_up": True})
    made = [subnets.create(work, {
        "project_id": project_id, "network_id": network.id, "name": f"auto_allocated_subnet_v{p.ip_version}",
        "ip_version": p.ip_version, "subnetpool_id": p.id}) for p in pools]
    router = routers.create(work, {"project_id": project_id, "name": ROUTER, "admin_state_up": True,
                                   "external_gateway_info": {"network_id": outside.id}})
    for subnet in made:
        router_interfaces.add(work, router, {"subnet_id": subnet.id})
    return str(network.id)


def requirements(work: Work) -> tuple[Any, list[Any]]:
    """(default external network, default subnet pools); 409 when one is lacking."""
    outside = rows.find(work.session, models.Network, models.Network.is_default.is_(True), models.Network.external.is_(True))
    if not outside:
        raise _lacking("No default router:external network")
    pools = list(rows.find(work.session, models.SubnetPool, models.SubnetPool.is_default.is_(True)))
    if not pools:
        raise _lacking("No default subnetpools defined")
    return outside[0], pools


def delete(work: Work, project_id: str) -> None:
    """Remove the network and its router again. 404 when there is none; 409 while something is plugged in."""
    network = _find(work, project_id)
    if network is None:
        raise faults.not_found_text("AutoAllocatedTopologyNotFound", f"No auto-allocated topology for {project_id}.")
    for router_id in db_routers.routers_in_networks(work.session, [network.id]):
        router = rows.get(work.session, models.Router, router_id)
        if router is None or router.name != ROUTER:
            continue
        for subnet in db_networks.subnets(work.session, network.id):
            router_interfaces.remove(work, router, {"subnet_id": subnet.id})
        routers.delete(work, router)
    networks.delete(work, network)


def _find(work: Work, project_id: str) -> Any | None:
    found = rows.find(work.session, models.Network, models.Network.project_id == project_id, models.Network.name == NAME)
    return found[0] if found else None


def _lacking(reason: str) -> Exception:
    return faults.conflict("AutoAllocationFailure", f"Deployment error: {reason}.")
