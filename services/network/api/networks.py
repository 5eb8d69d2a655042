"""Networks and subnets; how many addresses of them are in use."""

import ipaddress
from typing import Any

from common.http.request import Request
from services.network.api import crud
from services.network.api.schemas import networks as schemas
from services.network.api.views import networks as views
from services.network.db import models, rows
from services.network.db import networks as db
from services.network.db import subnets as db_subnets
from services.network.db.rows import Session
from services.network.domain import networks as domain
from services.network.domain import subnets as domain_subnets


def network_of(session: Session, item: Any) -> dict[str, Any]:
    """For policies on subnets and ports: who owns the network, and whether everybody may use it."""
    network_id = item.get("network_id") if isinstance(item, dict) else item.network_id
    network = rows.look(session, models.Network, network_id)
    if network is None:
        return {}
    found: dict[str, Any] = {"network:project_id": network.project_id, "network:tenant_id": network.project_id}
    if isinstance(item, dict) and item.get("fixed_ips"):
        found["shared"] = network.id in db.sharing(session, [network.id], item.get("project_id"))
    return found


NETWORKS = crud.Noun(
    resource=schemas.NETWORK, model=models.Network, visible=db.visible, view=views.networks,
    fault=("NetworkNotFound", "Network"), create=domain.create, update=domain.update, delete=domain.delete,
    filters={"shared": db.shared_filter},
)
SUBNETS = crud.Noun(
    resource=schemas.SUBNET, model=models.Subnet, visible=db_subnets.visible, view=views.subnets,
    fault=("SubnetNotFound", "Subnet"), create=domain_subnets.create, update=domain_subnets.update,
    delete=domain_subnets.delete, target=network_of,
    filters={"shared": lambda values, project: models.Subnet.network_id.in_(
        rows.select_ids(models.Network, db.shared_filter(values, project)))},
)


def availability(request: Request) -> dict[str, Any]:
    """200: every network's total and used addresses (nothing for who may not see them, as upstream).

    Filters: network_id, network_name, project_id, ip_version.
    """
    if not request.allowed("get_network_ip_availability"):
        return {"network_ip_availabilities": []}
    columns = {"network_id": models.Network.id, "network_name": models.Network.name, "tenant_id": models.Network.project_id,
               "project_id": models.Network.project_id}
    conditions = [rows.column_condition(c, request.query[n]) for n, c in columns.items() if n in request.query]
    version = request.first("ip_version")
    with request.app.db.read() as session:
        found = rows.find(session, models.Network, *conditions, order=models.Network.id)
        return {"network_ip_availabilities": _availability(session, found, int(version) if version else None)}


def availability_of(request: Request, id: str) -> dict[str, Any]:
    """200; 404 when there is no such network."""
    with request.app.db.read() as session:
        network = NETWORKS.fetch(session, request, id, policy="get_network_ip_availability")
        return {"network_ip_availability": _availability(session, [network], None)[0]}


def _availability(session: Session, found: Any, version: int | None) -> list[dict[str, Any]]:
    ids = [n.id for n in found]
    used = db.address_counts(session, ids)
    by_network: dict[str, list[Any]] = {}
    for subnet in rows.by_ids(session, models.Subnet, ids, models.Subnet.network_id):
        if version in (None, subnet.ip_version):
            by_network.setdefault(subnet.network_id, []).append(subnet)
    made = []
    for network in found:
        items = [{"subnet_id": s.id, "subnet_name": s.name, "cidr": s.cidr, "ip_version": s.ip_version,
                  "used_ips": used.get(s.id, 0), "total_ips": _total(s)} for s in by_network.get(network.id, [])]
        if version is not None and not items:
            continue
        made.append({"network_id": network.id, "network_name": network.name, "tenant_id": network.project_id,
                     "project_id": network.project_id, "total_ips": sum(i["total_ips"] for i in items),
                     "used_ips": sum(i["used_ips"] for i in items), "subnet_ip_availability": items})
    return made


def _total(subnet: Any) -> int:
    """Addresses in the pools; without pools, those of the CIDR."""
    total = sum(int(ipaddress.ip_address(p["end"])) - int(ipaddress.ip_address(p["start"])) + 1
                for p in subnet.allocation_pools)
    return total or ipaddress.ip_network(subnet.cidr).num_addresses
