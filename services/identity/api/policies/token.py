"""Who may do what with tokens; names and defaults are upstream's."""

from common.http.policy import rule
from services.identity.api.policies.base import ADMIN, ADMIN_OR_SYSTEM_READER, ALL, ANYONE, NOT_DOMAIN

RULES = (
    rule("identity:get_auth_catalog", ANYONE, "Get auth catalog.", scopes=None),
    rule("identity:get_auth_projects", ANYONE, "Get auth projects.", scopes=None),
    rule("identity:get_auth_domains", ANYONE, "Get auth domains.", scopes=None),
    rule("identity:get_auth_system", ANYONE, "Get auth system.", scopes=None),
    rule("identity:list_revoke_events", "rule:service_or_admin", "List revoke events.", scopes=NOT_DOMAIN),
    rule("identity:check_token", ADMIN_OR_SYSTEM_READER + " or rule:token_subject", "Check token.", scopes=ALL),
    rule("identity:validate_token",
         ADMIN_OR_SYSTEM_READER + " or rule:service_role or rule:token_subject",
         "Validate token.", scopes=ALL),
    rule("identity:revoke_token", ADMIN + " or rule:token_subject", "Revoke token.", scopes=ALL),
    rule("identity:revoke_tokens_for_user", "rule:admin_or_owner", "Revoke tokens for user.", scopes=ALL),
    rule("identity:revocation_list", "rule:service_or_admin", "Revocation list.", scopes=NOT_DOMAIN),
)
