"""Who may do what with role assignments; names and defaults are upstream's."""

from common.http.policy import rule
from services.identity.api.policies.base import ADMIN, ADMIN_OR_SYSTEM_READER, ALL, NOT_DOMAIN

_PAIRS = tuple(
    f"domain_id:%(target.{actor}.domain_id)s and domain_id:%(target.{target})s"
    for actor in ("user", "group") for target in ("project.domain_id", "domain.id")
)
_OWN_ROLE = "(domain_id:%(target.role.domain_id)s or None:%(target.role.domain_id)s)"


def _inside(role: str) -> str:
    """A caller with `role` on the domain that both the actor and the target belong to."""
    return "(" + " or ".join(f"(role:{role} and {pair})" for pair in _PAIRS) + ")"


_MANAGE = (f"{ADMIN} or ({_inside('admin')} and {_OWN_ROLE}) or "
           f"({_inside('manager')} and rule:domain_managed_target_role)")

RULES = (
    rule("identity:check_grant", f"{ADMIN_OR_SYSTEM_READER} or ({_inside('reader')} and {_OWN_ROLE})",
         "Check a role assignment.", scopes=ALL),
    rule("identity:list_grants", f"{ADMIN_OR_SYSTEM_READER} or {_inside('reader')}", "List roles on a target.",
         scopes=ALL),
    rule("identity:create_grant", _MANAGE, "Grant a role.", scopes=ALL),
    rule("identity:revoke_grant", _MANAGE, "Take a role away.", scopes=ALL),
    rule("identity:list_system_grants_for_user",
         ADMIN_OR_SYSTEM_READER,
         "List system grants for user.", scopes=NOT_DOMAIN),
    rule("identity:check_system_grant_for_user",
         ADMIN_OR_SYSTEM_READER,
         "Check system grant for user.", scopes=NOT_DOMAIN),
    rule("identity:create_system_grant_for_user", ADMIN, "Create system grant for user.", scopes=NOT_DOMAIN),
    rule("identity:revoke_system_grant_for_user", ADMIN, "Revoke system grant for user.", scopes=NOT_DOMAIN),
    rule("identity:list_system_grants_for_group",
         ADMIN_OR_SYSTEM_READER,
         "List system grants for group.", scopes=NOT_DOMAIN),
    rule("identity:check_system_grant_for_group",
         ADMIN_OR_SYSTEM_READER,
         "Check system grant for group.", scopes=NOT_DOMAIN),
    rule("identity:create_system_grant_for_group", ADMIN, "Create system grant for group.", scopes=NOT_DOMAIN),
    rule("identity:revoke_system_grant_for_group", ADMIN, "Revoke system grant for group.", scopes=NOT_DOMAIN),
    rule("identity:list_role_assignments",
         ADMIN_OR_SYSTEM_READER + " or (role:reader and domain_id:%(target.domain_id)s and not None:%(target.domain_id)s)",
         "List role assignments.", scopes=ALL),
    rule("identity:list_role_assignments_for_tree",
         ADMIN_OR_SYSTEM_READER + " or (role:reader and domain_id:%(target.domain_id)s and not None:%(target.domain_id)s)",
         "List role assignments for tree.", scopes=ALL),
)
