"""Metadata definitions as clients read them."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from common import clock

ROOT = "/v2/metadefs/namespaces"


def _path(namespace: str, *more: str) -> str:
    return "/".join([ROOT, quote(namespace, safe=":"), *[quote(m, safe=":") for m in more]])


def _dates(row: Any) -> dict[str, Any]:
    return {"created_at": clock.iso(row.created_at), "updated_at": clock.iso(row.updated_at)}


def namespace(row: Any, associations: Sequence[tuple[Any, str]] = ()) -> dict[str, Any]:
    """A namespace without its contents, but with its associations where there are any."""
    view = {"namespace": row.namespace, "display_name": row.display_name, "description": row.description,
            "visibility": row.visibility, "protected": row.protected, "owner": row.owner, **_dates(row),
            "self": _path(row.namespace), "schema": "/v2/schemas/metadefs/namespace"}
    if associations:
        view["resource_type_associations"] = [association(a, name) for a, name in associations]
    return {k: v for k, v in view.items() if v is not None}


def item(kind: str, row: Any, of: str, prefix: str = "") -> dict[str, Any]:
    """An object, property or tag of namespace `of`; `prefix` goes before the names of an object's properties."""
    if kind == "property":
        return {"name": row.name, **row.body}
    view: dict[str, Any] = {"name": row.name}
    if kind == "object":
        view.update(description=row.description, required=[prefix + r for r in row.required or []],
                    properties={prefix + k: v for k, v in (row.properties or {}).items()},
                    self=_path(of, "objects", row.name), schema="/v2/schemas/metadefs/object")
    view.update(_dates(row))
    return {k: v for k, v in view.items() if v is not None}


def association(row: Any, name: str) -> dict[str, Any]:
    """That a namespace applies to resource type `name`."""
    view = {"name": name, "prefix": row.prefix, "properties_target": row.properties_target, **_dates(row)}
    return {k: v for k, v in view.items() if v is not None}


def resource_type(row: Any) -> dict[str, Any]:
    """A resource type."""
    return {"name": row.name, **_dates(row)}
