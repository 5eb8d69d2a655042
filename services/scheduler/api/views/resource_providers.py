"""How a provider is printed."""

from typing import Any

from common.http.request import Request
from services.scheduler.api.common import prefix
from services.scheduler.domain.index import Index, Provider

_LINKS = (("self", "", "1.0"), ("inventories", "/inventories", "1.0"), ("usages", "/usages", "1.0"),
          ("aggregates", "/aggregates", "1.1"), ("traits", "/traits", "1.6"), ("allocations", "/allocations", "1.11"))


def provider(request: Request, item: Provider, index: Index) -> dict[str, Any]:
    """A provider of the index."""
    return _printed(request, item, index.parent_uuid(item), index.providers[item.root_id].uuid)


def provider_row(request: Request, row: Any) -> dict[str, Any]:
    """A provider's row of the schema."""
    return _printed(request, row, row.parent_uuid, row.root_uuid)


def _printed(request: Request, item: Any, parent_uuid: str | None, root_uuid: str) -> dict[str, Any]:
    path = f"{prefix(request)}/resource_providers/{item.uuid}"
    out: dict[str, Any] = {
        "uuid": item.uuid, "name": item.name, "generation": item.generation,
        "links": [{"rel": rel, "href": path + tail} for rel, tail, since in _LINKS if request.at_least(since)],
    }
    if request.at_least("1.14"):
        out["parent_provider_uuid"], out["root_provider_uuid"] = parent_uuid, root_uuid
    return out
