"""How allocations are printed."""

from collections.abc import Sequence
from typing import Any

from common.http.request import Request


def allocations_of_consumer(request: Request, rows: Sequence[Any]) -> dict[str, Any]:
    """A consumer's allocations by provider, with what later microversions tell about the consumer."""
    found: dict[str, Any] = {}
    for row in rows:
        item = found.setdefault(row.provider_uuid, {"resources": {}, "generation": row.provider_generation})
        item["resources"][row.name] = row.used
    out: dict[str, Any] = {"allocations": found}
    if rows and request.at_least("1.12"):
        out["project_id"], out["user_id"] = rows[0].project_id, rows[0].user_id
        if request.at_least("1.28"):
            out["consumer_generation"] = rows[0].consumer_generation
        if request.at_least("1.38"):
            out["consumer_type"] = rows[0].consumer_type or "unknown"
    return out


def allocations_of_provider(request: Request, rows: Sequence[Any], generation: int) -> dict[str, Any]:
    """A provider's allocations by consumer."""
    found: dict[str, Any] = {}
    for row in rows:
        item = found.setdefault(row.consumer_uuid, {"resources": {}})
        item["resources"][row.name] = row.used
        if request.at_least("1.28"):
            item["consumer_generation"] = row.consumer_generation
    return {"allocations": found, "resource_provider_generation": generation}
