"""The tables of the compute service.

A server is one wide row: everything that a list with details prints stands in it, in its cards
(`server_nics`) and its disks (`block_devices`), so that a page costs a constant number of queries.
What only a boot or a move needs (`server_requests`) and secrets stand apart.
"""

import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import Mapped, mapped_column

from common import clock, ids
from common.db.models import DateTime, Json, SagaColumns, ServiceColumns, TimestampColumns, make_base

Base = make_base()

BigId = sa.BigInteger().with_variant(sa.Integer, "sqlite")
MediumText = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")


class Service(ServiceColumns, Base):
    """A daemon of this service; agents' rows are written by their conductor."""

    __tablename__ = "services"


class Saga(SagaColumns, Base):
    """A durable operation on a server; `resource_id` is the server's id."""

    __tablename__ = "sagas"


class ComputeNode(TimestampColumns, Base):
    """One hypervisor. `uuid` is also its resource provider's; sizes in MiB and GiB as the agent reports them."""

    __tablename__ = "compute_nodes"
    __table_args__ = (sa.UniqueConstraint("host", "node"), sa.Index(None, "node"))
    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True, autoincrement=True)
    uuid: Mapped[str] = mapped_column(sa.String(36), unique=True, default=ids.uuid)
    host: Mapped[str] = mapped_column(sa.String(255))
    node: Mapped[str] = mapped_column(sa.String(255))
    vcpus: Mapped[int] = mapped_column(sa.Integer, default=0)
    memory_mb: Mapped[int] = mapped_column(sa.Integer, default=0)
    disk_gb: Mapped[int] = mapped_column(sa.Integer, default=0)
    memory_mb_used: Mapped[int] = mapped_column(sa.Integer, default=0)
    disk_gb_used: Mapped[int] = mapped_column(sa.Integer, default=0)
    disk_available_least: Mapped[int | None] = mapped_column(sa.Integer)
    hypervisor_type: Mapped[str] = mapped_column(sa.String(64), default="")
    hypervisor_version: Mapped[int] = mapped_column(sa.Integer, default=0)
    host_ip: Mapped[str | None] = mapped_column(sa.String(64))
    uptime: Mapped[str | None] = mapped_column(sa.String(255))
    running_servers: Mapped[int] = mapped_column(sa.Integer, default=0)
    cpu_info: Mapped[Any] = mapped_column(Json, default=dict)
    supported: Mapped[Any] = mapped_column(Json, default=list)
    traits: Mapped[Any] = mapped_column(Json, default=list)


class Flavor(TimestampColumns, Base):
    """A size of servers; `extra_specs` is {key: value}."""

    __tablename__ = "flavors"
    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True, autoincrement=True)
    flavorid: Mapped[str] = mapped_column(sa.String(255), unique=True)
    name: Mapped[str] = mapped_column(sa.String(255), unique=True)
    vcpus: Mapped[int] = mapped_column(sa.Integer)
    memory_mb: Mapped[int] = mapped_column(sa.Integer)
    root_gb: Mapped[int] = mapped_column(sa.Integer, default=0)
    ephemeral_gb: Mapped[int] = mapped_column(sa.Integer, default=0)
    swap: Mapped[int] = mapped_column(sa.Integer, default=0)
    rxtx_factor: Mapped[float] = mapped_column(sa.Float, default=1.0)
    is_public: Mapped[bool] = mapped_column(sa.Boolean, default=True)
    disabled: Mapped[bool] = mapped_column(sa.Boolean, default=False)
    description: Mapped[str | None] = mapped_column(sa.Text)
    extra_specs: Mapped[Any] = mapped_column(Json, default=dict)


class FlavorAccess(Base):
    """A project that may use a private flavor."""

    __tablename__ = "flavor_access"
    flavor_id: Mapped[int] = mapped_column(sa.ForeignKey("flavors.id", ondelete="CASCADE"), primary_key=True)
    project_id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)


class KeyPair(TimestampColumns, Base):
    """A user's public key (`type` ssh) or certificate (x509)."""

    __tablename__ = "keypairs"
    __table_args__ = (sa.UniqueConstraint("user_id", "name"),)
    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True, autoincrement=True)
    user_id: Mapped[str] = mapped_column(sa.String(64))
    name: Mapped[str] = mapped_column(sa.String(255))
    type: Mapped[str] = mapped_column(sa.String(8), default="ssh")
    fingerprint: Mapped[str] = mapped_column(sa.String(255))
    public_key: Mapped[str] = mapped_column(MediumText)


