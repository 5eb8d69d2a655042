"""Sagas of the image service: inserting and cancelling them with the change they belong to."""

from typing import Any

from sqlalchemy import orm

from common.db import sagas as rows
from services.image.db.models import Saga


def insert(session: orm.Session, kind: str, resource_id: str, context: Any, data: dict[str, Any]) -> str:
    """Add a saga; its id, to poke a conductor with after the transaction."""
    return rows.insert(session, Saga, kind, resource_id, context, data)


def cancel(session: orm.Session, image_id: str) -> int:
    """Cancel whatever runs on an image; how many."""
    return rows.cancel(session, Saga, image_id)


def active(session: orm.Session, image_id: str) -> list[Any]:
    """What runs on an image."""
    return list(rows.active(session, Saga, image_id))
