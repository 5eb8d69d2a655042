"""What may be done with trusts."""

import datetime
from collections.abc import Mapping
from typing import Any

from oslo_config import cfg

from common import clock, errors, ids
from common.db.session import Session
from services.identity.db import role as role_db
from services.identity.db import rows
from services.identity.db import token as token_db
from services.identity.db import trust as trust_db
from services.identity.db import user as user_db
from services.identity.db.models import Role, Trust
from services.identity.domain import expiry, faults, project, roles
from services.identity.objects.token import Token

_OWN = frozenset("id trustor_user_id trustee_user_id project_id impersonation expires_at deleted_at remaining_uses roles "
                 "redelegated_trust_id redelegation_count allow_redelegation links roles_links".split())


def found(session: Session, trust_id: str) -> Trust:
    """The trust; NotFound in upstream's words."""
    row = trust_db.get(session, trust_id)
    if row is None or row.remaining_uses == 0:  # upstream does not know a used-up trust any more
        raise faults.not_found("trust", trust_id)
    return row


def require_undelegated(token: Token) -> None:
    """Forbidden for the token of an application credential or an access key; a trust's token may redelegate."""
    if token.payload.by_delegation:
        raise faults.forbidden("Delegated tokens cannot manage trusts.")


def create(session: Session, conf: cfg.ConfigOpts, token: Token, values: Mapping[str, Any]) -> Trust:
    """A new trust by the user of `token`, of roles that the trustor holds on the project; Conflict where one is just so."""
    require_undelegated(token)
    wanted, project_id = values.get("roles") or [], values.get("project_id")
    if project_id and not wanted:
        raise faults.forbidden("At least one role should be specified")
    if user_db.get(session, values["trustee_user_id"]) is None:
        raise faults.not_found("user", values["trustee_user_id"])
    if project_id:
        project.found(session, project_id)
    role_ids = _roles(session, values["trustor_user_id"], project_id, wanted, token)
    expires_at = expiry.future(values.get("expires_at"))
    uses = values.get("remaining_uses")
    parent = _parent(session, conf, token, values, role_ids, expires_at)
    count = _depth(conf, parent, values)
    row = Trust(
        id=ids.hex_id(), trustor_user_id=values["trustor_user_id"], trustee_user_id=values["trustee_user_id"],
        project_id=project_id, impersonation=values["impersonation"], expires_at=expires_at, remaining_uses=uses,
        redelegated_trust_id=parent.id if parent else None, redelegation_count=count,
        extra={k: v for k, v in values.items() if k not in _OWN})
    if parent is not None and expires_at is None:
        row.expires_at = parent.expires_at
    if trust_db.same(session, row):
        raise faults.conflict("trust", f"Duplicate entry found with ID {row.id}")
    trust_db.add(session, row, role_ids)
    return row


def _roles(session: Session, trustor_id: str, project_id: str | None, wanted: list[Mapping[str, Any]],
           token: Token) -> list[str]:
    """Ids of the roles asked for; Forbidden when the trustor does not hold one, or the token is not as strong."""
    held: set[str] = set()  # on no project nobody holds a role
    if project_id:
        row = project.found(session, project_id)
        handed_on = trust_db.get(session, token.payload.trust_id or "")
        if handed_on is not None:  # then the first trustor's roles count
            trustor_id = ([handed_on] + trust_db.above(session, handed_on))[-1].trustor_user_id
        held = set(roles.closure(session, roles.held(session, trustor_id, "project", project_id, row.domain_id)))
    out = []
    for one in wanted:
        role_id = one.get("id")
        if role_id is None:
            role_id = _role_named(session, str(one.get("name")))
        elif role_db.get(session, role_id) is None:
            raise faults.not_found("role", role_id)
        if role_id not in held:
            raise faults.not_found("role", role_id)
        out.append(role_id)
    return list(dict.fromkeys(out))


def _role_named(session: Session, name: str) -> str:
    """The id of the one role of that name; BadRequest when domains have more of them."""
    named = role_db.ids_by_name(session, name)
    if not named:
        raise errors.NotFound(f"Role {name} is not defined")
    if len(named) > 1:
        raise faults.invalid(f"There are multiple role entities named '{name}'. Please use ID instead of names to resolve the "
                             "ambiguity.")
    return named[0]


def _parent(session: Session, conf: cfg.ConfigOpts, token: Token, values: Mapping[str, Any], role_ids: list[str],
            expires_at: datetime.datetime | None) -> Trust | None:
    """The trust that is passed on, where the token stands on one; Forbidden when that may not be."""
    if token.payload.trust_id is None:
        if values.get("redelegated_trust_id"):
            found(session, values["redelegated_trust_id"])
            raise faults.forbidden("Redelegation allowed for delegated by trust only")
        return None
    parent = found(session, token.payload.trust_id)
    if not conf.trust.allow_redelegation:
        raise faults.forbidden("redelegation is switched off")
    if values.get("redelegated_trust_id") not in (None, parent.id):
        raise faults.forbidden("Redelegation allowed for delegated by trust only")
    if not 0 < parent.redelegation_count <= conf.trust.max_redelegation_count:
        raise faults.forbidden(f"Remaining redelegation depth of {parent.redelegation_count} out of allowed range of "
                               f"[0..{conf.trust.max_redelegation_count}]")
    if values.get("remaining_uses") is not None:
        raise faults.forbidden(f"Field \"remaining_uses\" is set to {values['remaining_uses']} while it must not be set in "
                               "order to redelegate a trust")
    if expires_at is not None and parent.expires_at is not None and parent.expires_at < expires_at:
        raise faults.forbidden("Requested expiration time is more than redelegated trust can provide")
    parent_roles = roles.closure(session, trust_db.role_ids(session, [parent.id]).get(parent.id, []))
    if values.get("project_id") != parent.project_id or not set(role_ids) <= set(parent_roles):
        raise faults.forbidden("Some of requested roles are not in redelegated trust")
    if values["impersonation"] and not parent.impersonation:
        raise faults.forbidden("Impersonation is not allowed because redelegated trust does not specify impersonation. "
                               f"Redelegated trust id: {parent.id}")
    return parent


def _depth(conf: cfg.ConfigOpts, parent: Trust | None, values: Mapping[str, Any]) -> int:
    """How often the new trust may be passed on."""
    most, wanted = conf.trust.max_redelegation_count, values.get("redelegation_count")
    if parent is not None:
        left = parent.redelegation_count - 1
        if wanted is not None and wanted != left:
            raise faults.forbidden("Modifying \"redelegation_count\" upon redelegation is forbidden. Omitting this "
                                   "parameter is advised.")
        return left if values.get("allow_redelegation") else 0
    if not values.get("allow_redelegation"):
        return 0
    if wanted and wanted > most:
        raise faults.forbidden(f"Requested redelegation depth of {wanted} is greater than allowed {most}")
    if values.get("remaining_uses") is not None:
        raise faults.invalid("remaining_uses must not be set if redelegation is allowed")
    return int(most if wanted is None else wanted)


def delete(session: Session, trust_id: str) -> None:
    """Delete a trust with those redelegated from it, and void their tokens."""
    found(session, trust_id)
    trust_db.delete(session, trust_id, clock.now())
    token_db.revoke(session, clock.now(), trust_id=trust_id)


def role_rows(session: Session, trust_id: str) -> list[Role]:
    """The roles a trust delegates."""
    by_trust = trust_db.role_ids(session, [trust_id])
    return list(rows.by_ids(session, Role, by_trust.get(trust_id, [])).values())
