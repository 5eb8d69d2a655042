"""Security groups, their rules, the rules that new groups start with, and address groups."""

from typing import Any

from common.http.request import Request
from services.network.api import crud
from services.network.api.schemas import security_groups as schemas
from services.network.api.views import security_groups as views
from services.network.db import models, rows
from services.network.db import security_groups as db
from services.network.domain import address_groups as domain_addresses
from services.network.domain import faults
from services.network.domain import security_groups as domain
from services.network.domain.work import Work

GROUPS = crud.Noun(
    resource=schemas.GROUP, model=models.SecurityGroup, visible=db.visible, view=views.groups,
    fault=("SecurityGroupNotFound", "Security group"), create=domain.create, update=domain.update, delete=domain.delete,
    filters={"shared": lambda values, project: rows.shared_with("security_group", models.SecurityGroup.id, project)},
    path="/v2.0/security-groups",
)
RULES = crud.Noun(
    resource=schemas.RULE, model=models.SecurityGroupRule, visible=db.visible_rules, view=views.rule_list,
    fault=("SecurityGroupRuleNotFound", "Security group rule"), create=domain.create_rule, delete=domain.delete_rule,
    path="/v2.0/security-group-rules",
)
ADDRESS_GROUPS = crud.Noun(
    resource=schemas.ADDRESS_GROUP, model=models.AddressGroup, visible=db.visible_address_groups, view=views.address_groups,
    fault=("AddressGroupNotFound", "Address group"), create=domain_addresses.create, update=domain_addresses.update,
    delete=domain_addresses.delete, path="/v2.0/address-groups",
)


def _ensure_default(work: Work, project_id: str) -> None:
    domain.default_of(work, project_id)


def list_groups(request: Request) -> dict[str, Any]:
    """200. A project that has no default group yet gets it now."""
    own = request.context.project_id
    if own:
        with request.app.db.read() as session:
            known = rows.get(session, models.DefaultGroup, own)
        if known is None:
            crud.change(request, _ensure_default, own)
    return GROUPS.index(request)


def list_templates(request: Request) -> dict[str, Any]:
    """200 with the rules that new groups start with."""
    return {"default_security_group_rules": crud.change(
        request, lambda work: [views.template(r) for r in db.all_templates(work.session)])}


def show_template(request: Request, id: str) -> dict[str, Any]:
    """200; 404."""
    for item in list_templates(request)["default_security_group_rules"]:
        if item["id"] == id:
            return {"default_security_group_rule": item}
    raise faults.not_found("DefaultSecurityGroupRuleNotFound", "Default Security Group rule", id)


def create_template(request: Request) -> tuple[dict[str, Any], int]:
    """201; 409 when there is the same already."""
    values = schemas.TEMPLATE.on_create(request.body["default_security_group_rule"])
    made = crud.change(request, lambda work: views.template(domain.create_template(work, values)))
    return {"default_security_group_rule": made}, 201


def delete_template(request: Request, id: str) -> None:
    """204; 404."""
    crud.change(request, domain.delete_template, id)


def add_addresses(request: Request, id: str) -> dict[str, Any]:
    """200 with the address group; 404."""
    return _addresses(request, id, domain_addresses.add)


def remove_addresses(request: Request, id: str) -> dict[str, Any]:
    """200 with the address group; 404 also when an address is not in it."""
    return _addresses(request, id, domain_addresses.remove)


def _addresses(request: Request, id: str, function: Any) -> dict[str, Any]:
    sent = request.body.get("addresses") or []

    def work_on(work: Work) -> dict[str, Any]:
        row = ADDRESS_GROUPS.fetch(work.session, request, id, lock=True, policy="update_address_group")
        row = function(work, row, sent)
        work.session.flush()
        return views.address_groups(work.session, [row], crud.viewer(request, schemas.ADDRESS_GROUP))[0]

    return {"address_group": crud.change(request, work_on)}
