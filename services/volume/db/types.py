"""Queries and changes of volume types, their access, encryption, defaults and quality of service."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from common import clock
from common.db.filters import paginate
from common.db.session import Session
from common.http.paging import Page
from services.volume.db.models import DefaultType, QosSpecs, Snapshot, TypeAccess, TypeEncryption, Volume, VolumeType


def get(session: Session, type_id: str) -> VolumeType | None:
    """A type by id."""
    return session.get(VolumeType, type_id)


def find(session: Session, name_or_id: str) -> VolumeType | None:
    """A type by id or name."""
    return session.scalars(
        sa.select(VolumeType)
        .where(sa.or_(VolumeType.id == name_or_id, VolumeType.name == name_or_id))
        .order_by(sa.case((VolumeType.id == name_or_id, 0), else_=1))
    ).first()


def by_name(session: Session, name: str) -> VolumeType | None:
    """A type by name."""
    return session.scalars(sa.select(VolumeType).where(VolumeType.name == name)).first()


def usable(project_id: str | None) -> Any:
    """The condition that a type is public or open to a project."""
    return sa.or_(
        VolumeType.is_public.is_(True),
        VolumeType.id.in_(sa.select(TypeAccess.volume_type_id).where(TypeAccess.project_id == (project_id or ""))),
    )


def listing(
    session: Session, page: Page, *, visible_to: str | None, filters: Mapping[str, Any], offset: int = 0
) -> Sequence[VolumeType]:
    """One page of types: those `visible_to` a project (None: all), of a certain `is_public`."""
    visible = sa.true() if visible_to is None else usable(visible_to)
    query = sa.select(VolumeType).where(visible)
    for key, value in filters.items():
        if key == "name_like":
            query = query.where(VolumeType.name.contains(value, autoescape=True))
        else:
            query = query.where(getattr(VolumeType, key) == value)
    query = paginate(session, query, VolumeType, page, visible=visible)
    return session.scalars(query.offset(offset) if offset else query).all()


def names(session: Session) -> list[str]:
    """Names of all types."""
    return list(session.scalars(sa.select(VolumeType.name).order_by(VolumeType.name)))


def insert(session: Session, **values: Any) -> VolumeType:
    """A new type; IntegrityError when the name is taken."""
    row = VolumeType(**values)
    session.add(row)
    session.flush()
    return row


def change(session: Session, type_id: str, **values: Any) -> bool:
    """Change a type; whether it is there."""
    return bool(
        session.execute(sa.update(VolumeType).where(VolumeType.id == type_id).values(updated_at=clock.now(), **values)).rowcount
    )


def lock(session: Session, type_id: str) -> VolumeType | None:
    """A type, locked until the end of the transaction."""
    return session.scalars(
        sa.select(VolumeType).where(VolumeType.id == type_id).with_for_update().execution_options(populate_existing=True)
    ).first()


def in_use(session: Session, type_id: str) -> bool:
    """Whether a volume or snapshot has this type."""
    return any(
        session.scalars(sa.select(m.id).where(m.volume_type_id == type_id).limit(1)).first() is not None
        for m in (Volume, Snapshot)
    )


def delete(session: Session, type_id: str) -> None:
    """Remove a type with what is its own."""
    for model in (TypeAccess, TypeEncryption, DefaultType):
        session.execute(sa.delete(model).where(model.volume_type_id == type_id))
    session.execute(sa.delete(VolumeType).where(VolumeType.id == type_id))


def access(session: Session, type_id: str) -> list[str]:
    """Projects that may use a private type."""
    return list(session.scalars(sa.select(TypeAccess.project_id).where(TypeAccess.volume_type_id == type_id)))


def may_use(session: Session, type_id: str, project_id: str | None) -> bool:
    """Whether a project may use a type."""
    return session.scalars(sa.select(VolumeType.id).where(VolumeType.id == type_id, usable(project_id))).first() is not None


def add_access(session: Session, type_id: str, project_id: str) -> bool:
    """Open a type to a project; False when it was."""
    if session.get(TypeAccess, (type_id, project_id)) is not None:
        return False
    session.add(TypeAccess(volume_type_id=type_id, project_id=project_id))
    session.flush()
    return True


def remove_access(session: Session, type_id: str, project_id: str) -> bool:
    """Close a type to a project; whether it was open."""
    query = sa.delete(TypeAccess).where(TypeAccess.volume_type_id == type_id, TypeAccess.project_id == project_id)
    return bool(session.execute(query).rowcount)


# encryption


def encryption(session: Session, type_id: str) -> TypeEncryption | None:
    """How a type's volumes are encrypted."""
    return session.scalars(sa.select(TypeEncryption).where(TypeEncryption.volume_type_id == type_id)).first()


