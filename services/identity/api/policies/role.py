"""Who may do what with roles and implications; names and defaults are upstream's."""

from common.http.policy import rule
from services.identity.api.policies.base import ADMIN, ADMIN_OR_SYSTEM_READER, ALL, NOT_DOMAIN

RULES = (
    rule("identity:get_implied_role", ADMIN_OR_SYSTEM_READER, "Get implied role.", scopes=NOT_DOMAIN),
    rule("identity:list_implied_roles", ADMIN_OR_SYSTEM_READER, "List implied roles.", scopes=NOT_DOMAIN),
    rule("identity:create_implied_role", ADMIN, "Create implied role.", scopes=NOT_DOMAIN),
    rule("identity:delete_implied_role", ADMIN, "Delete implied role.", scopes=NOT_DOMAIN),
    rule("identity:list_role_inference_rules",
         ADMIN_OR_SYSTEM_READER,
         "List role inference rules.", scopes=NOT_DOMAIN),
    rule("identity:check_implied_role", ADMIN_OR_SYSTEM_READER, "Check implied role.", scopes=NOT_DOMAIN),
    rule("identity:get_role",
         ADMIN_OR_SYSTEM_READER + " or (role:manager and rule:domain_managed_target_role)",
         "Get role.", scopes=ALL),
    rule("identity:list_roles",
         ADMIN_OR_SYSTEM_READER + " or (role:manager and not domain_id:None)",
         "List roles.", scopes=ALL),
    rule("identity:create_role", ADMIN, "Create role.", scopes=NOT_DOMAIN),
    rule("identity:update_role", ADMIN, "Update role.", scopes=NOT_DOMAIN),
    rule("identity:delete_role", ADMIN, "Delete role.", scopes=NOT_DOMAIN),
    rule("identity:get_domain_role", ADMIN_OR_SYSTEM_READER, "Get domain role.", scopes=NOT_DOMAIN),
    rule("identity:list_domain_roles", ADMIN_OR_SYSTEM_READER, "List domain roles.", scopes=NOT_DOMAIN),
    rule("identity:create_domain_role", ADMIN, "Create domain role.", scopes=NOT_DOMAIN),
    rule("identity:update_domain_role", ADMIN, "Update domain role.", scopes=NOT_DOMAIN),
    rule("identity:delete_domain_role", ADMIN, "Delete domain role.", scopes=NOT_DOMAIN),
)
