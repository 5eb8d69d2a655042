"""Who may do what with domains; names and defaults are upstream's."""

from common.http.policy import rule
from services.identity.api.policies.base import ADMIN, ADMIN_OR_SYSTEM_READER, ALL, NOT_DOMAIN

RULES = (
    rule("identity:get_domain",
         ADMIN_OR_SYSTEM_READER + " or token.domain.id:%(target.domain.id)s or token.project.domain.id:%(target.domain.id)s",
         "Get domain.", scopes=ALL),
    rule("identity:list_domains",
         ADMIN_OR_SYSTEM_READER + " or (role:reader and domain_id:%(target.domain.id)s)",
         "List domains.", scopes=ALL),
    rule("identity:create_domain", ADMIN, "Create domain.", scopes=NOT_DOMAIN),
    rule("identity:update_domain", ADMIN, "Update domain.", scopes=NOT_DOMAIN),
    rule("identity:delete_domain", ADMIN, "Delete domain.", scopes=NOT_DOMAIN),
)