class Server(TimestampColumns, Base):
    """A server. `flavor` is a copy of the flavor's row; `key` of its key pair; `meta` the tenant's metadata.

    `wanted_power` (running, stopped, paused, suspended) is what the agent is told; `power_state` is what it found
    (upstream's numbers). `system` holds what no client sets: image properties, the guest's password, and the like.
    A deleted row keeps its place with `deleted` set.
    """

    __tablename__ = "servers"
    __table_args__ = (
        sa.Index(None, "project_id", "deleted", "created_at"),
        sa.Index(None, "deleted", "created_at"),
        sa.Index(None, "host", "deleted"),
        sa.Index(None, "reservation_id"),
        sa.Index(None, "updated_at"),
        sa.Index(None, "group_id"),
    )
    seq: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(sa.String(36), unique=True, default=ids.uuid)
    project_id: Mapped[str] = mapped_column(sa.String(64))
    user_id: Mapped[str] = mapped_column(sa.String(64))
    name: Mapped[str] = mapped_column(sa.String(255))
    description: Mapped[str | None] = mapped_column(sa.String(255))
    hostname: Mapped[str] = mapped_column(sa.String(255))
    vm_state: Mapped[str] = mapped_column(sa.String(32), default="building")
    task_state: Mapped[str | None] = mapped_column(sa.String(64))
    power_state: Mapped[int] = mapped_column(sa.Integer, default=0)
    wanted_power: Mapped[str] = mapped_column(sa.String(16), default="running")
    progress: Mapped[int] = mapped_column(sa.Integer, default=0)
    host: Mapped[str | None] = mapped_column(sa.String(255))
    node: Mapped[str | None] = mapped_column(sa.String(255))
    launched_on: Mapped[str | None] = mapped_column(sa.String(255))
    availability_zone: Mapped[str | None] = mapped_column(sa.String(255))
    pinned_zone: Mapped[str | None] = mapped_column(sa.String(255))
    image_id: Mapped[str | None] = mapped_column(sa.String(255))
    kernel_id: Mapped[str | None] = mapped_column(sa.String(255))
    ramdisk_id: Mapped[str | None] = mapped_column(sa.String(255))
    key_name: Mapped[str | None] = mapped_column(sa.String(255))
    key: Mapped[Any] = mapped_column(Json, nullable=True)
    config_drive: Mapped[bool] = mapped_column(sa.Boolean, default=False)
    flavor: Mapped[Any] = mapped_column(Json, nullable=True)
    flavorid: Mapped[str] = mapped_column(sa.String(255))
    vcpus: Mapped[int] = mapped_column(sa.Integer)
    memory_mb: Mapped[int] = mapped_column(sa.Integer)
    root_gb: Mapped[int] = mapped_column(sa.Integer, default=0)
    ephemeral_gb: Mapped[int] = mapped_column(sa.Integer, default=0)
    old_flavor: Mapped[Any] = mapped_column(Json, nullable=True)
    new_flavor: Mapped[Any] = mapped_column(Json, nullable=True)
    meta: Mapped[Any] = mapped_column(Json, default=dict)
    system: Mapped[Any] = mapped_column(Json, default=dict)
    hints: Mapped[Any] = mapped_column(Json, nullable=True)
    security_groups: Mapped[Any] = mapped_column(Json, default=list)
    access_ip_v4: Mapped[str | None] = mapped_column(sa.String(64))
    access_ip_v6: Mapped[str | None] = mapped_column(sa.String(64))
    root_device_name: Mapped[str | None] = mapped_column(sa.String(255))
    reservation_id: Mapped[str | None] = mapped_column(sa.String(64))
    launch_index: Mapped[int] = mapped_column(sa.Integer, default=0)
    auto_disk_config: Mapped[bool] = mapped_column(sa.Boolean, default=False)
    locked: Mapped[bool] = mapped_column(sa.Boolean, default=False)
    locked_by: Mapped[str | None] = mapped_column(sa.String(16))
    locked_reason: Mapped[str | None] = mapped_column(sa.String(255))
    trusted_certs: Mapped[Any] = mapped_column(Json, nullable=True)
    group_id: Mapped[str | None] = mapped_column(sa.String(36))
    launched_at: Mapped[datetime.datetime | None] = mapped_column(DateTime)
    terminated_at: Mapped[datetime.datetime | None] = mapped_column(DateTime)
    deleted_at: Mapped[datetime.datetime | None] = mapped_column(DateTime)
    deleted: Mapped[bool] = mapped_column(sa.Boolean, default=False)


