"""Security groups and their rules; every project has one called `default`, made when it is first needed."""

from collections.abc import Mapping, Sequence
from typing import Any

from common import ids
from services.network.db import models, rows
from services.network.db import security_groups as db
from services.network.domain import faults, quotas, rules
from services.network.domain.work import Work

DEFAULT = "default"


def create(work: Work, values: dict[str, Any]) -> Any:
    """A new group with the rules that new groups start with. 409 when it is called `default`."""
    if values["name"].lower() == DEFAULT:
        raise faults.conflict("SecurityGroupDefaultAlreadyExists", "Default security group already exists.")
    default_of(work, values["project_id"])
    row = _make(work, values["project_id"], values["name"], values.get("description", ""), False,
                values.get("stateful", True))
    return row


def update(work: Work, row: Any, values: dict[str, Any]) -> Any:
    """Change a group. 409 when the default one would be renamed, or a group in use made stateless."""
    if row.is_default and values.get("name", DEFAULT) != DEFAULT:
        raise faults.conflict("SecurityGroupCannotUpdateDefault", "Updating default security group not allowed.")
    if not row.is_default and str(values.get("name", "")).lower() == DEFAULT:
        raise faults.conflict("SecurityGroupDefaultAlreadyExists", "Default security group already exists.")
    if "stateful" in values and values["stateful"] != row.stateful:
        if rows.exists(work.session, models.PortGroup.security_group_id == row.id):
            raise _in_use(row.id)
    for name in ("name", "description", "stateful"):
        if name in values:
            setattr(row, name, values[name])
    rows.touch(row)
    work.changes.groups.add(row.id)
    return row


def delete(work: Work, row: Any) -> None:
    """Remove a group. 409 while a port is its member, or for the default group unless by an operator."""
    if row.is_default and not work.is_admin:
        raise faults.conflict("SecurityGroupCannotRemoveDefault", "Insufficient rights for removing default security group.")
    if rows.exists(work.session, models.PortGroup.security_group_id == row.id):
        raise _in_use(row.id)
    rule = models.SecurityGroupRule
    others = rows.find(work.session, rule, rule.remote_group_id == row.id)
    own = rows.find(work.session, rule, rule.security_group_id == row.id)
    per_project: dict[str, int] = {}
    for item in {r.id: r for r in [*others, *own]}.values():
        per_project[item.project_id] = per_project.get(item.project_id, 0) + 1
        work.changes.groups.add(item.security_group_id)
        work.session.delete(item)
    work.session.flush()
    rows.remove_where(work.session, models.DefaultGroup, models.DefaultGroup.security_group_id == row.id)
    rows.remove_where(work.session, models.RbacPolicy, models.RbacPolicy.object_id == row.id)
    rows.remove(work.session, row)
    work.changes.groups.discard(row.id)
    for project, amount in per_project.items():
        quotas.release(work, project, "security_group_rule", amount)
    quotas.release(work, row.project_id, "security_group")


def default_of(work: Work, project_id: str) -> str:
    """The id of a project's default group, made if there is none yet (without regard to quotas)."""
    known = db.default_of(work.session, project_id)
    if known is not None:
        return known
    return str(_make(work, project_id, DEFAULT, "Default security group", True, True).id)


def check(work: Work, project_id: str, wanted: Sequence[str]) -> list[str]:
    """The ids, once each, of groups that exist and that the caller or the project may use; 404 otherwise; 409 for a mixture
    of stateful and stateless ones."""
    unique = list(dict.fromkeys(wanted))
    known = db.usable(work.session, unique, [project_id, work.context.project_id], work.is_admin)
    for group in unique:
        if group not in known:
            raise faults.not_found("SecurityGroupNotFound", "Security group", group)
    if len(unique) > 1 and len(db.stateless(work.session, unique)) not in (0, len(unique)):
        raise faults.conflict("SecurityGroupConflict", "Error Cannot apply both stateful and stateless security groups on the "
                                                       "same port at the same time while attempting the operation.")
    return unique


