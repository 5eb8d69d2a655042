"""Making and changing metadata definitions."""

from collections.abc import Mapping, Sequence
from typing import Any

from common import clock, errors
from common.db.session import Session
from services.image.db import metadefs as rows
from services.image.db.metadef_models import Namespace, Object, Property, Tag

WORDS = {"object": "metadata object", "property": "property", "tag": "metadata tag"}
NO_SUCH_NAMESPACE, NAMESPACE_NOT_FOUND = "Metadata definition namespace={} was not found.", "Namespace {} not found"


def no_namespace(name: str, words: str = NAMESPACE_NOT_FOUND) -> errors.NotFound:
    """The answer for a namespace that is not there or not for this caller to know."""
    return errors.NotFound(words.format(name))


def taken(kind: str, name: str, namespace: str) -> errors.Conflict:
    """The answer for a name that is in use."""
    if kind == "tag":
        return errors.Conflict(f"A metadata tag with name={name} already exists in namespace={namespace}. (Please note that "
                               "metadata tag names are case insensitive).")
    return errors.Conflict(f"A metadata definition {kind} with name={name} already exists in namespace={namespace}.")


def create_namespace(session: Session, values: Mapping[str, Any], owner: str) -> Any:
    """A namespace with everything its document holds; errors.Conflict when the name is taken, BadRequest for none."""
    if not values["namespace"]:
        raise errors.BadRequest("The namespace must have a name.")
    row = Namespace(namespace=values["namespace"], display_name=values.get("display_name"),
                    description=values.get("description"), visibility=values.get("visibility", "private"),
                    protected=values.get("protected", False), owner=values.get("owner") or owner,
                    created_at=clock.now(), updated_at=clock.now())
    try:
        rows.add(session, row)
    except rows.Duplicate:
        raise errors.Conflict(f"The metadata definition namespace={values['namespace']} already exists.") from None
    for item in values.get("resource_type_associations") or []:
        associate(session, row, item)
    for item in values.get("objects") or []:
        create(session, "object", row, item)
    for item in values.get("tags") or []:
        create(session, "tag", row, item)
    for name, body in (values.get("properties") or {}).items():
        create(session, "property", row, {**body, "name": name}).body = body
    return row


def update_namespace(session: Session, name: str, values: Mapping[str, Any], owner: str) -> Any:
    """The namespace as `values` say; errors.Conflict when the new name is taken, NotFound."""
    row = require(session, name)
    row.namespace, row.display_name, row.description = values["namespace"], values.get("display_name"), values.get("description")
    row.visibility, row.protected = values.get("visibility", "private"), values.get("protected", False)
    row.owner = values.get("owner") or owner
    row.updated_at = clock.now()
    try:
        rows.flush(session)
    except rows.Duplicate:
        raise errors.Conflict("Invalid update. It would result in a duplicate metadata definition namespace with the same name "
                              f"of {values['namespace']}") from None
    return row


def require(session: Session, name: str) -> Any:
    """The namespace; errors.NotFound."""
    row = rows.namespace(session, name)
    if row is None:
        raise no_namespace(name)
    return row


def require_open(session: Session, name: str) -> Any:
    """The namespace; errors.Forbidden when it is protected."""
    row = require(session, name)
    _check_open(row, "namespace", name)
    return row


def _check_open(namespace: Any, kind: str, name: str) -> None:
    if namespace.protected:
        raise errors.Forbidden(f"Metadata definition {kind} {name} is protected and cannot be deleted.")


def delete_namespace(session: Session, name: str) -> None:
    """Delete a namespace and all that is in it; errors.NotFound, Forbidden when it is protected."""
    rows.remove(session, require_open(session, name))


def _row(kind: str, namespace: Any, values: Mapping[str, Any]) -> Any:
    common: dict[str, Any] = {"namespace_id": namespace.id, "name": values["name"], "created_at": clock.now(),
                              "updated_at": clock.now()}
    if kind == "object":
        return Object(description=values.get("description"), required=values.get("required"),
                      properties=values.get("properties") or {}, **common)
    if kind == "property":
        return Property(body=dict(values), **common)
    return Tag(**common)


def _check_name(name: str) -> None:
    if not name or "/" in name or len(name) > 80:
        raise errors.BadRequest(f"The name {name} must have 1 to 80 characters, and no slash.")


def create(session: Session, kind: str, namespace: Any, values: Mapping[str, Any]) -> Any:
    """An object, property or tag; errors.Conflict when the name is taken, BadRequest for one that cannot be in a URL."""
    _check_name(values["name"])
    try:
        return rows.add(session, _row(kind, namespace, values))
    except rows.Duplicate:
        raise taken(kind, values["name"], namespace.namespace) from None


def find(session: Session, kind: str, namespace: Any, name: str) -> Any:
    """The thing of that kind; errors.NotFound."""
    row = rows.find(session, kind, namespace.id, name)
    if row is None:
        raise errors.NotFound(f"Could not find {WORDS[kind]} {name}")
    return row


def update(session: Session, kind: str, namespace_name: str, name: str, values: Mapping[str, Any]) -> Any:
    """Replace a thing by `values`, its name too; errors.NotFound, Conflict."""
    namespace = require(session, namespace_name)
    row = find(session, kind, namespace, name)
    _check_name(values["name"])
    new = _row(kind, namespace, values)
    for field in ("name", "description", "required", "properties", "body"):
        if hasattr(new, field):
            setattr(row, field, getattr(new, field))
    row.updated_at = clock.now()
    try:
        rows.flush(session)
    except rows.Duplicate:
        raise taken(kind, values["name"], namespace_name) from None
    return row


def delete(session: Session, kind: str, namespace_name: str, name: str) -> None:
    """Delete a thing; errors.NotFound, Forbidden in a protected namespace."""
    namespace = require(session, namespace_name)
    row = find(session, kind, namespace, name)
    _check_open(namespace, kind, name)
    rows.remove(session, row)


def clear(session: Session, kind: str, namespace_name: str) -> None:
    """Delete everything of a kind; errors.NotFound, Forbidden in a protected namespace."""
    rows.clear(session, kind, require_open(session, namespace_name).id)


def set_tags(session: Session, namespace_name: str, names: Sequence[str], *, append: bool) -> list[Any]:
    """Give a namespace these tags, in place of or beside those it has; errors.Conflict when one is named twice. No names
    change nothing.
    """
    namespace = require(session, namespace_name)
    if names and not append:
        rows.clear(session, "tag", namespace.id)
    have = {t.name for t in rows.list_kind(session, "tag", namespace.id)} if append else set()
    made = []
    for name in names:
        if name in have:
            raise taken("tag", name, namespace_name)
        have.add(name)
        made.append(create(session, "tag", namespace, {"name": name}))
    return made


def associate(session: Session, namespace: Any, values: Mapping[str, Any]) -> Any:
    """Let a namespace apply to a resource type; errors.Conflict when it does so already."""
    try:
        return rows.associate(session, namespace.id, values["name"], values.get("prefix"), values.get("properties_target"))
    except rows.Duplicate:
        raise errors.Conflict(f"The metadata definition resource-type association of resource-type={values['name']} to "
                              f"namespace={namespace.namespace} already exists.") from None


def dissociate(session: Session, namespace_name: str, resource_type: str) -> None:
    """End an association; errors.NotFound, Forbidden in a protected namespace."""
    namespace = require(session, namespace_name)
    _check_open(namespace, "resource-type-association", resource_type)
    if not rows.dissociate(session, namespace.id, resource_type):
        raise errors.NotFound(f"Failed to find resource type {resource_type} to delete")
