"""Every URL of identity."""

from common.http.route import PUBLIC, Route, Row
from services.identity.api import (
    assignment,
    catalog,
    domain,
    group,
    project,
    role,
    routes_extensions,
    token,
    user,
    versions,
)
from services.identity.api.schemas import OBJECT
from services.identity.api.schemas import catalog as catalog_schema
from services.identity.api.schemas import group as group_schema
from services.identity.api.schemas import project as project_schema
from services.identity.api.schemas import role as role_schema
from services.identity.api.schemas import user as user_schema


def _grants(place: str, noun: str = "grant") -> list[Row]:
    """The routes of role assignments to users and groups at `place`."""
    rows: list[Row] = []
    for actor in ("user", "group"):
        base = f"{place}/{actor}s/<{actor}_id>/roles"
        suffix = "" if noun == "grant" else f"_for_{actor}"
        rows += [
            Route("GET", base, assignment.roles, f"identity:list_{noun}s{suffix}", targeted=True),
            Route("PUT", base + "/<role_id>", assignment.give, f"identity:create_{noun}{suffix}", status=204, targeted=True),
            Route("GET", base + "/<role_id>", assignment.check, f"identity:check_{noun}{suffix}", status=204, targeted=True),
            Route("DELETE", base + "/<role_id>", assignment.take, f"identity:revoke_{noun}{suffix}", status=204,
                  targeted=True),
        ]
    return rows


def _inherited(place: str) -> list[Row]:
    """The routes of role assignments that the projects below `place` inherit; lists exist for domains only, as upstream."""
    rows: list[Row] = []
    for actor in ("user", "group"):
        base = f"/v3/OS-INHERIT{place}/{actor}s/<{actor}_id>/roles"
        one = base + "/<role_id>/inherited_to_projects"
        if place.startswith("/domains/"):
            rows.append(Route("GET", base + "/inherited_to_projects", assignment.roles, "identity:list_grants", targeted=True))
        rows += [
            Route("PUT", one, assignment.give, "identity:create_grant", status=204, targeted=True),
            Route("GET", one, assignment.check, "identity:check_grant", status=204, targeted=True),
            Route("DELETE", one, assignment.take, "identity:revoke_grant", status=204, targeted=True),
        ]
    return rows


