"""The tables of images, their members, tasks and cached copies; metadata definitions have a module of their own."""

import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from common import clock
from common.db.models import DateTime, Json, SagaColumns, ServiceColumns
from services.image.db.base import Base


class Service(ServiceColumns, Base):
    """Daemons and their heartbeats."""

    __tablename__ = "services"


class Saga(SagaColumns, Base):
    """Durable operations."""

    __tablename__ = "sagas"


class Image(Base):
    """One image. A deleted one keeps its id for a while, so that nobody takes it over.

    `writer` is the id of the upload, stage or saga that fills it now; an upload's writer must prolong `writer_until`.
    """

    __tablename__ = "images"
    __table_args__ = (sa.Index(None, "deleted", "created_at", "id"), sa.Index(None, "owner", "deleted"),
                      sa.Index(None, "visibility", "deleted"))

    id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    name: Mapped[str | None] = mapped_column(sa.String(255), index=True)
    owner: Mapped[str | None] = mapped_column(sa.String(255))
    visibility: Mapped[str] = mapped_column(sa.String(16))
    status: Mapped[str] = mapped_column(sa.String(32), index=True)
    size: Mapped[int | None] = mapped_column(sa.BigInteger)
    virtual_size: Mapped[int | None] = mapped_column(sa.BigInteger)
    disk_format: Mapped[str | None] = mapped_column(sa.String(20))
    container_format: Mapped[str | None] = mapped_column(sa.String(20))
    checksum: Mapped[str | None] = mapped_column(sa.String(32), index=True)
    os_hash_algo: Mapped[str | None] = mapped_column(sa.String(64))
    os_hash_value: Mapped[str | None] = mapped_column(sa.String(128), index=True)
    min_disk: Mapped[int] = mapped_column(sa.Integer, default=0)
    min_ram: Mapped[int] = mapped_column(sa.Integer, default=0)
    protected: Mapped[bool] = mapped_column(sa.Boolean, default=False)
    os_hidden: Mapped[bool] = mapped_column(sa.Boolean, default=False)
    created_at: Mapped[datetime.datetime] = mapped_column(DateTime, default=clock.now)
    updated_at: Mapped[datetime.datetime] = mapped_column(DateTime, default=clock.now)
    deleted: Mapped[bool] = mapped_column(sa.Boolean, default=False)
    deleted_at: Mapped[datetime.datetime | None] = mapped_column(DateTime)
    writer: Mapped[str | None] = mapped_column(sa.String(36))
    writer_until: Mapped[datetime.datetime | None] = mapped_column(DateTime)


class ImageProperty(Base):
    """A free property of an image."""

    __tablename__ = "image_properties"

    image_id: Mapped[str] = mapped_column(sa.ForeignKey("images.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    value: Mapped[str | None] = mapped_column(sa.Text)


class ImageTag(Base):
    """A tag of an image."""

    __tablename__ = "image_tags"

    image_id: Mapped[str] = mapped_column(sa.ForeignKey("images.id", ondelete="CASCADE"), primary_key=True)
    value: Mapped[str] = mapped_column(sa.String(255), primary_key=True, index=True)


class ImageMember(Base):
    """A project with which an image is shared."""

    __tablename__ = "image_members"
    __table_args__ = (sa.Index(None, "member", "status"),)

    image_id: Mapped[str] = mapped_column(sa.ForeignKey("images.id", ondelete="CASCADE"), primary_key=True)
    member: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    status: Mapped[str] = mapped_column(sa.String(20), default="pending")
    created_at: Mapped[datetime.datetime] = mapped_column(DateTime, default=clock.now)
    updated_at: Mapped[datetime.datetime] = mapped_column(DateTime, default=clock.now)


class ImageLocation(Base):
    """Where an image's bytes are. `status`: active, or deleted while the bytes still have to be removed."""

    __tablename__ = "image_locations"
    __table_args__ = (sa.Index(None, "image_id", "status"),)

    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True, autoincrement=True)
    image_id: Mapped[str] = mapped_column(sa.ForeignKey("images.id", ondelete="CASCADE"))
    url: Mapped[str] = mapped_column(sa.Text)
    store: Mapped[str] = mapped_column(sa.String(255))
    info: Mapped[Any] = mapped_column(Json, default=dict)
    status: Mapped[str] = mapped_column(sa.String(16), default="active", index=True)
    deleted_at: Mapped[datetime.datetime | None] = mapped_column(DateTime)


class Task(Base):
    """What became of an import, as the tasks API shows it."""

    __tablename__ = "tasks"
    __table_args__ = (sa.Index(None, "image_id", "created_at"), sa.Index(None, "owner", "created_at"))

    id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    type: Mapped[str] = mapped_column(sa.String(30))
    status: Mapped[str] = mapped_column(sa.String(30))
    owner: Mapped[str | None] = mapped_column(sa.String(255))
    user_id: Mapped[str | None] = mapped_column(sa.String(64))
    request_id: Mapped[str | None] = mapped_column(sa.String(64))
    image_id: Mapped[str | None] = mapped_column(sa.String(36))
    input: Mapped[Any] = mapped_column(Json, nullable=True)
    result: Mapped[Any] = mapped_column(Json, nullable=True)
    message: Mapped[str] = mapped_column(sa.Text, default="")
    expires_at: Mapped[datetime.datetime | None] = mapped_column(DateTime)
    created_at: Mapped[datetime.datetime] = mapped_column(DateTime, default=clock.now)
    updated_at: Mapped[datetime.datetime] = mapped_column(DateTime, default=clock.now)


class CachedImage(Base):
    """A copy of an image on an API's host (`node`), or the wish to have one (`queued`)."""

    __tablename__ = "cached_images"

    node: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    image_id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    state: Mapped[str] = mapped_column(sa.String(16))
    size: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    hits: Mapped[int] = mapped_column(sa.Integer, default=0)
    queued_at: Mapped[datetime.datetime] = mapped_column(DateTime, default=clock.now)
    last_accessed_at: Mapped[datetime.datetime | None] = mapped_column(DateTime)
    last_modified_at: Mapped[datetime.datetime | None] = mapped_column(DateTime)


class ProjectLock(Base):
    """A row to lock while a project's usage is counted and added to."""

    __tablename__ = "project_locks"

    project_id: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    uses: Mapped[int] = mapped_column(sa.Integer, default=0)


from services.image.db import metadef_models  # noqa: E402,F401  (its tables belong to the same metadata)
