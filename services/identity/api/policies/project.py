"""Who may do what with projects; names and defaults are upstream's."""

from common.http.policy import rule
from services.identity.api.policies.base import ADMIN, ADMIN_OR_SYSTEM_READER, ALL

_READERS = (ADMIN_OR_SYSTEM_READER + " or (role:reader and domain_id:%(target.project.domain_id)s"
            " and not None:%(target.project.domain_id)s) or project_id:%(target.project.id)s")

RULES = (
    rule("identity:get_project",
         _READERS,
         "Get project.", scopes=ALL),
    rule("identity:list_projects",
         ADMIN_OR_SYSTEM_READER + " or (role:reader and domain_id:%(target.domain_id)s)",
         "List projects.", scopes=ALL),
    rule("identity:list_user_projects",
         ADMIN_OR_SYSTEM_READER + " or (role:reader and domain_id:%(target.user.domain_id)s) or user_id:%(target.user.id)s",
         "List user projects.", scopes=ALL),
    rule("identity:create_project",
         ADMIN + " or (role:manager and domain_id:%(target.project.domain_id)s and not None:%(target.project.domain_id)s)",
         "Create project.", scopes=ALL),
    rule("identity:update_project",
         ADMIN + " or (role:manager and domain_id:%(target.project.domain_id)s and not None:%(target.project.domain_id)s)",
         "Update project.", scopes=ALL),
    rule("identity:delete_project",
         ADMIN + " or (role:manager and domain_id:%(target.project.domain_id)s and not None:%(target.project.domain_id)s)",
         "Delete project.", scopes=ALL),
    rule("identity:list_project_tags",
         _READERS,
         "List project tags.", scopes=ALL),
    rule("identity:get_project_tag",
         _READERS,
         "Get project tag.", scopes=ALL),
    rule("identity:update_project_tags",
         ADMIN + " or (role:manager and domain_id:%(target.project.domain_id)s and not None:%(target.project.domain_id)s)",
         "Update project tags.", scopes=ALL),
    rule("identity:create_project_tag",
         ADMIN + " or (role:manager and domain_id:%(target.project.domain_id)s and not None:%(target.project.domain_id)s)",
         "Create project tag.", scopes=ALL),
    rule("identity:delete_project_tags",
         ADMIN + " or (role:manager and domain_id:%(target.project.domain_id)s and not None:%(target.project.domain_id)s)",
         "Delete project tags.", scopes=ALL),
    rule("identity:delete_project_tag",
         ADMIN + " or (role:manager and domain_id:%(target.project.domain_id)s and not None:%(target.project.domain_id)s)",
         "Delete project tag.", scopes=ALL),
)
