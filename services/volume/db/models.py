"""Tables of the volume service.

Rows are deleted when their thing is gone; `tombstones` remembers the ids for a while, so that agents know which
leftovers on a back end are rubbish (and touch nothing else).
"""

import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.orm import Mapped, mapped_column

from common import clock, ids
from common.db.models import DateTime, Json, SagaColumns, ServiceColumns, TimestampColumns, make_base

Base = make_base()
ID = sa.String(36)
NAME = sa.String(255)


def _id() -> Mapped[str]:
    return mapped_column(ID, primary_key=True, default=ids.uuid)


def _ref(target: str, **kwargs: Any) -> Any:
    return mapped_column(ID, sa.ForeignKey(target, **kwargs), index=True)


class Service(ServiceColumns, Base):
    """Daemons; `info` of an agent's row holds {"pools": [{"name", "capabilities"}]}."""

    __tablename__ = "services"


class Saga(SagaColumns, Base):
    """Durable operations."""

    __tablename__ = "sagas"


class AgentJob(Base):
    """What an agent shall do once. `resource_id` is the volume or snapshot, `volume_id` orders jobs of one volume."""

    __tablename__ = "agent_jobs"
    seq: Mapped[int] = mapped_column(sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(sa.String(128), unique=True)
    resource_id: Mapped[str] = mapped_column(ID, index=True)
    volume_id: Mapped[str] = mapped_column(ID)
    host: Mapped[str] = mapped_column(NAME)
    verb: Mapped[str] = mapped_column(sa.String(64))
    args: Mapped[Any] = mapped_column(Json, default=dict)
    state: Mapped[str] = mapped_column(sa.String(16), default="open")
    result: Mapped[Any] = mapped_column(Json, nullable=True)
    error: Mapped[str | None] = mapped_column(sa.Text)
    created_at: Mapped[datetime.datetime] = mapped_column(DateTime, default=clock.now)
    __table_args__ = (sa.Index(None, "host", "state"),)


class VolumeType(TimestampColumns, Base):
    """A kind of volume; `extra_specs` is a flat object of texts."""

    __tablename__ = "volume_types"
    id: Mapped[str] = _id()
    name: Mapped[str] = mapped_column(NAME, unique=True)
    description: Mapped[str | None] = mapped_column(NAME)
    is_public: Mapped[bool] = mapped_column(sa.Boolean, default=True)
    extra_specs: Mapped[Any] = mapped_column(Json, default=dict)
    qos_specs_id: Mapped[str | None] = _ref("qos_specs.id", ondelete="SET NULL")


class TypeAccess(Base):
    """A project that may use a private type."""

    __tablename__ = "volume_type_access"
    volume_type_id: Mapped[str] = mapped_column(ID, sa.ForeignKey("volume_types.id", ondelete="CASCADE"), primary_key=True)
    project_id: Mapped[str] = mapped_column(NAME, primary_key=True)


class TypeEncryption(TimestampColumns, Base):
    """How volumes of a type are encrypted."""

    __tablename__ = "volume_type_encryption"
    encryption_id: Mapped[str] = _id()
    volume_type_id: Mapped[str] = mapped_column(ID, sa.ForeignKey("volume_types.id", ondelete="CASCADE"), unique=True)
    provider: Mapped[str] = mapped_column(NAME)
    control_location: Mapped[str] = mapped_column(sa.String(16))
    cipher: Mapped[str | None] = mapped_column(NAME)
    key_size: Mapped[int | None] = mapped_column(sa.Integer)


class DefaultType(Base):
    """The type of a project's volumes that ask for none."""

    __tablename__ = "default_types"
    project_id: Mapped[str] = mapped_column(NAME, primary_key=True)
    volume_type_id: Mapped[str] = _ref("volume_types.id", ondelete="CASCADE")


class QosSpecs(TimestampColumns, Base):
    """Quality of service of types; `specs` is a flat object of texts."""

    __tablename__ = "qos_specs"
    id: Mapped[str] = _id()
    name: Mapped[str] = mapped_column(NAME, unique=True)
    consumer: Mapped[str] = mapped_column(sa.String(16), default="back-end")
    specs: Mapped[Any] = mapped_column(Json, default=dict)


class Volume(TimestampColumns, Base):
    """A volume. `host` is host@backend#pool once chosen; `previous_status` is what an interrupted action goes back to."""

    __tablename__ = "volumes"
    id: Mapped[str] = _id()
    project_id: Mapped[str] = mapped_column(NAME)
    user_id: Mapped[str] = mapped_column(NAME)
    name: Mapped[str | None] = mapped_column(NAME)
    description: Mapped[str | None] = mapped_column(NAME)
    size: Mapped[int] = mapped_column(sa.Integer)
    status: Mapped[str] = mapped_column(sa.String(32))
    previous_status: Mapped[str | None] = mapped_column(sa.String(32))
    attach_status: Mapped[str] = mapped_column(sa.String(16), default="detached")
    migration_status: Mapped[str | None] = mapped_column(sa.String(32))
    host: Mapped[str | None] = mapped_column(NAME, index=True)
    availability_zone: Mapped[str] = mapped_column(NAME)
    volume_type_id: Mapped[str] = _ref("volume_types.id")
    snapshot_id: Mapped[str | None] = mapped_column(ID)
    source_volid: Mapped[str | None] = mapped_column(ID)
    image_id: Mapped[str | None] = mapped_column(ID)
    bootable: Mapped[bool] = mapped_column(sa.Boolean, default=False)
    multiattach: Mapped[bool] = mapped_column(sa.Boolean, default=False)
    readonly: Mapped[bool | None] = mapped_column(sa.Boolean)
    launched_at: Mapped[datetime.datetime | None] = mapped_column(DateTime)
    image_metadata: Mapped[Any] = mapped_column(Json, default=dict)

    volume_type: Mapped[VolumeType] = orm.relationship(lazy="raise")
    items: Mapped[list["VolumeMetadata"]] = orm.relationship(lazy="raise", passive_deletes=True)
    attachments: Mapped[list["Attachment"]] = orm.relationship(lazy="raise", passive_deletes=True)
    __table_args__ = (sa.Index(None, "project_id", "created_at"), sa.Index(None, "created_at", "id"))


class VolumeMetadata(Base):
    """One metadata item of a volume."""

    __tablename__ = "volume_metadata"
    volume_id: Mapped[str] = mapped_column(ID, sa.ForeignKey("volumes.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(NAME, primary_key=True)
    value: Mapped[str] = mapped_column(NAME)


class Attachment(TimestampColumns, Base):
    """One use of a volume by a server or host. With a `connector`, the back end exports it under the row's id."""

    __tablename__ = "attachments"
    id: Mapped[str] = _id()
    volume_id: Mapped[str] = _ref("volumes.id", ondelete="CASCADE")
    instance_uuid: Mapped[str | None] = mapped_column(ID, index=True)
    attached_host: Mapped[str | None] = mapped_column(NAME)
    mountpoint: Mapped[str | None] = mapped_column(NAME)
    attach_status: Mapped[str] = mapped_column(sa.String(16))
    attach_mode: Mapped[str | None] = mapped_column(sa.String(8))
    attach_time: Mapped[datetime.datetime | None] = mapped_column(DateTime)
    detach_time: Mapped[datetime.datetime | None] = mapped_column(DateTime)
    connector: Mapped[Any] = mapped_column(Json, nullable=True)
    connection_info: Mapped[Any] = mapped_column(Json, nullable=True)
    legacy: Mapped[bool] = mapped_column(sa.Boolean, default=False)


class Snapshot(TimestampColumns, Base):
    """A point in time of a volume."""

    __tablename__ = "snapshots"
    id: Mapped[str] = _id()
    volume_id: Mapped[str] = _ref("volumes.id")
    project_id: Mapped[str] = mapped_column(NAME)
    user_id: Mapped[str] = mapped_column(NAME)
    name: Mapped[str | None] = mapped_column(NAME)
    description: Mapped[str | None] = mapped_column(NAME)
    status: Mapped[str] = mapped_column(sa.String(32))
    progress: Mapped[str] = mapped_column(sa.String(8), default="0%")
    volume_size: Mapped[int] = mapped_column(sa.Integer)
    volume_type_id: Mapped[str] = mapped_column(ID)
    items: Mapped[list["SnapshotMetadata"]] = orm.relationship(lazy="raise", passive_deletes=True)
    __table_args__ = (sa.Index(None, "project_id", "created_at"),)


class SnapshotMetadata(Base):
    """One metadata item of a snapshot."""

    __tablename__ = "snapshot_metadata"
    snapshot_id: Mapped[str] = mapped_column(ID, sa.ForeignKey("snapshots.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(NAME, primary_key=True)
    value: Mapped[str] = mapped_column(NAME)


class Transfer(TimestampColumns, Base):
    """An offer of a volume to another project; only a hash of its key is kept."""

    __tablename__ = "transfers"
    id: Mapped[str] = _id()
    volume_id: Mapped[str] = mapped_column(ID, sa.ForeignKey("volumes.id", ondelete="CASCADE"), unique=True)
    name: Mapped[str | None] = mapped_column(NAME)
    salt: Mapped[str] = mapped_column(sa.String(64))
    auth_hash: Mapped[str] = mapped_column(sa.String(128))
    no_snapshots: Mapped[bool] = mapped_column(sa.Boolean, default=False)
    source_project_id: Mapped[str] = mapped_column(NAME, index=True)


class Quota(Base):
    """A limit of one project."""

    __tablename__ = "quotas"
    project_id: Mapped[str] = mapped_column(NAME, primary_key=True)
    resource: Mapped[str] = mapped_column(NAME, primary_key=True)
    hard_limit: Mapped[int] = mapped_column(sa.Integer)


class QuotaClass(Base):
    """A limit of every project that has none of its own (class `default`)."""

    __tablename__ = "quota_classes"
    class_name: Mapped[str] = mapped_column(NAME, primary_key=True)
    resource: Mapped[str] = mapped_column(NAME, primary_key=True)
    hard_limit: Mapped[int] = mapped_column(sa.Integer)


class ProjectLock(Base):
    """One row for each project, locked while its use is counted and grown, so that two requests cannot both take the last."""

    __tablename__ = "project_locks"
    project_id: Mapped[str] = mapped_column(NAME, primary_key=True)
    touched: Mapped[int] = mapped_column(sa.Integer, default=0)


class Message(Base):
    """What went wrong with a resource, for its owner."""

    __tablename__ = "messages"
    id: Mapped[str] = _id()
    project_id: Mapped[str] = mapped_column(NAME, index=True)
    request_id: Mapped[str | None] = mapped_column(NAME)
    resource_type: Mapped[str] = mapped_column(sa.String(32))
    resource_uuid: Mapped[str | None] = mapped_column(ID)
    event_id: Mapped[str] = mapped_column(sa.String(64))
    message_level: Mapped[str] = mapped_column(sa.String(16), default="ERROR")
    user_message: Mapped[str] = mapped_column(sa.Text)
    created_at: Mapped[datetime.datetime] = mapped_column(DateTime, default=clock.now)
    guaranteed_until: Mapped[datetime.datetime] = mapped_column(DateTime)


class Tombstone(Base):
    """The id of a volume or snapshot that was deleted."""

    __tablename__ = "tombstones"
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    deleted_at: Mapped[datetime.datetime] = mapped_column(DateTime, default=clock.now, index=True)
