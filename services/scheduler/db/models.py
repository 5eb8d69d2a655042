"""Tables of the scheduler service: what there is (providers, inventories), who uses it (consumers, allocations).

`inventories.used` is kept equal to the sum of the allocations, in the same transaction, so that
neither a claim nor a list of candidates ever has to add allocations up. Every change that candidates
can see raises `resource_providers.revision`; readers find what changed by comparing sums over
`bucket` (see db/index.py), which needs no row that all writers would contend for.
"""

import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from common import clock
from common.db.models import DateTime, Json, ServiceColumns, TimestampColumns, make_base

Base = make_base()
BUCKETS = 128
_BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


class Service(ServiceColumns, Base):
    """Heartbeats of this service's daemons."""

    __tablename__ = "services"


class Provider(TimestampColumns, Base):
    """A resource provider.

    generation  what clients compare-and-swap on
    revision    raised with every change; `shape` when traits or aggregates change
    bucket      which of BUCKETS sums the row counts in, from the uuid
    """

    __tablename__ = "resource_providers"
    __table_args__ = (sa.Index(None, "bucket", "revision"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True, autoincrement=True)
    uuid: Mapped[str] = mapped_column(sa.String(36), unique=True)
    name: Mapped[str] = mapped_column(sa.String(200), unique=True)
    generation: Mapped[int] = mapped_column(sa.Integer, default=0)
    revision: Mapped[int] = mapped_column(sa.Integer, default=1)
    shape: Mapped[int] = mapped_column(sa.Integer, default=0)
    bucket: Mapped[int] = mapped_column(sa.SmallInteger)
    parent_id: Mapped[int | None] = mapped_column(sa.ForeignKey("resource_providers.id"), index=True)
    root_id: Mapped[int | None] = mapped_column(sa.ForeignKey("resource_providers.id"), index=True)


class ResourceClass(TimestampColumns, Base):
    """A kind of resource; the ids of custom ones begin at 10,000. `revision` counts renames."""

    __tablename__ = "resource_classes"
    __table_args__ = {"sqlite_autoincrement": True}

    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(sa.String(255), unique=True)
    revision: Mapped[int] = mapped_column(sa.Integer, default=0, server_default="0")


class Trait(TimestampColumns, Base):
    """A quality that a provider has."""

    __tablename__ = "traits"
    __table_args__ = {"sqlite_autoincrement": True}

    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(sa.String(255), unique=True)


class Inventory(TimestampColumns, Base):
    """How much of a resource class a provider has; `capacity` is floor((total - reserved) * allocation_ratio)."""

    __tablename__ = "inventories"

    provider_id: Mapped[int] = mapped_column(sa.ForeignKey("resource_providers.id"), primary_key=True)
    class_id: Mapped[int] = mapped_column(sa.ForeignKey("resource_classes.id"), primary_key=True, index=True)
    total: Mapped[int] = mapped_column(sa.Integer)
    reserved: Mapped[int] = mapped_column(sa.Integer, default=0)
    min_unit: Mapped[int] = mapped_column(sa.Integer, default=1)
    max_unit: Mapped[int] = mapped_column(sa.Integer)
    step_size: Mapped[int] = mapped_column(sa.Integer, default=1)
    allocation_ratio: Mapped[float] = mapped_column(sa.Double, default=1.0)
    capacity: Mapped[int] = mapped_column(_BIG)
    used: Mapped[int] = mapped_column(_BIG, default=0)


class ProviderTrait(Base):
    """That a provider has a trait."""

    __tablename__ = "provider_traits"

    provider_id: Mapped[int] = mapped_column(sa.ForeignKey("resource_providers.id"), primary_key=True)
    trait_id: Mapped[int] = mapped_column(sa.ForeignKey("traits.id"), primary_key=True, index=True)


class ProviderAggregate(Base):
    """That a provider belongs to an aggregate."""

    __tablename__ = "provider_aggregates"

    provider_id: Mapped[int] = mapped_column(sa.ForeignKey("resource_providers.id"), primary_key=True)
    aggregate_uuid: Mapped[str] = mapped_column(sa.String(36), primary_key=True, index=True)


class Consumer(TimestampColumns, Base):
    """Who uses resources; `claim` remembers what the scheduler daemon answered for it, so that asking again is harmless."""

    __tablename__ = "consumers"
    __table_args__ = (sa.Index(None, "project_id", "user_id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(_BIG, primary_key=True, autoincrement=True)
    uuid: Mapped[str] = mapped_column(sa.String(36), unique=True)
    project_id: Mapped[str] = mapped_column(sa.String(255))
    user_id: Mapped[str] = mapped_column(sa.String(255))
    consumer_type: Mapped[str | None] = mapped_column(sa.String(255))
    generation: Mapped[int] = mapped_column(sa.Integer, default=0)
    claim: Mapped[Any] = mapped_column(Json, nullable=True)


class Allocation(TimestampColumns, Base):
    """How much of a provider's class a consumer uses."""

    __tablename__ = "allocations"
    __table_args__ = (sa.Index(None, "provider_id", "class_id"),)

    consumer_id: Mapped[int] = mapped_column(_BIG, sa.ForeignKey("consumers.id"), primary_key=True, autoincrement=False)
    provider_id: Mapped[int] = mapped_column(sa.ForeignKey("resource_providers.id"), primary_key=True)
    class_id: Mapped[int] = mapped_column(sa.ForeignKey("resource_classes.id"), primary_key=True, index=True)
    used: Mapped[int] = mapped_column(sa.Integer)


class Host(Base):
    """What compute's conductor told about a compute host; the columns but `facts` are for finding what changed."""

    __tablename__ = "hosts"
    __table_args__ = (sa.Index(None, "bucket", "revision"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True, autoincrement=True)
    provider_id: Mapped[str] = mapped_column(sa.String(36), unique=True)
    host: Mapped[str] = mapped_column(sa.String(255), index=True)
    node: Mapped[str] = mapped_column(sa.String(255))
    bucket: Mapped[int] = mapped_column(sa.SmallInteger)
    revision: Mapped[int] = mapped_column(sa.Integer, default=1)
    facts: Mapped[Any] = mapped_column(Json)
    updated_at: Mapped[datetime.datetime] = mapped_column(DateTime, default=clock.now, onupdate=clock.now)
