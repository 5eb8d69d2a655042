"""Who may do what with groups; names and defaults are upstream's."""

from common.http.policy import rule
from services.identity.api.policies.base import ADMIN, ADMIN_OR_SYSTEM_READER, ALL

RULES = (
    rule("identity:get_group",
         ADMIN_OR_SYSTEM_READER + " or (role:reader and domain_id:%(target.group.domain_id)s)",
         "Get group.", scopes=ALL),
    rule("identity:list_groups",
         ADMIN_OR_SYSTEM_READER + " or (role:reader and domain_id:%(target.group.domain_id)s)",
         "List groups.", scopes=ALL),
    rule("identity:list_groups_for_user",
         ADMIN_OR_SYSTEM_READER + " or (role:reader and domain_id:%(target.user.domain_id)s) or user_id:%(user_id)s",
         "List groups for user.", scopes=ALL),
    rule("identity:create_group",
         ADMIN + " or (role:manager and domain_id:%(target.group.domain_id)s)",
         "Create group.", scopes=ALL),
    rule("identity:update_group",
         ADMIN + " or (role:manager and domain_id:%(target.group.domain_id)s)",
         "Update group.", scopes=ALL),
    rule("identity:delete_group",
         ADMIN + " or (role:manager and domain_id:%(target.group.domain_id)s)",
         "Delete group.", scopes=ALL),
    rule("identity:list_users_in_group",
         ADMIN_OR_SYSTEM_READER + " or (role:reader and domain_id:%(target.group.domain_id)s)",
         "List users in group.", scopes=ALL),
    rule("identity:remove_user_from_group",
         ADMIN + " or (role:manager and domain_id:%(target.group.domain_id)s and domain_id:%(target.user.domain_id)s)",
         "Remove user from group.", scopes=ALL),
    rule("identity:check_user_in_group",
         ADMIN_OR_SYSTEM_READER
         + " or (role:reader and domain_id:%(target.group.domain_id)s and domain_id:%(target.user.domain_id)s)",
         "Check user in group.", scopes=ALL),
    rule("identity:add_user_to_group",
         ADMIN + " or (role:manager and domain_id:%(target.group.domain_id)s and domain_id:%(target.user.domain_id)s)",
         "Add user to group.", scopes=ALL),
)
