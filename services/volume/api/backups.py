"""Backups: there is no backup service yet, so there are none; clients that look for them before they clean up find that out."""

from typing import Any

from common import errors
from common.http.request import Request


def index(request: Request) -> dict[str, Any]:
    """200: none."""
    return {"backups": []}


def show(request: Request, backup_id: str) -> None:
    """404."""
    raise errors.NotFound(f"Backup {backup_id} could not be found.")