class ServerRequest(Base):
    """What was asked for at boot and is needed only by sagas, specs and metadata.

    `data`: {"networks": [{"uuid", "port", "fixed_ip", "tag"}] | "none", "security_groups": [names or ids],
    "availability_zone", "host", "node", "personality": [{"path", "contents"}], "hints", "group"}; `admin_pass`
    is forgotten after the boot.
    """

    __tablename__ = "server_requests"
    server_id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    data: Mapped[Any] = mapped_column(Json, default=dict)
    image: Mapped[Any] = mapped_column(Json, nullable=True)
    user_data: Mapped[str | None] = mapped_column(MediumText)
    admin_pass: Mapped[str | None] = mapped_column(sa.String(255))
    rescue: Mapped[Any] = mapped_column(Json, nullable=True)


class ServerTag(Base):
    """A tag of a server."""

    __tablename__ = "server_tags"
    __table_args__ = (sa.Index(None, "tag"),)
    server_id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    tag: Mapped[str] = mapped_column(sa.String(60), primary_key=True)


class ServerNic(TimestampColumns, Base):
    """A network card, in the order of `position`.

    `addresses`: [{"addr", "version", "type": "fixed" | "floating", "subnet_id"}]; `subnets`: [{"id", "cidr", "gateway",
    "version", "dns": [], "routes": [{"destination", "nexthop"}], "dhcp"}] for network_data.json. `owned` cards' ports are
    deleted with the server.
    """

    __tablename__ = "server_nics"
    __table_args__ = (sa.Index(None, "server_id"),)
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    server_id: Mapped[str] = mapped_column(sa.String(36))
    port_id: Mapped[str] = mapped_column(sa.String(36), unique=True)
    network_id: Mapped[str] = mapped_column(sa.String(36))
    network_label: Mapped[str] = mapped_column(sa.String(255), default="")
    mac: Mapped[str] = mapped_column(sa.String(32), default="")
    addresses: Mapped[Any] = mapped_column(Json, default=list)
    subnets: Mapped[Any] = mapped_column(Json, default=list)
    mtu: Mapped[int] = mapped_column(sa.Integer, default=1500)
    vnic_type: Mapped[str] = mapped_column(sa.String(32), default="normal")
    tag: Mapped[str | None] = mapped_column(sa.String(60))
    position: Mapped[int] = mapped_column(sa.Integer, default=0)
    owned: Mapped[bool] = mapped_column(sa.Boolean, default=True)
    active: Mapped[bool] = mapped_column(sa.Boolean, default=False)


class BlockDevice(TimestampColumns, Base):
    """One disk of a server as asked for (`source`, `destination`) and as it is (`volume_id`, `connection_info`)."""

    __tablename__ = "block_devices"
    __table_args__ = (sa.Index(None, "server_id"), sa.Index(None, "volume_id"))
    id: Mapped[str] = mapped_column(sa.String(36), primary_key=True, default=ids.uuid)
    server_id: Mapped[str] = mapped_column(sa.String(36))
    source: Mapped[str] = mapped_column(sa.String(16))
    destination: Mapped[str] = mapped_column(sa.String(16))
    volume_id: Mapped[str | None] = mapped_column(sa.String(36))
    snapshot_id: Mapped[str | None] = mapped_column(sa.String(36))
    image_id: Mapped[str | None] = mapped_column(sa.String(36))
    volume_size: Mapped[int | None] = mapped_column(sa.Integer)
    volume_type: Mapped[str | None] = mapped_column(sa.String(255))
    device_name: Mapped[str | None] = mapped_column(sa.String(255))
    boot_index: Mapped[int | None] = mapped_column(sa.Integer)
    delete_on_termination: Mapped[bool] = mapped_column(sa.Boolean, default=False)
    guest_format: Mapped[str | None] = mapped_column(sa.String(255))
    device_type: Mapped[str | None] = mapped_column(sa.String(255))
    disk_bus: Mapped[str | None] = mapped_column(sa.String(255))
    tag: Mapped[str | None] = mapped_column(sa.String(60))
    attachment_id: Mapped[str | None] = mapped_column(sa.String(36))
    connection_info: Mapped[Any] = mapped_column(Json, nullable=True)
    position: Mapped[int] = mapped_column(sa.Integer, default=0)