def _make(work: Work, project_id: str, name: str, description: str, is_default: bool, stateful: bool) -> Any:
    row = rows.add(work.session, models.SecurityGroup(
        project_id=project_id, name=name, description=description, is_default=is_default, stateful=stateful))
    if is_default:
        rows.add(work.session, models.DefaultGroup(project_id=project_id, security_group_id=row.id))
    templates = db.templates(work.session, is_default)
    for item in templates:
        remote = row.id if item.remote_group_id == "PARENT" else item.remote_group_id
        work.session.add(models.SecurityGroupRule(
            id=ids.uuid(), project_id=project_id, security_group_id=row.id, direction=item.direction,
            ethertype=item.ethertype, protocol=item.protocol, port_range_min=item.port_range_min,
            port_range_max=item.port_range_max, remote_ip_prefix=item.remote_ip_prefix, remote_group_id=remote,
            remote_address_group_id=item.remote_address_group_id, description=item.description,
            belongs_to_default_sg=is_default))
    work.session.flush()
    quotas.claim(work, project_id, "security_group_rule", len(templates), check=not is_default)
    quotas.claim(work, project_id, "security_group", check=not is_default)
    return row


def _in_use(group_id: str) -> Exception:
    return faults.conflict("SecurityGroupInUse", f"Security Group {group_id} in use.")


def create_rule(work: Work, values: dict[str, Any]) -> Any:
    """A new rule of a group that the caller may change. 400 for values that do not fit; 409 when it exists."""
    group = _group(work, values["security_group_id"])
    item = rules.check(values)
    if item["remote_group_id"]:
        check(work, values["project_id"], [item["remote_group_id"]])
    if item["remote_address_group_id"]:
        found = rows.find(work.session, models.AddressGroup, models.AddressGroup.id == item["remote_address_group_id"],
                          *db.visible_address_groups(work.context, work.is_admin))
        if not found:
            raise faults.not_found("AddressGroupNotFound", "Address group", item["remote_address_group_id"])
    for other in rows.find(work.session, models.SecurityGroupRule, models.SecurityGroupRule.security_group_id == group.id):
        if rules.same(item, _as_dict(other)):
            raise faults.conflict("SecurityGroupRuleExists", f"Security group rule already exists. Rule id is {other.id}.")
    row = rows.add(work.session, models.SecurityGroupRule(
        project_id=values["project_id"], security_group_id=group.id, description=values.get("description", ""),
        belongs_to_default_sg=group.is_default, **item))
    rows.touch(group)
    work.changes.groups.add(group.id)
    quotas.claim(work, row.project_id, "security_group_rule")
    return row


def delete_rule(work: Work, row: Any) -> None:
    """Remove a rule."""
    group = rows.get(work.session, models.SecurityGroup, row.security_group_id)
    rows.remove(work.session, row)
    if group is not None:
        rows.touch(group)
    work.changes.groups.add(row.security_group_id)
    quotas.release(work, row.project_id, "security_group_rule")


def _group(work: Work, group_id: str) -> Any:
    found = rows.find(work.session, models.SecurityGroup, models.SecurityGroup.id == group_id,
                      *db.visible(work.context, work.is_admin))
    row = rows.get(work.session, models.SecurityGroup, group_id, lock=True) if found else None
    if row is None or not (work.is_admin or row.project_id == work.context.project_id):
        raise faults.not_found("SecurityGroupNotFound", "Security group", group_id)
    return row


def _as_dict(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in rules.COMPARED}


def create_template(work: Work, values: Mapping[str, Any]) -> Any:
    """A rule that groups made from now on start with. 409 when there is the same already."""
    remote = values.get("remote_group_id")
    item = rules.check({**values, "remote_group_id": None if remote == "PARENT" else remote})
    item["remote_group_id"] = remote
    extra = {n: values.get(n, n == "used_in_non_default_sg") for n in ("used_in_default_sg", "used_in_non_default_sg")}
    for other in db.all_templates(work.session):
        if rules.same(item, _as_dict(other)):
            raise faults.conflict("DefaultSecurityGroupRuleExists", "Default Security group rule already exists. Rule id is "
                                                                    f"{other.id}.")
    return rows.add(work.session, models.DefaultRule(description=values.get("description", ""), **item, **extra))


def delete_template(work: Work, rule_id: str) -> None:
    """Remove such a rule; groups that exist keep theirs."""
    db.all_templates(work.session)
    row = rows.get(work.session, models.DefaultRule, rule_id)
    if row is None:
        raise faults.not_found("DefaultSecurityGroupRuleNotFound", "Default Security Group rule", rule_id)
    rows.remove(work.session, row)
