"""Who may do what with which endpoints a project sees; names and defaults are upstream's."""

from common.http.policy import rule
from services.identity.api.policies.base import ADMIN, ADMIN_OR_SYSTEM_READER, NOT_DOMAIN

RULES = (
    rule("identity:create_endpoint_group", ADMIN, "Create endpoint group.", scopes=NOT_DOMAIN),
    rule("identity:list_endpoint_groups", ADMIN_OR_SYSTEM_READER, "List endpoint groups.", scopes=NOT_DOMAIN),
    rule("identity:get_endpoint_group", ADMIN_OR_SYSTEM_READER, "Get endpoint group.", scopes=NOT_DOMAIN),
    rule("identity:update_endpoint_group", ADMIN, "Update endpoint group.", scopes=NOT_DOMAIN),
    rule("identity:delete_endpoint_group", ADMIN, "Delete endpoint group.", scopes=NOT_DOMAIN),
    rule("identity:list_projects_associated_with_endpoint_group",
         ADMIN_OR_SYSTEM_READER,
         "List projects associated with endpoint group.", scopes=NOT_DOMAIN),
    rule("identity:list_endpoints_associated_with_endpoint_group",
         ADMIN_OR_SYSTEM_READER,
         "List endpoints associated with endpoint group.", scopes=NOT_DOMAIN),
    rule("identity:get_endpoint_group_in_project",
         ADMIN_OR_SYSTEM_READER,
         "Get endpoint group in project.", scopes=NOT_DOMAIN),
    rule("identity:list_endpoint_groups_for_project",
         ADMIN_OR_SYSTEM_READER,
         "List endpoint groups for project.", scopes=NOT_DOMAIN),
    rule("identity:add_endpoint_group_to_project", ADMIN, "Add endpoint group to project.", scopes=NOT_DOMAIN),
    rule("identity:remove_endpoint_group_from_project",
         ADMIN,
         "Remove endpoint group from project.", scopes=NOT_DOMAIN),
    rule("identity:list_projects_for_endpoint",
         ADMIN_OR_SYSTEM_READER,
         "List projects for endpoint.", scopes=NOT_DOMAIN),
    rule("identity:add_endpoint_to_project", ADMIN, "Add endpoint to project.", scopes=NOT_DOMAIN),
    rule("identity:check_endpoint_in_project",
         ADMIN_OR_SYSTEM_READER,
         "Check endpoint in project.", scopes=NOT_DOMAIN),
    rule("identity:list_endpoints_for_project",
         ADMIN_OR_SYSTEM_READER,
         "List endpoints for project.", scopes=NOT_DOMAIN),
    rule("identity:remove_endpoint_from_project", ADMIN, "Remove endpoint from project.", scopes=NOT_DOMAIN),
)
