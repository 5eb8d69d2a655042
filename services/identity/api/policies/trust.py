"""Who may do what with trusts; names and defaults are upstream's."""

from common.http.policy import rule
from services.identity.api.policies.base import ADMIN, ADMIN_OR_SYSTEM_READER, NOT_DOMAIN

_PARTIES = (ADMIN + " or (role:reader and system_scope:all or user_id:%(target.trust.trustor_user_id)s"
            " or user_id:%(target.trust.trustee_user_id)s)")

RULES = (
    rule("identity:create_trust", "user_id:%(target.trust.trustor_user_id)s", "Create trust.", scopes=("project",)),
    rule("identity:list_trusts", ADMIN_OR_SYSTEM_READER, "List trusts.", scopes=NOT_DOMAIN),
    rule("identity:list_trusts_for_trustor",
         ADMIN + " or (role:reader and system_scope:all or user_id:%(target.trust.trustor_user_id)s)",
         "List trusts for trustor.", scopes=NOT_DOMAIN),
    rule("identity:list_trusts_for_trustee",
         ADMIN + " or (role:reader and system_scope:all or user_id:%(target.trust.trustee_user_id)s)",
         "List trusts for trustee.", scopes=NOT_DOMAIN),
    rule("identity:list_roles_for_trust",
         _PARTIES,
         "List roles for trust.", scopes=NOT_DOMAIN),
    rule("identity:get_role_for_trust",
         _PARTIES,
         "Get role for trust.", scopes=NOT_DOMAIN),
    rule("identity:delete_trust",
         ADMIN + " or user_id:%(target.trust.trustor_user_id)s",
         "Delete trust.", scopes=NOT_DOMAIN),
    rule("identity:get_trust",
         _PARTIES,
         "Get trust.", scopes=NOT_DOMAIN),
)
