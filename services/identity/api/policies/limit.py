"""Who may do what with limits; names and defaults are upstream's."""

from common.http.policy import rule
from services.identity.api.policies.base import ADMIN, ADMIN_OR_SYSTEM_READER, ALL, ANYONE, NOT_DOMAIN

RULES = (
    rule("identity:get_limit_model", ANYONE, "Get limit model.", scopes=ALL),
    rule("identity:get_limit",
         ADMIN_OR_SYSTEM_READER
         + " or (domain_id:%(target.limit.domain.id)s or domain_id:%(target.limit.project.domain_id)s)"
         + " or (project_id:%(target.limit.project_id)s and not None:%(target.limit.project_id)s)",
         "Get limit.", scopes=ALL),
    rule("identity:list_limits", ANYONE, "List limits.", scopes=ALL),
    rule("identity:create_limits", ADMIN, "Create limits.", scopes=NOT_DOMAIN),
    rule("identity:update_limit", ADMIN, "Update limit.", scopes=NOT_DOMAIN),
    rule("identity:delete_limit", ADMIN, "Delete limit.", scopes=NOT_DOMAIN),
    rule("identity:get_registered_limit", ANYONE, "Get registered limit.", scopes=ALL),
    rule("identity:list_registered_limits", ANYONE, "List registered limits.", scopes=ALL),
    rule("identity:create_registered_limits", ADMIN, "Create registered limits.", scopes=NOT_DOMAIN),
    rule("identity:update_registered_limit", ADMIN, "Update registered limit.", scopes=NOT_DOMAIN),
    rule("identity:delete_registered_limit", ADMIN, "Delete registered limit.", scopes=NOT_DOMAIN),
)