_AUTH: list[Row] = [
    Route("GET", "/", versions.index, PUBLIC, status=300),
    Route("GET", "/v3", versions.show, PUBLIC),
    Route("POST", "/v3/auth/tokens", token.issue, PUBLIC, body=OBJECT, status=201),
    Route("GET", "/v3/auth/tokens", token.validate, "identity:validate_token", targeted=True),
    Route("HEAD", "/v3/auth/tokens", token.check, "identity:check_token", targeted=True),
    Route("DELETE", "/v3/auth/tokens", token.revoke, "identity:revoke_token", status=204, targeted=True),
    Route("GET", "/v3/auth/catalog", token.catalog_of_caller, "identity:get_auth_catalog"),
    Route("GET", "/v3/auth/projects", token.projects, "identity:get_auth_projects"),
    Route("GET", "/v3/auth/domains", token.domains, "identity:get_auth_domains"),
    Route("GET", "/v3/auth/system", token.system, "identity:get_auth_system"),
]
_PROJECTS: list[Row] = [
    Route("GET", "/v3/projects", project.index, "identity:list_projects", targeted=True),
    Route("POST", "/v3/projects", project.create, "identity:create_project", body=OBJECT, targeted=True),
    Route("GET", "/v3/projects/<project_id>", project.show, "identity:get_project", targeted=True),
    Route("PATCH", "/v3/projects/<project_id>", project.update, "identity:update_project", body=OBJECT,
          targeted=True),
    Route("DELETE", "/v3/projects/<project_id>", project.delete, "identity:delete_project", status=204, targeted=True),
    Route("GET", "/v3/projects/<project_id>/tags", project.tags, "identity:list_project_tags", targeted=True),
    Route("PUT", "/v3/projects/<project_id>/tags", project.set_tags, "identity:update_project_tags",
          body=OBJECT, targeted=True),
    Route("DELETE", "/v3/projects/<project_id>/tags", project.clear_tags, "identity:delete_project_tags", targeted=True),
    Route("GET", "/v3/projects/<project_id>/tags/<tag>", project.has_tag, "identity:get_project_tag", targeted=True),
    Route("PUT", "/v3/projects/<project_id>/tags/<tag>", project.add_tag, "identity:create_project_tag", targeted=True),
    Route("DELETE", "/v3/projects/<project_id>/tags/<tag>", project.drop_tag, "identity:delete_project_tag",
          targeted=True),
    Route("GET", "/v3/domains", domain.index, "identity:list_domains", targeted=True),
    Route("POST", "/v3/domains", domain.create, "identity:create_domain", body=project_schema.CREATE_DOMAIN),
    Route("GET", "/v3/domains/<domain_id>", domain.show, "identity:get_domain", targeted=True),
    Route("PATCH", "/v3/domains/<domain_id>", domain.update, "identity:update_domain", body=project_schema.UPDATE_DOMAIN,
          targeted=True),
    Route("DELETE", "/v3/domains/<domain_id>", domain.delete, "identity:delete_domain", targeted=True),
]
_USERS: list[Row] = [
    Route("GET", "/v3/users", user.index, "identity:list_users", targeted=True),
    Route("POST", "/v3/users", user.create, "identity:create_user", body=user_schema.CREATE, targeted=True),
    Route("GET", "/v3/users/<user_id>", user.show, "identity:get_user", targeted=True),
    Route("PATCH", "/v3/users/<user_id>", user.update, "identity:update_user", body=user_schema.UPDATE, targeted=True),
    Route("DELETE", "/v3/users/<user_id>", user.delete, "identity:delete_user", targeted=True),
    Route("POST", "/v3/users/<user_id>/password", user.change_password, PUBLIC, body=user_schema.PASSWORD, status=204),
    Route("DELETE", "/v3/users/<user_id>/tokens", token.revoke_all, "identity:revoke_tokens_for_user", status=204,
          targeted=True),
    Route("GET", "/v3/users/<user_id>/projects", project.of_user, "identity:list_user_projects", targeted=True),
    Route("GET", "/v3/users/<user_id>/groups", group.of_user, "identity:list_groups_for_user", targeted=True),
    Route("GET", "/v3/groups", group.index, "identity:list_groups", targeted=True),
    Route("POST", "/v3/groups", group.create, "identity:create_group", body=group_schema.CREATE, targeted=True),
    Route("GET", "/v3/groups/<group_id>", group.show, "identity:get_group", targeted=True),
    Route("PATCH", "/v3/groups/<group_id>", group.update, "identity:update_group", body=group_schema.UPDATE, targeted=True),
    Route("DELETE", "/v3/groups/<group_id>", group.delete, "identity:delete_group", targeted=True),
    Route("GET", "/v3/groups/<group_id>/users", group.members, "identity:list_users_in_group", targeted=True),
    Route("GET", "/v3/groups/<group_id>/users/<user_id>", group.check, "identity:check_user_in_group", targeted=True),
    Route("PUT", "/v3/groups/<group_id>/users/<user_id>", group.join, "identity:add_user_to_group", targeted=True),
    Route("DELETE", "/v3/groups/<group_id>/users/<user_id>", group.leave, "identity:remove_user_from_group",
          targeted=True),
]
_IMPLIED = "/v3/roles/<role_id>/implies/<implied_role_id>"
_ROLES: list[Row] = [
    Route("GET", "/v3/roles", role.index, "identity:list_roles", targeted=True),
    Route("POST", "/v3/roles", role.create, "identity:create_role", body=role_schema.CREATE, targeted=True),
    Route("GET", "/v3/roles/<role_id>", role.show, "identity:get_role", targeted=True),
    Route("PATCH", "/v3/roles/<role_id>", role.update, "identity:update_role", body=role_schema.UPDATE, targeted=True),
    Route("DELETE", "/v3/roles/<role_id>", role.delete, "identity:delete_role", targeted=True),
    Route("GET", "/v3/roles/<role_id>/implies", role.implications, "identity:list_implied_roles", targeted=True),
    Route("GET", _IMPLIED, role.show_implication, "identity:get_implied_role", targeted=True),
    Route("HEAD", _IMPLIED, role.check_implication, "identity:check_implied_role", status=204, targeted=True),
    Route("PUT", _IMPLIED, role.imply, "identity:create_implied_role", status=201, targeted=True),
    Route("DELETE", _IMPLIED, role.unimply, "identity:delete_implied_role", targeted=True),
    Route("GET", "/v3/role_inferences", role.inferences, "identity:list_role_inference_rules"),
    Route("GET", "/v3/role_assignments", assignment.index, "identity:list_role_assignments", targeted=True),
]
_CATALOG: list[Row] = [
    Route("GET", "/v3/regions", catalog.regions, "identity:list_regions"),
    Route("POST", "/v3/regions", catalog.create_region, "identity:create_region", body=catalog_schema.CREATE_REGION),
    Route("GET", "/v3/regions/<region_id>", catalog.show_region, "identity:get_region"),
    Route("PUT", "/v3/regions/<region_id>", catalog.put_region, "identity:create_region",
          body=catalog_schema.CREATE_REGION),
    Route("PATCH", "/v3/regions/<region_id>", catalog.update_region, "identity:update_region",
          body=catalog_schema.UPDATE_REGION),
    Route("DELETE", "/v3/regions/<region_id>", catalog.delete_region, "identity:delete_region"),
    Route("GET", "/v3/services", catalog.services, "identity:list_services"),
    Route("POST", "/v3/services", catalog.create_service, "identity:create_service", body=catalog_schema.CREATE_SERVICE,
          schema_first=False),
    Route("GET", "/v3/services/<service_id>", catalog.show_service, "identity:get_service"),
    Route("PATCH", "/v3/services/<service_id>", catalog.update_service, "identity:update_service",
          body=catalog_schema.UPDATE_SERVICE),
    Route("DELETE", "/v3/services/<service_id>", catalog.delete_service, "identity:delete_service"),
    Route("GET", "/v3/endpoints", catalog.endpoints, "identity:list_endpoints"),
    Route("POST", "/v3/endpoints", catalog.create_endpoint, "identity:create_endpoint",
          body=catalog_schema.CREATE_ENDPOINT, schema_first=False),
    Route("GET", "/v3/endpoints/<endpoint_id>", catalog.show_endpoint, "identity:get_endpoint"),
    Route("PATCH", "/v3/endpoints/<endpoint_id>", catalog.update_endpoint, "identity:update_endpoint",
          body=catalog_schema.UPDATE_ENDPOINT),
    Route("DELETE", "/v3/endpoints/<endpoint_id>", catalog.delete_endpoint, "identity:delete_endpoint"),
]

ROUTES: tuple[Row, ...] = (
    *_AUTH, *_PROJECTS, *_USERS, *_ROLES, *_CATALOG,
    *_grants("/v3/projects/<project_id>"), *_grants("/v3/domains/<domain_id>"), *_grants("/v3/system", "system_grant"),
    *_inherited("/projects/<project_id>"), *_inherited("/domains/<domain_id>"),
    *routes_extensions.ROUTES,
)
