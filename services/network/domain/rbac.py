"""RBAC policies: who else may use a network, security group, address group, address scope or subnet pool."""

from typing import Any

from common import errors
from services.network.db import models, rows
from services.network.domain import faults, networks, quotas
from services.network.domain.work import Work

SHARED, EXTERNAL = "access_as_shared", "access_as_external"
TYPES: dict[str, tuple[Any, tuple[str, ...]]] = {
    "network": (models.Network, (SHARED, EXTERNAL)), "security_group": (models.SecurityGroup, (SHARED,)),
    "address_group": (models.AddressGroup, (SHARED,)), "address_scope": (models.AddressScope, (SHARED,)),
    "subnetpool": (models.SubnetPool, (SHARED,)),
}


def create(work: Work, values: dict[str, Any]) -> Any:
    """Share an object of the caller. 400 for an unknown type or action; 404; 409 when it is shared so already."""
    kind, action = values["object_type"], values["action"]
    if kind not in TYPES or action not in TYPES[kind][1]:
        raise faults.invalid(f"Invalid action '{action}' for object type '{kind}'.", "InvalidInput")
    row = rows.get(work.session, TYPES[kind][0], values["object_id"])
    own = row is not None and (work.is_admin or row.project_id == work.context.project_id)
    if not own and rows.exists(work.session, models.RbacPolicy.object_id == values["object_id"],
                               models.RbacPolicy.target_project.in_(["*", work.context.project_id or "*"])):
        raise faults.invalid("Only admins can manipulate policies on objects they do not own")
    if row is None or not own:
        raise faults.not_found("RbacObjectNotFound", kind.capitalize().replace("_", " "), values["object_id"])
    policy = models.RbacPolicy
    same = {"object_type": kind, "object_id": row.id, "action": action, "target_project": values["target_tenant"]}
    if rows.exists(work.session, policy.object_id == row.id, policy.action == action,
                   policy.target_project == values["target_tenant"]):
        raise faults.conflict("DuplicateRbacPolicy", "An RBAC policy already exists with those values.")
    made = rows.add(work.session, policy(project_id=values["project_id"], **same))
    if action == EXTERNAL:
        row.external = True
    quotas.claim(work, made.project_id, "rbac_policy")
    return made


def update(work: Work, row: Any, values: dict[str, Any]) -> Any:
    """Change whom a policy names. 409 when the former one uses the object."""
    if "target_tenant" in values and values["target_tenant"] != row.target_project:
        _check_unused(work, row)
        row.target_project = values["target_tenant"]
    return row


def delete(work: Work, row: Any) -> None:
    """Stop sharing. 409 RbacPolicyInUse while others use the object thanks to it."""
    _check_unused(work, row)
    rows.remove(work.session, row)
    if row.action == EXTERNAL and not rows.exists(work.session, models.RbacPolicy.object_id == row.object_id,
                                                  models.RbacPolicy.action == EXTERNAL):
        network = rows.get(work.session, models.Network, row.object_id)
        if network is not None:
            network.external = False
    quotas.release(work, row.project_id, "rbac_policy")


def _check_unused(work: Work, row: Any) -> None:
    in_use = faults.conflict("RbacPolicyInUse", f"RBAC policy on object {row.object_id} cannot be removed because other "
                                                "objects depend on it.\nDetails: it is in use")
    if row.object_type == "network":
        network = rows.get(work.session, models.Network, row.object_id)
        if network is not None and row.action == SHARED:
            try:
                networks.check_unshare(work, network, row)
            except errors.Conflict as e:
                raise in_use from e
        if network is not None and row.action == EXTERNAL and rows.exists(
                work.session, models.Router.gw_network_id == network.id, *_by_target(models.Router, row, network)):
            raise in_use
    elif row.object_type == "security_group" and _group_used(work, row):
        raise in_use


def _by_target(model: Any, row: Any, owned: Any) -> list[Any]:
    return [model.project_id == row.target_project] if row.target_project != "*" else [model.project_id != owned.project_id]


def _group_used(work: Work, row: Any) -> bool:
    group = rows.get(work.session, models.SecurityGroup, row.object_id)
    return group is not None and rows.exists(
        work.session, models.PortGroup.security_group_id == group.id, models.PortGroup.port_id == models.Port.id,
        *_by_target(models.Port, row, group))
