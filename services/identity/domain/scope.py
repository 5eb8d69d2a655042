"""What a user may be scoped to."""

from collections.abc import Sequence

from common.db.session import Session
from services.identity.db import assignment as assignment_db
from services.identity.db import project as project_db
from services.identity.db import rows
from services.identity.db.models import SYSTEM, Project


def projects(session: Session, user_id: str,
             query: rows.Query | None = None) -> tuple[Sequence[Project], dict[str, list[str]]]:
    """The projects on which a user holds a role, by inheritance too, that meet `query`; with their tags.

    As upstream's they hold disabled ones, and those that act as domains, though nobody can be scoped to these.
    """
    found, _ = project_db.listing(session, query or rows.Query(), domains=None, ids=_held_ids(session, user_id))
    return found, project_db.tags(session, [p.id for p in found])


def _held_ids(session: Session, user_id: str) -> set[str]:
    held = assignment_db.of_user(session, user_id)
    ids = {a.target_id for a in held if a.target_type == "project" and not a.inherited}
    ids |= project_db.below(session, {a.target_id for a in held if a.target_type == "project" and a.inherited})
    ids |= project_db.ids_in_domains(session, {a.target_id for a in held if a.target_type == "domain" and a.inherited})
    return ids


def domains(session: Session, user_id: str) -> tuple[Sequence[Project], dict[str, list[str]]]:
    """Enabled domains on which a user holds a role, with their tags."""
    held = assignment_db.of_user(session, user_id)
    ids = {a.target_id for a in held if a.target_type == "domain" and not a.inherited}
    found, _ = project_db.listing(session, rows.Query(), domains=True, ids=ids)
    enabled = [d for d in found if d.enabled]
    return enabled, project_db.tags(session, [d.id for d in enabled])


def on_system(session: Session, user_id: str) -> bool:
    """Whether a user holds a role on the system."""
    return bool(assignment_db.role_ids(session, user_id, "system", SYSTEM))
