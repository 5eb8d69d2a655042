"""Subnet pools, address scopes and RBAC policies."""

from collections.abc import Callable
from typing import Any

from common.http.request import Request
from services.network.api import crud
from services.network.api.schemas import subnetpools as schemas
from services.network.api.views import networks as views
from services.network.db import models, rows
from services.network.db import routers as db_own
from services.network.db import subnetpools as db
from services.network.domain import rbac
from services.network.domain import subnetpools as domain
from services.network.domain.work import Work

POOLS = crud.Noun(
    resource=schemas.POOL, model=models.SubnetPool, visible=db.visible_pools, view=views.pools,
    fault=("SubnetPoolNotFound", "Subnet pool"), create=domain.create, update=domain.update, delete=domain.delete,
    filters={"shared": lambda values, project: rows.shared_with("subnetpool", models.SubnetPool.id, project)},
)
SCOPES = crud.Noun(
    resource=schemas.SCOPE, model=models.AddressScope, visible=db.visible_scopes, view=views.scopes,
    fault=("AddressScopeNotFound", "Address scope"), create=domain.create_scope, update=domain.update_scope,
    delete=domain.delete_scope, path="/v2.0/address-scopes",
)
RBAC = crud.Noun(
    resource=schemas.RBAC, model=models.RbacPolicy,
    visible=lambda context, admin: db_own.own(models.RbacPolicy, context, admin), view=views.rbac_policies,
    fault=("RbacPolicyNotFound", "RBAC policy"), create=rbac.create, update=rbac.update, delete=rbac.delete,
    path="/v2.0/rbac-policies",
)


def add_prefixes(request: Request, id: str) -> dict[str, Any]:
    """200 with the pool's prefixes; 400, 404."""
    return _prefixes(request, id, "add_prefixes", domain.add_prefixes)


def remove_prefixes(request: Request, id: str) -> dict[str, Any]:
    """200 with the pool's prefixes; 409 while a subnet uses one."""
    return _prefixes(request, id, "remove_prefixes", domain.remove_prefixes)


def _prefixes(request: Request, id: str, policy: str, function: Callable[..., Any]) -> dict[str, Any]:
    sent = request.body["subnetpool"]["prefixes"]

    def work_on(work: Work) -> list[str]:
        row = POOLS.fetch(work.session, request, id, lock=True, policy=policy)
        return list(function(work, row, sent).prefixes)

    return {"subnetpool": {"prefixes": crud.change(request, work_on)}}
