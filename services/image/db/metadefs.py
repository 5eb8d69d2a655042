"""Metadata definitions: namespaces and the four kinds of things in them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc, orm

from common.db.filters import paginate
from common.db.session import unique_violation
from common.http.paging import Page
from services.image.db.metadef_models import Association, Namespace, Object, Property, ResourceType, Tag
from services.image.objects.image import Viewer

KINDS: dict[str, Any] = {"object": Object, "property": Property, "tag": Tag}


class Duplicate(Exception):
    """Something of that name is there."""


def visible(viewer: Viewer) -> Any:
    """The condition that a namespace is public, the viewer's own, or the viewer an operator."""
    if viewer.is_admin:
        return sa.true()
    own = Namespace.owner == viewer.project_id if viewer.project_id else sa.false()
    return sa.or_(Namespace.visibility == "public", own)


def list_namespaces(session: orm.Session, viewer: Viewer, page: Page, *, visibility: str | None = None,
                    resource_types: Sequence[str] = ()) -> Sequence[Any]:
    """One page of namespaces; `page.marker` is a namespace's name."""
    seen = visible(viewer)
    query = sa.select(Namespace).where(seen)
    if visibility:
        query = query.where(Namespace.visibility == visibility)
    if resource_types:
        found = sa.select(Association.namespace_id).join(ResourceType, ResourceType.id == Association.resource_type_id)
        query = query.where(Namespace.id.in_(found.where(ResourceType.name.in_(list(resource_types)))))
    return session.scalars(paginate(session, query, Namespace, page, id_column=Namespace.namespace, visible=seen)).all()


def namespace(session: orm.Session, name: str) -> Any | None:
    """The namespace, or None."""
    return session.scalars(sa.select(Namespace).where(Namespace.namespace == name)).first()


def add(session: orm.Session, row: Any) -> Any:
    """Write a new row; Duplicate when its name is taken."""
    session.add(row)
    try:
        session.flush()
    except exc.IntegrityError as e:
        if unique_violation(e):
            raise Duplicate(getattr(row, "name", None) or row.namespace) from e
        raise
    return row


def flush(session: orm.Session) -> None:
    """Write changed rows; Duplicate when a new name is taken."""
    try:
        session.flush()
    except exc.IntegrityError as e:
        if unique_violation(e):
            raise Duplicate("name") from e
        raise


def remove(session: orm.Session, row: Any) -> None:
    """Delete a row, and with a namespace all that is in it."""
    session.execute(sa.delete(type(row)).where(type(row).id == row.id))
    session.expunge(row)


def clear(session: orm.Session, kind: str, namespace_id: int) -> None:
    """Delete everything of one kind in a namespace."""
    model = KINDS[kind]
    session.execute(sa.delete(model).where(model.namespace_id == namespace_id))


def find(session: orm.Session, kind: str, namespace_id: int, name: str) -> Any | None:
    """The thing of that kind and name, or None."""
    model = KINDS[kind]
    return session.scalars(sa.select(model).where(model.namespace_id == namespace_id, model.name == name)).first()


def list_kind(session: orm.Session, kind: str, namespace_id: int, page: Page | None = None) -> Sequence[Any]:
    """Everything of one kind in a namespace, oldest first, or one page of it (the marker is a name)."""
    model = KINDS[kind]
    query = sa.select(model).where(model.namespace_id == namespace_id)
    if page is None:
        return session.scalars(query.order_by(model.id)).all()
    return session.scalars(paginate(session, query, model, page, id_column=model.name,
                                    visible=model.namespace_id == namespace_id)).all()


def resource_types(session: orm.Session) -> Sequence[Any]:
    """All resource types by name."""
    return session.scalars(sa.select(ResourceType).order_by(ResourceType.name)).all()


def associations(session: orm.Session, namespace_ids: Sequence[int]) -> Mapping[int, list[tuple[Any, str]]]:
    """Namespace id -> [(association, resource type's name)]; one query for all of them."""
    found: dict[int, list[tuple[Any, str]]] = defaultdict(list)
    if namespace_ids:
        query = sa.select(Association, ResourceType.name).join(ResourceType, ResourceType.id == Association.resource_type_id)
        query = query.where(Association.namespace_id.in_(list(namespace_ids))).order_by(Association.created_at, ResourceType.id)
        for row, name in session.execute(query):
            found[row.namespace_id].append((row, name))
    return found


def associate(session: orm.Session, namespace_id: int, name: str, prefix: str | None, target: str | None) -> Any:
    """Let a namespace apply to a resource type, which is made when it is not known; Duplicate when it does so."""
    kind = session.scalars(sa.select(ResourceType).where(ResourceType.name == name)).first()
    if kind is None:
        kind = add(session, ResourceType(name=name, protected=False))
    if session.get(Association, (namespace_id, kind.id)) is not None:
        raise Duplicate(name)
    return add(session, Association(namespace_id=namespace_id, resource_type_id=kind.id, prefix=prefix,
                                    properties_target=target))


def dissociate(session: orm.Session, namespace_id: int, name: str) -> bool:
    """End an association; whether there was one."""
    kind = sa.select(ResourceType.id).where(ResourceType.name == name).scalar_subquery()
    query = sa.delete(Association).where(Association.namespace_id == namespace_id, Association.resource_type_id == kind)
    return bool(session.execute(query).rowcount)


def any_namespace(session: orm.Session) -> bool:
    """Whether there is at least one namespace."""
    return session.execute(sa.select(Namespace.id).limit(1)).first() is not None
