"""Column types and the tables that every service's schema has.

Each service declares its own `Base = make_base()` in `services/<s>/db/models.py`, and tables of its own
from the column sets here: `class Saga(SagaColumns, Base): __tablename__ = "sagas"`.
"""

import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import Mapped, mapped_column

from common import clock, ids

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s", "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


def make_base() -> Any:
    """A declarative base with metadata of its own and named constraints."""
    return orm.declarative_base(metadata=sa.MetaData(naming_convention=NAMING))


def understand() -> None:
    """Let SQLAlchemy work out all models that are imported, which it else does at a process's first query."""
    orm.configure_mappers()


class DateTime(sa.types.TypeDecorator[datetime.datetime]):
    """A naive UTC time with microseconds on every database."""

    impl = sa.DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Any) -> Any:
        if dialect.name == "mysql" or dialect.name == "mariadb":
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(sa.DateTime())


class Json(sa.types.TypeDecorator[Any]):
    """Any JSON value, stored as text; None is stored as NULL."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Any) -> Any:
        if dialect.name == "mysql" or dialect.name == "mariadb":
            return dialect.type_descriptor(mysql.MEDIUMTEXT())
        return dialect.type_descriptor(sa.Text())

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        return None if value is None else orjson.dumps(value, default=str).decode()

    def process_result_value(self, value: str | None, dialect: Any) -> Any:
        return None if value is None else orjson.loads(value)


class TimestampColumns:
    """`created_at` and `updated_at`, kept by SQLAlchemy."""

    created_at: Mapped[datetime.datetime] = mapped_column(DateTime, default=clock.now)
    updated_at: Mapped[datetime.datetime | None] = mapped_column(DateTime, onupdate=clock.now)


class ServiceColumns:
    """One daemon and its last heartbeat: `UNIQUE(binary, host)`.

    `daemon` is our name, `binary` the one clients see (nova-compute); `info` is free for the service.
    """

    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True, autoincrement=True)
    uuid: Mapped[str] = mapped_column(sa.String(36), default=ids.uuid, unique=True)
    daemon: Mapped[str] = mapped_column(sa.String(64))
    binary: Mapped[str] = mapped_column(sa.String(64))
    host: Mapped[str] = mapped_column(sa.String(255))
    version: Mapped[str] = mapped_column(sa.String(32), default="")
    started_at: Mapped[datetime.datetime] = mapped_column(DateTime, default=clock.now)
    last_seen_at: Mapped[datetime.datetime] = mapped_column(DateTime, default=clock.now)
    created_at: Mapped[datetime.datetime] = mapped_column(DateTime, default=clock.now)
    disabled: Mapped[bool] = mapped_column(sa.Boolean, default=False)
    disabled_reason: Mapped[str | None] = mapped_column(sa.String(255))
    forced_down: Mapped[bool] = mapped_column(sa.Boolean, default=False)
    availability_zone: Mapped[str | None] = mapped_column(sa.String(255))
    info: Mapped[Any] = mapped_column(Json, default=dict)

    @orm.declared_attr.directive
    def __table_args__(cls) -> Any:
        return (sa.UniqueConstraint("binary", "host"),)


class SagaColumns:
    """One durable operation; see common.saga for what the columns mean."""

    seq: Mapped[int] = mapped_column(sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True,
                                     autoincrement=True)
    id: Mapped[str] = mapped_column(sa.String(36), default=ids.uuid, unique=True)
    kind: Mapped[str] = mapped_column(sa.String(64))
    resource_id: Mapped[str] = mapped_column(sa.String(36), index=True)
    state: Mapped[str] = mapped_column(sa.String(16), default="running")
    step: Mapped[int] = mapped_column(sa.Integer, default=0)
    attempt: Mapped[int] = mapped_column(sa.Integer, default=0)
    cancelled: Mapped[bool] = mapped_column(sa.Boolean, default=False)
    data: Mapped[Any] = mapped_column(Json, default=dict)
    context: Mapped[Any] = mapped_column(Json, default=dict)
    error: Mapped[str | None] = mapped_column(sa.Text)
    owner: Mapped[str | None] = mapped_column(sa.String(96))
    lease_until: Mapped[datetime.datetime | None] = mapped_column(DateTime)
    wakes: Mapped[int] = mapped_column(sa.Integer, default=0)
    wake_at: Mapped[datetime.datetime | None] = mapped_column(DateTime)
    step_started_at: Mapped[datetime.datetime | None] = mapped_column(DateTime)
    created_at: Mapped[datetime.datetime] = mapped_column(DateTime, default=clock.now)
    finished_at: Mapped[datetime.datetime | None] = mapped_column(DateTime)

    @orm.declared_attr.directive
    def __table_args__(cls) -> Any:
        return (sa.Index(None, "state", "wake_at"),)
