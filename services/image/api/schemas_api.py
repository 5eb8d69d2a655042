"""The schema documents, as routes."""

from typing import Any

from common import errors
from common.http.request import Request


def show(request: Request, name: str) -> Any:
    """200 with the schema; 404."""
    return _document(request, name)


def show_metadef(request: Request, name: str) -> Any:
    """200 with the schema; 404."""
    return _document(request, f"metadefs/{name}")


def _document(request: Request, name: str) -> Any:
    document = request.app.documents.get(name)
    if document is None:
        raise errors.NotFound("The resource could not be found.")
    return document
