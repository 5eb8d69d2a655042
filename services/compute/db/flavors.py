"""Flavors and the projects that may use private ones."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc, orm

from common import errors
from common.db.filters import paginate
from common.db.prepared import prepared
from common.db.session import unique_violation
from common.http.paging import Page
from services.compute.db.models import Flavor, FlavorAccess

SORT_KEYS = {"flavorid": Flavor.flavorid, "name": Flavor.name, "memory_mb": Flavor.memory_mb, "vcpus": Flavor.vcpus,
             "root_gb": Flavor.root_gb, "ephemeral_gb": Flavor.ephemeral_gb, "swap": Flavor.swap, "id": Flavor.id,
             "rxtx_factor": Flavor.rxtx_factor, "created_at": Flavor.created_at, "updated_at": Flavor.updated_at,
             "disabled": Flavor.disabled, "is_public": Flavor.is_public, "vcpu_weight": Flavor.id}


def not_found(flavor_id: str) -> errors.NotFound:
    """The 404 of a flavor."""
    return errors.NotFound(f"Flavor {flavor_id} could not be found.")


def _usable(project_id: str | None) -> Any:
    """What a project may see: public flavors, and private ones that it has access to."""
    shared = sa.exists().where(FlavorAccess.flavor_id == Flavor.id, FlavorAccess.project_id == (project_id or ""))
    return sa.or_(Flavor.is_public.is_(True), shared)


def get(session: orm.Session, flavor_id: str, *, project_id: str | None = None, everything: bool = True) -> Any:
    """The flavor of that id; errors.NotFound when there is none, or (not `everything`) the project may not use it."""
    row = session.execute(_get(everything), {"the_id": flavor_id, "project": project_id or ""}).first()
    if row is None:
        raise not_found(flavor_id)
    return row


@functools.cache
def _get(everything: bool) -> Any:
    c, access = Flavor.__table__.c, FlavorAccess.__table__.c
    query = sa.select(Flavor.__table__).where(c.flavorid == sa.bindparam("the_id"))
    if not everything:
        shared = sa.exists().where(access.flavor_id == c.id, access.project_id == sa.bindparam("project"))
        query = query.where(sa.or_(c.is_public.is_(True), shared))
    return prepared(query)


def page(session: orm.Session, page: Page, *, project_id: str | None, public: bool | None, everything: bool,
         min_ram: int | None = None, min_disk: int | None = None, name: str | None = None) -> Sequence[Any]:
    """Flavors with is_public `public` (None: either); without `everything` only what the project may use."""
    query = sa.select(Flavor).where(Flavor.disabled.is_(False)) if not everything else sa.select(Flavor)
    if not everything:
        query = query.where(_usable(project_id))
    if public is not None:
        query = query.where(Flavor.is_public.is_(public))
    if min_ram is not None:
        query = query.where(Flavor.memory_mb >= min_ram)
    if min_disk is not None:
        query = query.where(Flavor.root_gb >= min_disk)
    if name is not None:
        query = query.where(Flavor.name.regexp_match(name))
    return session.scalars(paginate(session, query, Flavor, page, columns=SORT_KEYS, id_column=Flavor.flavorid)).all()


def insert(session: orm.Session, values: Mapping[str, Any]) -> Any:
    """A new flavor; errors.Conflict when its name or id is taken."""
    row = Flavor(**values)
    session.add(row)
    try:
        session.flush()
    except exc.IntegrityError as e:
        if not unique_violation(e):
            raise
        session.rollback()
        if session.scalars(sa.select(Flavor.id).where(Flavor.name == values["name"])).first() is not None:
            raise errors.Conflict(f"Flavor with name {values['name']} already exists.") from e
        raise errors.Conflict(f"Flavor with ID {values['flavorid']} already exists.") from e
    if not row.is_public and values.get("access"):
        session.add(FlavorAccess(flavor_id=row.id, project_id=values["access"]))
    return row


def lock(session: orm.Session, flavor_id: str) -> Any:
    """The live row, held until the transaction ends, so that its extra specs can be changed."""
    row = session.scalars(sa.select(Flavor).where(Flavor.flavorid == flavor_id).with_for_update()).first()
    if row is None:
        raise not_found(flavor_id)
    return row


def delete(session: orm.Session, flavor_id: str) -> None:
    """Remove a flavor; servers keep their copy. errors.NotFound when there is none."""
    row = get(session, flavor_id)
    session.execute(sa.delete(FlavorAccess).where(FlavorAccess.flavor_id == row.id))
    session.execute(sa.delete(Flavor).where(Flavor.id == row.id))


def access(session: orm.Session, flavor: Any) -> list[str]:
    """Projects that may use a private flavor."""
    return list(session.scalars(sa.select(FlavorAccess.project_id).where(FlavorAccess.flavor_id == flavor.id)
                                .order_by(FlavorAccess.project_id)))


def add_access(session: orm.Session, flavor: Any, project_id: str) -> None:
    """Let a project use a flavor; errors.Conflict when it may already."""
    if project_id in access(session, flavor):
        raise errors.Conflict(f"Flavor access already exists for flavor {flavor.flavorid} and project {project_id} combination.")
    session.add(FlavorAccess(flavor_id=flavor.id, project_id=project_id))
    session.flush()


def remove_access(session: orm.Session, flavor: Any, project_id: str) -> None:
    """The reverse; errors.NotFound when it may not."""
    found = session.execute(sa.delete(FlavorAccess).where(FlavorAccess.flavor_id == flavor.id,
                                                          FlavorAccess.project_id == project_id))
    if found.rowcount == 0:
        raise errors.NotFound(f"Flavor access not found for {flavor.flavorid} / {project_id} combination.")
