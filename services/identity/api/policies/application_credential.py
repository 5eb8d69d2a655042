"""Who may do what with application credentials and access rules; names and defaults are upstream's."""

from common.http.policy import rule
from services.identity.api.policies.base import ADMIN_OR_SYSTEM_READER, NOT_DOMAIN

RULES = (
    rule("identity:get_access_rule",
         "(role:reader and system_scope:all) or user_id:%(target.user.id)s",
         "Get access rule.", scopes=NOT_DOMAIN),
    rule("identity:list_access_rules",
         "(role:reader and system_scope:all) or user_id:%(target.user.id)s",
         "List access rules.", scopes=NOT_DOMAIN),
    rule("identity:delete_access_rule",
         "(role:admin and system_scope:all) or user_id:%(target.user.id)s",
         "Delete access rule.", scopes=NOT_DOMAIN),
    rule("identity:get_application_credential",
         ADMIN_OR_SYSTEM_READER + " or rule:owner",
         "Get application credential.", scopes=NOT_DOMAIN),
    rule("identity:list_application_credentials",
         ADMIN_OR_SYSTEM_READER + " or rule:owner",
         "List application credentials.", scopes=NOT_DOMAIN),
    rule("identity:create_application_credential",
         "user_id:%(user_id)s",
         "Create application credential.", scopes=("project",)),
    rule("identity:delete_application_credential",
         "rule:admin_or_owner",
         "Delete application credential.", scopes=NOT_DOMAIN),
)
