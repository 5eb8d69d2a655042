"""Who may use Placement: operators and the other services; projects may see their own usage."""

from common.http import policy

OPERATOR_OR_SERVICE = "rule:admin_or_service_api"
_P = "placement:"
_NAMES = {
    "resource_providers:list": "List resource providers.", "resource_providers:create": "Make a resource provider.",
    "resource_providers:show": "Show a resource provider.", "resource_providers:update": "Change a resource provider.",
    "resource_providers:delete": "Remove a resource provider.",
    "resource_classes:list": "List resource classes.", "resource_classes:create": "Make a resource class.",
    "resource_classes:show": "Show a resource class.", "resource_classes:update": "Make or rename a resource class.",
    "resource_classes:delete": "Remove a resource class.",
    "resource_providers:inventories:list": "List a provider's inventories.",
    "resource_providers:inventories:create": "Add an inventory.", "resource_providers:inventories:show": "Show an inventory.",
    "resource_providers:inventories:update": "Change inventories.",
    "resource_providers:inventories:delete": "Remove inventories.",
    "resource_providers:aggregates:list": "List a provider's aggregates.",
    "resource_providers:aggregates:update": "Change a provider's aggregates.",
    "resource_providers:usages": "Show what of a provider is used.",
    "traits:list": "List traits.", "traits:show": "See whether a trait exists.", "traits:update": "Make a trait.",
    "traits:delete": "Remove a trait.", "resource_providers:traits:list": "List a provider's traits.",
    "resource_providers:traits:update": "Change a provider's traits.",
    "resource_providers:traits:delete": "Remove a provider's traits.",
    "allocations:manage": "Change allocations of several consumers.", "allocations:list": "List a consumer's allocations.",
    "allocations:update": "Change a consumer's allocations.", "allocations:delete": "Remove a consumer's allocations.",
    "resource_providers:allocations:list": "List a provider's allocations.",
    "allocation_candidates:list": "List allocation candidates.",
}
RULES = (
    policy.rule("admin_or_service_api", "role:admin or role:service", "Operators and services."),
    *(policy.rule(_P + name, OPERATOR_OR_SERVICE, text) for name, text in _NAMES.items()),
    policy.rule(_P + "reshaper:reshape", "rule:service_role", "Move inventories and allocations at once."),
    policy.rule(_P + "usages", "rule:admin_or_service_api or rule:project_reader", "Show what a project uses."),
)
