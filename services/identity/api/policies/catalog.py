"""Who may do what with regions, services and endpoints; names and defaults are upstream's."""

from common.http.policy import rule
from services.identity.api.policies.base import ADMIN, ADMIN_OR_SYSTEM_READER, ALL, ANYONE, NOT_DOMAIN

RULES = (
    rule("identity:get_endpoint", ADMIN_OR_SYSTEM_READER, "Get endpoint.", scopes=NOT_DOMAIN),
    rule("identity:list_endpoints", ADMIN_OR_SYSTEM_READER, "List endpoints.", scopes=NOT_DOMAIN),
    rule("identity:create_endpoint", ADMIN, "Create endpoint.", scopes=NOT_DOMAIN),
    rule("identity:update_endpoint", ADMIN, "Update endpoint.", scopes=NOT_DOMAIN),
    rule("identity:delete_endpoint", ADMIN, "Delete endpoint.", scopes=NOT_DOMAIN),
    rule("identity:get_region", ANYONE, "Get region.", scopes=ALL),
    rule("identity:list_regions", ANYONE, "List regions.", scopes=ALL),
    rule("identity:create_region", ADMIN, "Create region.", scopes=NOT_DOMAIN),
    rule("identity:update_region", ADMIN, "Update region.", scopes=NOT_DOMAIN),
    rule("identity:delete_region", ADMIN, "Delete region.", scopes=NOT_DOMAIN),
    rule("identity:get_service", ADMIN_OR_SYSTEM_READER, "Get service.", scopes=NOT_DOMAIN),
    rule("identity:list_services", ADMIN_OR_SYSTEM_READER, "List services.", scopes=NOT_DOMAIN),
    rule("identity:create_service", ADMIN, "Create service.", scopes=NOT_DOMAIN),
    rule("identity:update_service", ADMIN, "Update service.", scopes=NOT_DOMAIN),
    rule("identity:delete_service", ADMIN, "Delete service.", scopes=NOT_DOMAIN),
)
