"""Who may do what with credentials; names and defaults are upstream's."""

from common.http.policy import rule
from services.identity.api.policies.base import ADMIN, ADMIN_OR_SYSTEM_READER, ALL

RULES = (
    rule("identity:get_credential",
         ADMIN_OR_SYSTEM_READER + " or user_id:%(target.credential.user_id)s",
         "Get credential.", scopes=ALL),
    rule("identity:list_credentials",
         ADMIN_OR_SYSTEM_READER + " or user_id:%(target.credential.user_id)s",
         "List credentials.", scopes=ALL),
    rule("identity:create_credential",
         ADMIN + " or user_id:%(target.credential.user_id)s",
         "Create credential.", scopes=ALL),
    rule("identity:update_credential",
         ADMIN + " or user_id:%(target.credential.user_id)s",
         "Update credential.", scopes=ALL),
    rule("identity:delete_credential",
         ADMIN + " or user_id:%(target.credential.user_id)s",
         "Delete credential.", scopes=ALL),
)