class ServerFault(Base):
    """Why a server went to ERROR; the newest counts. `details` is for operators when `code` is 500."""

    __tablename__ = "server_faults"
    __table_args__ = (sa.Index(None, "server_id", "id"),)
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    server_id: Mapped[str] = mapped_column(sa.String(36))
    code: Mapped[int] = mapped_column(sa.Integer)
    message: Mapped[str] = mapped_column(sa.String(255))
    details: Mapped[str | None] = mapped_column(MediumText)
    host: Mapped[str | None] = mapped_column(sa.String(255))
    created_at: Mapped[datetime.datetime] = mapped_column(DateTime, default=clock.now)


class InstanceAction(Base):
    """What somebody did to a server (os-instance-actions)."""

    __tablename__ = "instance_actions"
    __table_args__ = (sa.Index(None, "server_id", "id"), sa.Index(None, "request_id"))
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    server_id: Mapped[str] = mapped_column(sa.String(36))
    action: Mapped[str] = mapped_column(sa.String(255))
    request_id: Mapped[str] = mapped_column(sa.String(64))
    user_id: Mapped[str | None] = mapped_column(sa.String(64))
    project_id: Mapped[str | None] = mapped_column(sa.String(64))
    message: Mapped[str | None] = mapped_column(sa.String(255))
    started_at: Mapped[datetime.datetime] = mapped_column(DateTime, default=clock.now)
    updated_at: Mapped[datetime.datetime | None] = mapped_column(DateTime)


class InstanceActionEvent(Base):
    """One step of an action: `result` is Success or Error when it is over."""

    __tablename__ = "instance_action_events"
    __table_args__ = (sa.Index(None, "action_id"),)
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    action_id: Mapped[int] = mapped_column(BigId)
    event: Mapped[str] = mapped_column(sa.String(255))
    result: Mapped[str | None] = mapped_column(sa.String(255))
    traceback: Mapped[str | None] = mapped_column(MediumText)
    details: Mapped[str | None] = mapped_column(sa.Text)
    host: Mapped[str | None] = mapped_column(sa.String(255))
    started_at: Mapped[datetime.datetime] = mapped_column(DateTime, default=clock.now)
    finished_at: Mapped[datetime.datetime | None] = mapped_column(DateTime)


class Migration(TimestampColumns, Base):
    """A move of a server: `type` is resize, migration, live-migration or evacuation; `status` as upstream.

    `command` is what somebody asks of a live migration: `abort` or `force_complete`.
    """

    __tablename__ = "migrations"
    __table_args__ = (sa.Index(None, "server_id"), sa.Index(None, "status"))
    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True, autoincrement=True)
    uuid: Mapped[str] = mapped_column(sa.String(36), unique=True, default=ids.uuid)
    server_id: Mapped[str] = mapped_column(sa.String(36))
    type: Mapped[str] = mapped_column(sa.String(16))
    status: Mapped[str] = mapped_column(sa.String(32), default="pre-migrating")
    source_compute: Mapped[str | None] = mapped_column(sa.String(255))
    source_node: Mapped[str | None] = mapped_column(sa.String(255))
    dest_compute: Mapped[str | None] = mapped_column(sa.String(255))
    dest_node: Mapped[str | None] = mapped_column(sa.String(255))
    dest_host: Mapped[str | None] = mapped_column(sa.String(255))
    old_flavor: Mapped[Any] = mapped_column(Json, nullable=True)
    new_flavor: Mapped[Any] = mapped_column(Json, nullable=True)
    user_id: Mapped[str | None] = mapped_column(sa.String(64))
    project_id: Mapped[str | None] = mapped_column(sa.String(64))
    command: Mapped[str | None] = mapped_column(sa.String(16))
    memory_total: Mapped[int | None] = mapped_column(BigId)
    memory_processed: Mapped[int | None] = mapped_column(BigId)
    memory_remaining: Mapped[int | None] = mapped_column(BigId)
    disk_total: Mapped[int | None] = mapped_column(BigId)
    disk_processed: Mapped[int | None] = mapped_column(BigId)
    disk_remaining: Mapped[int | None] = mapped_column(BigId)


