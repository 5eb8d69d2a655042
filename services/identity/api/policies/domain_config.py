"""Who may do what with domain configuration; names and defaults are upstream's."""

from common.http.policy import rule
from services.identity.api.policies.base import ADMIN, ADMIN_OR_SYSTEM_READER, ALL, ANYONE, NOT_DOMAIN

RULES = (
    rule("identity:create_domain_config", ADMIN, "Create domain config.", scopes=NOT_DOMAIN),
    rule("identity:get_domain_config", ADMIN_OR_SYSTEM_READER, "Get domain config.", scopes=NOT_DOMAIN),
    rule("identity:get_security_compliance_domain_config",
         ANYONE,
         "Get security compliance domain config.", scopes=ALL),
    rule("identity:update_domain_config", ADMIN, "Update domain config.", scopes=NOT_DOMAIN),
    rule("identity:delete_domain_config", ADMIN, "Delete domain config.", scopes=NOT_DOMAIN),
    rule("identity:get_domain_config_default",
         ADMIN_OR_SYSTEM_READER,
         "Get domain config default.", scopes=NOT_DOMAIN),
)
