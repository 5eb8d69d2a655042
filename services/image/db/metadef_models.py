"""The tables of metadata definitions: what properties mean, and to which kinds of resources they apply."""

import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from common import clock
from common.db.models import DateTime, Json
from services.image.db.base import Base


class _Dated:
    """When a row was made and last changed; `updated_at` is set from the start, as clients see it."""

    created_at: Mapped[datetime.datetime] = mapped_column(DateTime, default=clock.now)
    updated_at: Mapped[datetime.datetime] = mapped_column(DateTime, default=clock.now, onupdate=clock.now)


class Namespace(_Dated, Base):
    """A group of definitions with one owner."""

    __tablename__ = "metadef_namespaces"

    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True, autoincrement=True)
    namespace: Mapped[str] = mapped_column(sa.String(80), unique=True)
    display_name: Mapped[str | None] = mapped_column(sa.String(80))
    description: Mapped[str | None] = mapped_column(sa.Text)
    visibility: Mapped[str] = mapped_column(sa.String(16), default="private")
    protected: Mapped[bool] = mapped_column(sa.Boolean, default=False)
    owner: Mapped[str] = mapped_column(sa.String(255), index=True)


class Object(_Dated, Base):
    """A named set of properties inside a namespace."""

    __tablename__ = "metadef_objects"
    __table_args__ = (sa.UniqueConstraint("namespace_id", "name"),)

    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True, autoincrement=True)
    namespace_id: Mapped[int] = mapped_column(sa.ForeignKey("metadef_namespaces.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(sa.String(80))
    description: Mapped[str | None] = mapped_column(sa.Text)
    required: Mapped[Any] = mapped_column(Json, nullable=True)
    properties: Mapped[Any] = mapped_column(Json, nullable=True)


class Property(_Dated, Base):
    """One property of a namespace; `body` is its JSON schema."""

    __tablename__ = "metadef_properties"
    __table_args__ = (sa.UniqueConstraint("namespace_id", "name"),)

    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True, autoincrement=True)
    namespace_id: Mapped[int] = mapped_column(sa.ForeignKey("metadef_namespaces.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(sa.String(80))
    body: Mapped[Any] = mapped_column(Json, nullable=True)


class Tag(_Dated, Base):
    """A tag that a namespace proposes."""

    __tablename__ = "metadef_tags"
    __table_args__ = (sa.UniqueConstraint("namespace_id", "name"),)

    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True, autoincrement=True)
    namespace_id: Mapped[int] = mapped_column(sa.ForeignKey("metadef_namespaces.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(sa.String(80))


class ResourceType(_Dated, Base):
    """A kind of resource that definitions may apply to, by orchestration's name."""

    __tablename__ = "metadef_resource_types"

    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(sa.String(80), unique=True)
    protected: Mapped[bool] = mapped_column(sa.Boolean, default=False)


class Association(_Dated, Base):
    """That a namespace's properties apply to a resource type, with which prefix and target."""

    __tablename__ = "metadef_namespace_resource_types"

    namespace_id: Mapped[int] = mapped_column(sa.ForeignKey("metadef_namespaces.id", ondelete="CASCADE"), primary_key=True)
    resource_type_id: Mapped[int] = mapped_column(sa.ForeignKey("metadef_resource_types.id"), primary_key=True, index=True)
    prefix: Mapped[str | None] = mapped_column(sa.String(80))
    properties_target: Mapped[str | None] = mapped_column(sa.String(80))
