"""Every URL of the Placement API."""

from common.http.route import PUBLIC, Route
from services.scheduler.api import (
    allocation_candidates,
    allocations,
    inventories,
    resource_classes,
    resource_providers,
    root,
    traits,
    usages,
)
from services.scheduler.api.schemas import allocations as allocation_schemas
from services.scheduler.api.schemas import resource_classes as class_schemas
from services.scheduler.api.schemas import resource_providers as provider_schemas
from services.scheduler.api.schemas.common import ANYTHING

_RP = "/resource_providers/<uuid>"
_P = "placement:resource_providers"
# ANYTHING: as upstream, the handler finds the provider before it looks at the body

ROUTES = (
    Route("GET", "/", root.show, PUBLIC),
    Route("GET", "/resource_providers", resource_providers.index, f"{_P}:list"),
    Route("POST", "/resource_providers", resource_providers.create, f"{_P}:create", body=provider_schemas.CREATE),
    Route("GET", _RP, resource_providers.show, f"{_P}:show"),
    Route("PUT", _RP, resource_providers.update, f"{_P}:update", body=ANYTHING),
    Route("DELETE", _RP, resource_providers.delete, f"{_P}:delete", status=204),
    Route("GET", f"{_RP}/inventories", inventories.index, f"{_P}:inventories:list"),
    Route("POST", f"{_RP}/inventories", inventories.create, f"{_P}:inventories:create", body=ANYTHING),
    Route("PUT", f"{_RP}/inventories", inventories.set_all, f"{_P}:inventories:update", body=ANYTHING),
    Route("DELETE", f"{_RP}/inventories", inventories.delete_all, f"{_P}:inventories:delete", status=204),
    Route("GET", f"{_RP}/inventories/<resource_class>", inventories.show, f"{_P}:inventories:show"),
    Route("PUT", f"{_RP}/inventories/<resource_class>", inventories.update, f"{_P}:inventories:update",
          body=ANYTHING),
    Route("DELETE", f"{_RP}/inventories/<resource_class>", inventories.delete, f"{_P}:inventories:delete", status=204),
    Route("GET", f"{_RP}/usages", usages.of_provider, f"{_P}:usages"),
    Route("GET", f"{_RP}/aggregates", resource_providers.show_aggregates, f"{_P}:aggregates:list", since="1.1"),
    Route("PUT", f"{_RP}/aggregates", resource_providers.set_aggregates, f"{_P}:aggregates:update", since="1.1",
          body=ANYTHING),
    Route("GET", f"{_RP}/allocations", allocations.of_provider, f"{_P}:allocations:list"),
    Route("GET", f"{_RP}/traits", resource_providers.show_traits, f"{_P}:traits:list", since="1.6"),
    Route("PUT", f"{_RP}/traits", resource_providers.set_traits, f"{_P}:traits:update", since="1.6",
          body=provider_schemas.TRAITS),
    Route("DELETE", f"{_RP}/traits", resource_providers.delete_traits, f"{_P}:traits:delete", since="1.6", status=204),
    Route("GET", "/resource_classes", resource_classes.index, "placement:resource_classes:list", since="1.2"),
    Route("POST", "/resource_classes", resource_classes.create, "placement:resource_classes:create", since="1.2",
          body=class_schemas.NAMED, status=201),
    Route("GET", "/resource_classes/<name>", resource_classes.show, "placement:resource_classes:show", since="1.2"),
    Route("PUT", "/resource_classes/<name>", resource_classes.rename, "placement:resource_classes:update", since="1.2",
          until="1.6", body=class_schemas.NAMED),
    Route("PUT", "/resource_classes/<name>", resource_classes.ensure, "placement:resource_classes:update", since="1.7"),
    Route("DELETE", "/resource_classes/<name>", resource_classes.delete, "placement:resource_classes:delete",
          since="1.2", status=204),
    Route("GET", "/traits", traits.index, "placement:traits:list", since="1.6"),
    Route("GET", "/traits/<name>", traits.show, "placement:traits:show", since="1.6", status=204),
    Route("PUT", "/traits/<name>", traits.ensure, "placement:traits:update", since="1.6"),
    Route("DELETE", "/traits/<name>", traits.delete, "placement:traits:delete", since="1.6", status=204),
    Route("GET", "/allocations/<consumer_uuid>", allocations.show, "placement:allocations:list"),
    Route("PUT", "/allocations/<consumer_uuid>", allocations.replace, "placement:allocations:update",
          body=allocation_schemas.REPLACE, status=204),
    Route("DELETE", "/allocations/<consumer_uuid>", allocations.delete, "placement:allocations:delete", status=204),
    Route("POST", "/allocations", allocations.replace_many, "placement:allocations:manage", since="1.13",
          body=allocation_schemas.REPLACE_MANY, status=204),
    Route("POST", "/reshaper", allocations.reshape, "placement:reshaper:reshape", since="1.30",
          body=allocation_schemas.RESHAPE, status=204),
    Route("GET", "/allocation_candidates", allocation_candidates.index, "placement:allocation_candidates:list",
          since="1.10"),
    Route("GET", "/usages", usages.of_project, "placement:usages", since="1.9", targeted=True),
)
