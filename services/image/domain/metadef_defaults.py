"""The metadata definitions that a new cloud starts with, read from `services/image/metadefs/*.json`."""

import json
import logging
import pathlib
from typing import Any

from common import errors
from common.db.session import Database, Session
from services.image.db import metadefs as rows
from services.image.domain import metadefs

LOG = logging.getLogger(__name__)
FOLDER = pathlib.Path(__file__).parent.parent / "metadefs"


def load(database: Database) -> None:
    """Write the default namespaces where there is none at all; as the first of all API processes."""
    with database.read() as session:
        if rows.any_namespace(session):
            return
    documents = [json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))]
    try:
        made = database.transaction(_write, documents)
    except errors.Conflict:
        return  # another process was first
    LOG.info("%d namespaces of metadata definitions were loaded", made)


def _write(session: Session, documents: list[dict[str, Any]]) -> int:
    if rows.any_namespace(session):
        return 0
    for document in documents:
        metadefs.create_namespace(session, {"visibility": "public", "protected": True, **document}, "admin")
    return len(documents)
