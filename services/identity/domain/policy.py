"""Policy documents, and which of them an endpoint follows."""

from collections.abc import Mapping
from typing import Any

from common import errors, ids
from common.db.session import Session
from services.identity.db import catalog as catalog_db
from services.identity.db import policy as policy_db
from services.identity.db import rows
from services.identity.db.models import Endpoint, Policy, PolicyAssociation, Region
from services.identity.domain import catalog_entries as entries
from services.identity.domain import faults

_OWN = frozenset("id type blob links".split())


def found(session: Session, policy_id: str) -> Policy:
    """The policy; NotFound in upstream's words."""
    row = policy_db.get(session, policy_id)
    if row is None:
        raise faults.not_found("policy", policy_id)
    return row


def create(session: Session, values: Mapping[str, Any]) -> Policy:
    """A new policy."""
    return rows.add(session, Policy(id=ids.hex_id(), type=values["type"], blob=values["blob"],
                                    extra={k: v for k, v in values.items() if k not in _OWN}))


def update(session: Session, policy_id: str, values: Mapping[str, Any]) -> Policy:
    """Change a policy."""
    row = found(session, policy_id)
    if values.get("id", policy_id) != policy_id:
        raise faults.invalid("Cannot change policy ID")
    for name in ("type", "blob"):
        if name in values:
            setattr(row, name, values[name])
    row.extra = {**(row.extra or {}), **{k: v for k, v in values.items() if k not in _OWN}}
    session.flush()
    return row


def delete(session: Session, policy_id: str) -> None:
    """Delete a policy with its associations."""
    found(session, policy_id)
    policy_db.delete(session, policy_id)


def _require(session: Session, policy_id: str, to: Mapping[str, str]) -> None:
    found(session, policy_id)
    if "endpoint_id" in to:
        entries.endpoint(session, to["endpoint_id"])
    if "service_id" in to:
        entries.service(session, to["service_id"])
    if "region_id" in to:
        entries.region(session, to["region_id"])


def associate(session: Session, policy_id: str, to: Mapping[str, str]) -> None:
    """Let `to` (endpoint_id; service_id; service_id and region_id) follow a policy, in place of another."""
    _require(session, policy_id, to)
    row = policy_db.association(session, **to)
    if row is not None:
        row.policy_id = policy_id
        session.flush()
    else:
        rows.add(session, PolicyAssociation(id=ids.hex_id(), policy_id=policy_id, endpoint_id=to.get("endpoint_id", ""),
                                            service_id=to.get("service_id", ""), region_id=to.get("region_id", "")))


def associated(session: Session, policy_id: str, to: Mapping[str, str]) -> PolicyAssociation:
    """The association of a policy with exactly `to`; NotFound when there is none."""
    _require(session, policy_id, to)
    row = policy_db.association(session, **to)
    if row is None or row.policy_id != policy_id:
        raise errors.NotFound("Could not find policy association.")
    return row


def dissociate(session: Session, policy_id: str, to: Mapping[str, str]) -> None:
    """End an association; harmless when there is none."""
    _require(session, policy_id, to)
    row = policy_db.association(session, **to)
    if row is not None and row.policy_id == policy_id:
        policy_db.drop(session, row)


class _Associations:
    """Every association and region at once, so that any number of endpoints costs the same queries."""

    def __init__(self, session: Session) -> None:
        self.table = {(a.endpoint_id, a.service_id, a.region_id): a.policy_id for a in policy_db.associations(session)}
        regions, _ = catalog_db.listing(session, Region, rows.Query())
        self.parents = {r.id: r.parent_region_id for r in regions}

    def policy_of(self, endpoint: Endpoint) -> str | None:
        """The policy of an endpoint: its own, its service's in its region or the nearest above, or its service's."""
        found = self.table.get((endpoint.id, "", ""))
        region_id = endpoint.region_id
        while found is None and region_id:
            found = self.table.get(("", endpoint.service_id, region_id))
            region_id = self.parents.get(region_id)
        return found or self.table.get(("", endpoint.service_id, ""))


def for_endpoint(session: Session, endpoint_id: str) -> Policy:
    """The policy that an endpoint follows; NotFound when there is none."""
    policy_id = _Associations(session).policy_of(entries.endpoint(session, endpoint_id))
    if policy_id is None:
        raise errors.NotFound(f"No policy is associated with endpoint {endpoint_id}.")
    return found(session, policy_id)


def endpoints(session: Session, policy_id: str) -> list[Endpoint]:
    """The endpoints that follow a policy."""
    found(session, policy_id)
    every, _ = catalog_db.listing(session, Endpoint, rows.Query())
    known = _Associations(session)
    return [e for e in every if known.policy_of(e) == policy_id]
