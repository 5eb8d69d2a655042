"""How inventories are printed."""

from collections.abc import Sequence
from typing import Any

from services.scheduler.db.inventories import FIELDS


def inventory(row: Any) -> dict[str, Any]:
    """The fields of one inventory."""
    return {field: getattr(row, field) for field in FIELDS}


def inventories(rows: Sequence[Any], generation: int) -> dict[str, Any]:
    """All inventories of a provider by class."""
    return {"inventories": {row.name: inventory(row) for row in rows}, "resource_provider_generation": generation}
