"""Ports."""

from typing import Any

from services.network.api import crud
from services.network.api.networks import network_of
from services.network.api.schemas import ports as schemas
from services.network.api.views import ports as views
from services.network.db import models
from services.network.db import ports as db
from services.network.domain import ports as domain


def _owner_rules(value: Any) -> list[str]:
    """Naming oneself a part of the network's own machinery is not for everybody."""
    return ["device_owner"] if str(value or "").startswith("network:") else []


def _address_rules(value: Any) -> list[str]:
    return ["fixed_ips:ip_address"] if any("ip_address" in item for item in value or ()) else []


PORTS = crud.Noun(
    resource=schemas.PORT, model=models.Port, visible=db.visible, view=views.ports, fault=("PortNotFound", "Port"),
    view_new=views.new, create=domain.create, update=domain.update, delete=domain.delete, target=network_of,
    filters={"fixed_ips": lambda values, _: db.fixed_ip_filter(values),
             "ip_address": lambda values, _: db.fixed_ip_filter([f"ip_address={v}" for v in values]),
             "security_groups": lambda values, _: db.group_filter(values)},
    guards={"device_owner": _owner_rules, "fixed_ips": _address_rules},
)