class Aggregate(TimestampColumns, Base):
    """A named set of hosts; `meta` may hold `availability_zone`."""

    __tablename__ = "aggregates"
    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True, autoincrement=True)
    uuid: Mapped[str] = mapped_column(sa.String(36), unique=True, default=ids.uuid)
    name: Mapped[str] = mapped_column(sa.String(255), unique=True)
    meta: Mapped[Any] = mapped_column(Json, default=dict)


class AggregateHost(Base):
    """A host in an aggregate."""

    __tablename__ = "aggregate_hosts"
    aggregate_id: Mapped[int] = mapped_column(sa.ForeignKey("aggregates.id", ondelete="CASCADE"), primary_key=True)
    host: Mapped[str] = mapped_column(sa.String(255), primary_key=True)


class ServerGroup(TimestampColumns, Base):
    """A server group; its members are the servers whose `group_id` names it."""

    __tablename__ = "server_groups"
    __table_args__ = (sa.Index(None, "project_id"),)
    seq: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(sa.String(36), unique=True, default=ids.uuid)
    project_id: Mapped[str] = mapped_column(sa.String(64))
    user_id: Mapped[str] = mapped_column(sa.String(64))
    name: Mapped[str] = mapped_column(sa.String(255))
    policy: Mapped[str] = mapped_column(sa.String(32))
    rules: Mapped[Any] = mapped_column(Json, default=dict)


class ConsoleToken(Base):
    """The right to look at one console for a while; only the token's SHA-256 is kept."""

    __tablename__ = "console_tokens"
    token_hash: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    server_id: Mapped[str] = mapped_column(sa.String(36), index=True)
    console_type: Mapped[str] = mapped_column(sa.String(32))
    host: Mapped[str] = mapped_column(sa.String(255))
    port: Mapped[int] = mapped_column(sa.Integer)
    path: Mapped[str | None] = mapped_column(sa.String(255))
    expires_at: Mapped[datetime.datetime] = mapped_column(DateTime, index=True)


class Quota(Base):
    """A limit: of a project (`user_id` empty), of a user in a project, or of the class `default` (`project_id` empty)."""

    __tablename__ = "quotas"
    project_id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    user_id: Mapped[str] = mapped_column(sa.String(64), primary_key=True, default="")
    resource: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    hard_limit: Mapped[int] = mapped_column(sa.Integer)


class ProjectLock(Base):
    """A row to lock while a project's usage is counted and added to."""

    __tablename__ = "project_locks"
    project_id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    uses: Mapped[int] = mapped_column(sa.Integer, default=0)


class ExternalEvent(Base):
    """Something another service told about a server (network-vif-plugged …); sagas look for theirs here."""

    __tablename__ = "external_events"
    __table_args__ = (sa.Index(None, "server_id", "name"), sa.Index(None, "created_at"))
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    server_id: Mapped[str] = mapped_column(sa.String(36))
    name: Mapped[str] = mapped_column(sa.String(64))
    tag: Mapped[str] = mapped_column(sa.String(255), default="")
    status: Mapped[str] = mapped_column(sa.String(16), default="completed")
    created_at: Mapped[datetime.datetime] = mapped_column(DateTime, default=clock.now)


class AgentJob(Base):
    """Something an agent is to do once for a saga (`verb`, `args`), and what came of it; see services.compute.db.jobs."""

    __tablename__ = "agent_jobs"
    __table_args__ = (sa.Index(None, "host", "state"), sa.Index(None, "server_id"))
    seq: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(sa.String(96), unique=True)
    server_id: Mapped[str] = mapped_column(sa.String(36))
    host: Mapped[str] = mapped_column(sa.String(255))
    verb: Mapped[str] = mapped_column(sa.String(32))
    args: Mapped[Any] = mapped_column(Json, default=dict)
    state: Mapped[str] = mapped_column(sa.String(16), default="open")
    result: Mapped[Any] = mapped_column(Json, nullable=True)
    error: Mapped[str | None] = mapped_column(sa.Text)
    created_at: Mapped[datetime.datetime] = mapped_column(DateTime, default=clock.now)
