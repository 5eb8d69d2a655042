"""Who may do what with users; names and defaults are upstream's."""

from common.http.policy import rule
from services.identity.api.policies.base import ADMIN, ADMIN_OR_SYSTEM_READER, ALL, ANYONE

RULES = (
    rule("identity:get_user",
         ADMIN_OR_SYSTEM_READER + " or (role:reader and token.domain.id:%(target.user.domain_id)s) or user_id:%(target.user.id)s",
         "Get user.", scopes=ALL),
    rule("identity:list_users",
         ADMIN_OR_SYSTEM_READER + " or (role:reader and domain_id:%(target.domain_id)s)",
         "List users.", scopes=ALL),
    rule("identity:list_projects_for_user", ANYONE, "List projects for user.", scopes=None),
    rule("identity:list_domains_for_user", ANYONE, "List domains for user.", scopes=None),
    rule("identity:create_user",
         ADMIN + " or (role:manager and token.domain.id:%(target.user.domain_id)s)",
         "Create user.", scopes=ALL),
    rule("identity:update_user",
         ADMIN + " or (role:manager and token.domain.id:%(target.user.domain_id)s)",
         "Update user.", scopes=ALL),
    rule("identity:delete_user",
         ADMIN + " or (role:manager and token.domain.id:%(target.user.domain_id)s)",
         "Delete user.", scopes=ALL),
)