def encrypted(session: Session, type_ids: Collection[str]) -> set[str]:
    """Which of these types are encrypted."""
    return set(session.scalars(sa.select(TypeEncryption.volume_type_id).where(TypeEncryption.volume_type_id.in_(list(type_ids)))))


def add_encryption(session: Session, **values: Any) -> TypeEncryption:
    """Encrypt a type's volumes."""
    row = TypeEncryption(**values)
    session.add(row)
    session.flush()
    return row


def change_encryption(session: Session, type_id: str, **values: Any) -> None:
    """Change how a type's volumes are encrypted."""
    session.execute(
        sa.update(TypeEncryption).where(TypeEncryption.volume_type_id == type_id).values(updated_at=clock.now(), **values)
    )


def drop_encryption(session: Session, type_id: str) -> bool:
    """Stop encrypting; whether it was encrypted."""
    return bool(session.execute(sa.delete(TypeEncryption).where(TypeEncryption.volume_type_id == type_id)).rowcount)


# default types


def default_of(session: Session, project_id: str) -> str | None:
    """Id of a project's own default type."""
    return session.scalars(sa.select(DefaultType.volume_type_id).where(DefaultType.project_id == project_id)).first()


def defaults(session: Session) -> Sequence[DefaultType]:
    """Every project's own default."""
    return session.scalars(sa.select(DefaultType).order_by(DefaultType.project_id)).all()


def set_default(session: Session, project_id: str, type_id: str) -> None:
    """Give a project a default type of its own."""
    session.merge(DefaultType(project_id=project_id, volume_type_id=type_id))


def unset_default(session: Session, project_id: str) -> bool:
    """Take a project's default type away; whether it had one."""
    return bool(session.execute(sa.delete(DefaultType).where(DefaultType.project_id == project_id)).rowcount)


# quality of service


def qos(session: Session, qos_id: str) -> QosSpecs | None:
    """Quality of service by id."""
    return session.get(QosSpecs, qos_id)


def qos_locked(session: Session, qos_id: str) -> QosSpecs | None:
    """As `qos`, locked until the end of the transaction."""
    return session.scalars(
        sa.select(QosSpecs).where(QosSpecs.id == qos_id).with_for_update().execution_options(populate_existing=True)
    ).first()


def qos_listing(session: Session, page: Page) -> Sequence[QosSpecs]:
    """One page of qualities of service."""
    return session.scalars(paginate(session, sa.select(QosSpecs), QosSpecs, page)).all()


def add_qos(session: Session, **values: Any) -> QosSpecs:
    """A new quality of service; IntegrityError when the name is taken."""
    row = QosSpecs(**values)
    session.add(row)
    session.flush()
    return row


def change_qos(session: Session, qos_id: str, **values: Any) -> None:
    """Change a quality of service."""
    session.execute(sa.update(QosSpecs).where(QosSpecs.id == qos_id).values(updated_at=clock.now(), **values))


def drop_qos(session: Session, qos_id: str) -> None:
    """Remove a quality of service."""
    session.execute(sa.delete(QosSpecs).where(QosSpecs.id == qos_id))


def qos_types(session: Session, qos_id: str) -> Sequence[VolumeType]:
    """Types that have this quality of service."""
    return session.scalars(sa.select(VolumeType).where(VolumeType.qos_specs_id == qos_id).order_by(VolumeType.name)).all()


def disassociate_all(session: Session, qos_id: str) -> None:
    """Take a quality of service from every type."""
    session.execute(sa.update(VolumeType).where(VolumeType.qos_specs_id == qos_id).values(qos_specs_id=None))
