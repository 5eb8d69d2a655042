"""Roles that follow from roles: implications and inheritance. Pure, but for one function that reads both."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from common.db.session import Session
from services.identity.db import assignment as assignment_db
from services.identity.db import role as role_db
from services.identity.db import rows
from services.identity.db.models import NO_DOMAIN, SYSTEM, Role


def expand(role_ids: Iterable[str], implications: Mapping[str, set[str]]) -> dict[str, str | None]:
    """The roles and all they imply: role id -> the role that implied it (None: held itself)."""
    found: dict[str, str | None] = {r: None for r in role_ids}
    waiting = list(found)
    while waiting:
        prior = waiting.pop()
        for implied in implications.get(prior, ()):
            if implied not in found:
                found[implied] = prior
                waiting.append(implied)
    return found


def shown(session: Session, role_ids: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """(id, name) of the roles and all they imply, as tokens hold them: roles of one domain are left out."""
    held = list(role_ids)
    if not held:
        return ()
    named, implied = role_db.table(session)
    found = ((i, *named[i]) for i in expand(held, implied) if i in named)
    return tuple(sorted(((i, name) for i, name, domain_id in found if domain_id == NO_DOMAIN), key=lambda r: (r[1], r[0])))


def described(session: Session, found: Sequence[tuple[str, str]]) -> tuple[dict[str, Any], ...]:
    """The roles of a trust's token: upstream shows these whole."""
    known = rows.by_ids(session, Role, [role_id for role_id, _ in found])
    return tuple({"id": i, "name": name, "domain_id": None, "description": known[i].description,
                  "options": known[i].options or {}} for i, name in found if i in known)


def held(session: Session, user_id: str, kind: str, scope_id: str | None, domain_id: str | None) -> set[str]:
    """Ids of the roles a user was assigned for a scope, directly, by groups or by inheritance."""
    if kind == "system":
        return assignment_db.role_ids(session, user_id, "system", SYSTEM)
    return assignment_db.role_ids(session, user_id, kind, scope_id or "", domain_id)


def closure(session: Session, role_ids: Iterable[str]) -> dict[str, str | None]:
    """The roles and all they imply, those of one domain included."""
    return expand(role_ids, role_db.implications(session))
