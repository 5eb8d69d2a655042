"""The tables of the network service.

Lists that nothing queries by (DNS servers, allowed address pairs, extra DHCP options, routes) are
JSON columns of their owner's row, so that listing a thousand ports takes a handful of queries.
"""

import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from common import clock, ids
from common.db.models import DateTime, Json, SagaColumns, ServiceColumns, make_base

Base = make_base()
ID = sa.String(36)
PROJECT = sa.String(255)
HOST = sa.String(255)
ADDRESS = sa.String(64)


def _ref(table: str, **kwargs: Any) -> Any:
    return sa.ForeignKey(f"{table}.id", **kwargs)


class Service(ServiceColumns, Base):
    """Heartbeats of network-api and network-conductor."""

    __tablename__ = "services"


class Saga(SagaColumns, Base):
    """Durable operations; none is needed yet, the table is there for common's tools."""

    __tablename__ = "sagas"


class Standard:
    """What every API resource has. `updated_at` starts equal to `created_at`, as clients expect."""

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=ids.uuid)
    project_id: Mapped[str] = mapped_column(PROJECT, default="", index=True)
    description: Mapped[str] = mapped_column(sa.String(255), default="")
    revision_number: Mapped[int] = mapped_column(sa.Integer, default=1)
    created_at: Mapped[datetime.datetime] = mapped_column(DateTime, default=clock.now)
    updated_at: Mapped[datetime.datetime] = mapped_column(DateTime, default=clock.now)


class Network(Standard, Base):
    """A layer-2 network; its segment is in `segments`."""

    __tablename__ = "networks"
    name: Mapped[str] = mapped_column(sa.String(255), default="", index=True)
    admin_state_up: Mapped[bool] = mapped_column(sa.Boolean, default=True)
    status: Mapped[str] = mapped_column(sa.String(16), default="ACTIVE")
    mtu: Mapped[int] = mapped_column(sa.Integer)
    is_default: Mapped[bool] = mapped_column(sa.Boolean, default=False)
    external: Mapped[bool] = mapped_column(sa.Boolean, default=False, index=True)
    port_security_enabled: Mapped[bool] = mapped_column(sa.Boolean, default=True)
    dns_domain: Mapped[str] = mapped_column(sa.String(255), default="")
    availability_zone_hints: Mapped[Any] = mapped_column(Json, default=list)
    network_type: Mapped[str] = mapped_column(sa.String(16))
    physical_network: Mapped[str | None] = mapped_column(sa.String(64))
    segmentation_id: Mapped[int | None] = mapped_column(sa.Integer)


class SegmentAllocation(Base):
    """Which network holds a VNI, VLAN id or flat physical network: the primary key keeps two from having one."""

    __tablename__ = "segment_allocations"
    network_type: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    physical_network: Mapped[str] = mapped_column(sa.String(64), primary_key=True, default="")
    segmentation_id: Mapped[int] = mapped_column(sa.Integer, primary_key=True, autoincrement=False, default=0)
    network_id: Mapped[str] = mapped_column(ID, _ref("networks", ondelete="CASCADE"), index=True)


class AddressScope(Standard, Base):
    """A set of subnet pools whose addresses do not overlap."""

    __tablename__ = "address_scopes"
    name: Mapped[str] = mapped_column(sa.String(255), default="")
    ip_version: Mapped[int] = mapped_column(sa.Integer)


class SubnetPool(Standard, Base):
    """Prefixes that subnets are cut from."""

    __tablename__ = "subnetpools"
    name: Mapped[str] = mapped_column(sa.String(255), default="")
    ip_version: Mapped[int] = mapped_column(sa.Integer)
    prefixes: Mapped[Any] = mapped_column(Json, default=list)
    default_prefixlen: Mapped[int] = mapped_column(sa.Integer)
    min_prefixlen: Mapped[int] = mapped_column(sa.Integer)
    max_prefixlen: Mapped[int] = mapped_column(sa.Integer)
    default_quota: Mapped[int | None] = mapped_column(sa.BigInteger)
    is_default: Mapped[bool] = mapped_column(sa.Boolean, default=False)
    address_scope_id: Mapped[str | None] = mapped_column(ID, _ref("address_scopes"), index=True)


class Subnet(Standard, Base):
    """An address range of a network."""

    __tablename__ = "subnets"
    network_id: Mapped[str] = mapped_column(ID, _ref("networks"), index=True)
    name: Mapped[str] = mapped_column(sa.String(255), default="")
    ip_version: Mapped[int] = mapped_column(sa.Integer)
    cidr: Mapped[str] = mapped_column(ADDRESS)
    gateway_ip: Mapped[str | None] = mapped_column(ADDRESS)
    enable_dhcp: Mapped[bool] = mapped_column(sa.Boolean, default=True)
    ipv6_ra_mode: Mapped[str | None] = mapped_column(sa.String(16))
    ipv6_address_mode: Mapped[str | None] = mapped_column(sa.String(16))
    dns_nameservers: Mapped[Any] = mapped_column(Json, default=list)
    host_routes: Mapped[Any] = mapped_column(Json, default=list)
    allocation_pools: Mapped[Any] = mapped_column(Json, default=list)
    service_types: Mapped[Any] = mapped_column(Json, default=list)
    subnetpool_id: Mapped[str | None] = mapped_column(ID, index=True)
    dns_publish_fixed_ip: Mapped[bool] = mapped_column(sa.Boolean, default=False)


class Port(Standard, Base):
    """A place where something is plugged into a network."""

    __tablename__ = "ports"
    network_id: Mapped[str] = mapped_column(ID, _ref("networks"))
    name: Mapped[str] = mapped_column(sa.String(255), default="", index=True)
    mac_address: Mapped[str] = mapped_column(sa.String(32))
    admin_state_up: Mapped[bool] = mapped_column(sa.Boolean, default=True)
    status: Mapped[str] = mapped_column(sa.String(16), default="DOWN")
    device_id: Mapped[str] = mapped_column(sa.String(255), default="", index=True)
    device_owner: Mapped[str] = mapped_column(sa.String(255), default="")
    port_security_enabled: Mapped[bool] = mapped_column(sa.Boolean, default=True)
    allowed_address_pairs: Mapped[Any] = mapped_column(Json, default=list)
    extra_dhcp_opts: Mapped[Any] = mapped_column(Json, default=list)
    dns_name: Mapped[str] = mapped_column(sa.String(255), default="")
    dns_domain: Mapped[str] = mapped_column(sa.String(255), default="")
    ip_allocation: Mapped[str] = mapped_column(sa.String(16), default="immediate")
    binding_host: Mapped[str] = mapped_column(HOST, default="")
    vnic_type: Mapped[str] = mapped_column(sa.String(64), default="normal")
    vif_type: Mapped[str] = mapped_column(sa.String(64), default="unbound")
    vif_details: Mapped[Any] = mapped_column(Json, default=dict)
    binding_profile: Mapped[Any] = mapped_column(Json, default=dict)
    data_plane_status: Mapped[str | None] = mapped_column(sa.String(16))
    __table_args__ = (
        sa.UniqueConstraint("network_id", "mac_address"), sa.Index(None, "network_id", "binding_host"),
        sa.Index(None, "binding_host"),
    )


class IpAllocation(Base):
    """An address in use. `offset` counts from the subnet's first address; NULL beyond 2^62 (never handed out in turn)."""

    __tablename__ = "ip_allocations"
    subnet_id: Mapped[str] = mapped_column(ID, _ref("subnets"), primary_key=True)
    ip_address: Mapped[str] = mapped_column(ADDRESS, primary_key=True, index=True)
    network_id: Mapped[str] = mapped_column(ID, index=True)
    port_id: Mapped[str] = mapped_column(ID, _ref("ports", ondelete="CASCADE"), index=True)
    offset: Mapped[int | None] = mapped_column(sa.BigInteger)
    position: Mapped[int] = mapped_column(sa.Integer, default=0)
    __table_args__ = (sa.Index(None, "subnet_id", "offset"),)


class SecurityGroup(Standard, Base):
    """A named set of rules."""

    __tablename__ = "security_groups"
    name: Mapped[str] = mapped_column(sa.String(255), default="")
    stateful: Mapped[bool] = mapped_column(sa.Boolean, default=True)
    is_default: Mapped[bool] = mapped_column(sa.Boolean, default=False)


class DefaultGroup(Base):
    """Which group is a project's default: the primary key keeps two from being made."""

    __tablename__ = "default_security_groups"
    project_id: Mapped[str] = mapped_column(PROJECT, primary_key=True)
    security_group_id: Mapped[str] = mapped_column(ID, _ref("security_groups", ondelete="CASCADE"), index=True)


class AddressGroup(Standard, Base):
    """A named list of addresses for rules."""

    __tablename__ = "address_groups"
    name: Mapped[str] = mapped_column(sa.String(255), default="")
    addresses: Mapped[Any] = mapped_column(Json, default=list)


class SecurityGroupRule(Standard, Base):
    """One kind of traffic that a group's members may receive or send."""

    __tablename__ = "security_group_rules"
    security_group_id: Mapped[str] = mapped_column(ID, _ref("security_groups", ondelete="CASCADE"), index=True)
    direction: Mapped[str] = mapped_column(sa.String(8))
    ethertype: Mapped[str] = mapped_column(sa.String(8))
    protocol: Mapped[str | None] = mapped_column(sa.String(40))
    port_range_min: Mapped[int | None] = mapped_column(sa.Integer)
    port_range_max: Mapped[int | None] = mapped_column(sa.Integer)
    remote_ip_prefix: Mapped[str | None] = mapped_column(sa.String(255))
    remote_group_id: Mapped[str | None] = mapped_column(ID, _ref("security_groups"), index=True)
    remote_address_group_id: Mapped[str | None] = mapped_column(ID, _ref("address_groups"), index=True)
    belongs_to_default_sg: Mapped[bool] = mapped_column(sa.Boolean, default=False)


class DefaultRule(Base):
    """A rule that new groups start with; `remote_group_id` may be the word PARENT."""

    __tablename__ = "default_security_group_rules"
    id: Mapped[str] = mapped_column(ID, primary_key=True, default=ids.uuid)
    description: Mapped[str] = mapped_column(sa.String(255), default="")
    direction: Mapped[str] = mapped_column(sa.String(8))
    ethertype: Mapped[str] = mapped_column(sa.String(8))
    protocol: Mapped[str | None] = mapped_column(sa.String(40))
    port_range_min: Mapped[int | None] = mapped_column(sa.Integer)
    port_range_max: Mapped[int | None] = mapped_column(sa.Integer)
    remote_ip_prefix: Mapped[str | None] = mapped_column(sa.String(255))
    remote_group_id: Mapped[str | None] = mapped_column(ID)
    remote_address_group_id: Mapped[str | None] = mapped_column(ID)
    used_in_default_sg: Mapped[bool] = mapped_column(sa.Boolean, default=False)
    used_in_non_default_sg: Mapped[bool] = mapped_column(sa.Boolean, default=True)


class PortBinding(Base):
    """A host that a port may move to: the binding that is not active (the active one is in `ports`)."""

    __tablename__ = "port_bindings"
    port_id: Mapped[str] = mapped_column(ID, _ref("ports", ondelete="CASCADE"), primary_key=True)
    host: Mapped[str] = mapped_column(HOST, primary_key=True, index=True)
    network_id: Mapped[str] = mapped_column(ID, index=True)
    vnic_type: Mapped[str] = mapped_column(sa.String(64), default="normal")
    profile: Mapped[Any] = mapped_column(Json, default=dict)
    vif_type: Mapped[str] = mapped_column(sa.String(64), default="unbound")
    vif_details: Mapped[Any] = mapped_column(Json, default=dict)


class PortGroup(Base):
    """Membership of a port in a security group.

    `host` (where the port is bound) and `with_pairs` (it has allowed address pairs) repeat what `ports` says: by their
    indexes the hosts of a group, and its few members with pairs, are found without looking at every member.
    """

    __tablename__ = "port_security_groups"
    host: Mapped[str] = mapped_column(HOST, default="")
    with_pairs: Mapped[bool] = mapped_column(sa.Boolean, default=False)
    __table_args__ = (sa.Index(None, "security_group_id", "host"), sa.Index(None, "security_group_id", "with_pairs"))
    port_id: Mapped[str] = mapped_column(ID, _ref("ports", ondelete="CASCADE"), primary_key=True)
    security_group_id: Mapped[str] = mapped_column(ID, _ref("security_groups"), primary_key=True, index=True)


class Router(Standard, Base):
    """A router; `agent_host` is where it runs; `set_aside`: an operator took it from there, and it waits for a host."""

    __tablename__ = "routers"
    name: Mapped[str] = mapped_column(sa.String(255), default="")
    admin_state_up: Mapped[bool] = mapped_column(sa.Boolean, default=True)
    status: Mapped[str] = mapped_column(sa.String(16), default="ACTIVE")
    gw_port_id: Mapped[str | None] = mapped_column(ID, index=True)
    gw_network_id: Mapped[str | None] = mapped_column(ID, index=True)
    enable_snat: Mapped[bool] = mapped_column(sa.Boolean, default=True)
    routes: Mapped[Any] = mapped_column(Json, default=list)
    availability_zone_hints: Mapped[Any] = mapped_column(Json, default=list)
    agent_host: Mapped[str | None] = mapped_column(HOST, index=True)
    set_aside: Mapped[bool] = mapped_column(sa.Boolean, default=False, server_default=sa.false())


class RouterPort(Base):
    """Ports by which a router touches its networks; one interface per subnet and router is kept by the domain."""

    __tablename__ = "router_ports"
    port_id: Mapped[str] = mapped_column(ID, _ref("ports", ondelete="CASCADE"), primary_key=True)
    router_id: Mapped[str] = mapped_column(ID, _ref("routers"), index=True)
    kind: Mapped[str] = mapped_column(sa.String(16))


class FloatingIp(Standard, Base):
    """An outside address that may stand for an inside one."""

    __tablename__ = "floating_ips"
    floating_ip_address: Mapped[str] = mapped_column(ADDRESS, index=True)
    floating_network_id: Mapped[str] = mapped_column(ID, _ref("networks"), index=True)
    floating_port_id: Mapped[str] = mapped_column(ID, _ref("ports"))
    fixed_port_id: Mapped[str | None] = mapped_column(ID, _ref("ports"), index=True)
    fixed_ip_address: Mapped[str | None] = mapped_column(ADDRESS)
    router_id: Mapped[str | None] = mapped_column(ID, _ref("routers"), index=True)
    status: Mapped[str] = mapped_column(sa.String(16), default="DOWN")
    dns_name: Mapped[str] = mapped_column(sa.String(255), default="")
    dns_domain: Mapped[str] = mapped_column(sa.String(255), default="")
    __table_args__ = (sa.UniqueConstraint("fixed_port_id", "fixed_ip_address", "floating_network_id"),)


class PortForwarding(Standard, Base):
    """One port of a floating IP that leads to a port of a server."""

    __tablename__ = "port_forwardings"
    floating_ip_id: Mapped[str] = mapped_column(ID, _ref("floating_ips", ondelete="CASCADE"))
    protocol: Mapped[str] = mapped_column(sa.String(16))
    external_port: Mapped[int] = mapped_column(sa.Integer)
    internal_port_id: Mapped[str] = mapped_column(ID, _ref("ports"))
    internal_ip_address: Mapped[str] = mapped_column(ADDRESS)
    internal_port: Mapped[int] = mapped_column(sa.Integer)
    __table_args__ = (sa.UniqueConstraint("floating_ip_id", "protocol", "external_port"),
                      sa.UniqueConstraint("internal_port_id", "internal_ip_address", "protocol", "internal_port"))


class RbacPolicy(Base):
    """Who else may use a network, security group, address group, address scope or subnet pool."""

    __tablename__ = "rbac_policies"
    id: Mapped[str] = mapped_column(ID, primary_key=True, default=ids.uuid)
    project_id: Mapped[str] = mapped_column(PROJECT, default="", index=True)
    object_type: Mapped[str] = mapped_column(sa.String(32))
    object_id: Mapped[str] = mapped_column(ID, index=True)
    action: Mapped[str] = mapped_column(sa.String(32))
    target_project: Mapped[str] = mapped_column(PROJECT)
    __table_args__ = (sa.UniqueConstraint("object_id", "action", "target_project"),
                      sa.Index(None, "object_type", "action", "target_project"))


class Tag(Base):
    """A word somebody put on a resource."""

    __tablename__ = "tags"
    resource_id: Mapped[str] = mapped_column(ID, primary_key=True)
    tag: Mapped[str] = mapped_column(sa.String(255), primary_key=True)


class Agent(Base):
    """One part (layer 2, DHCP, L3, metadata) that a network agent plays on a host, under upstream's name."""

    __tablename__ = "agents"
    id: Mapped[str] = mapped_column(ID, primary_key=True, default=ids.uuid)
    agent_type: Mapped[str] = mapped_column(sa.String(64))
    binary: Mapped[str] = mapped_column(sa.String(64))
    topic: Mapped[str] = mapped_column(sa.String(64))
    host: Mapped[str] = mapped_column(HOST, index=True)
    role: Mapped[str] = mapped_column(sa.String(16))
    availability_zone: Mapped[str] = mapped_column(sa.String(255), default="nova")
    admin_state_up: Mapped[bool] = mapped_column(sa.Boolean, default=True)
    description: Mapped[str | None] = mapped_column(sa.String(255))
    configurations: Mapped[Any] = mapped_column(Json, default=dict)
    tunnel_ip: Mapped[str | None] = mapped_column(ADDRESS)
    physical_networks: Mapped[Any] = mapped_column(Json, default=list)
    created_at: Mapped[datetime.datetime] = mapped_column(DateTime, default=clock.now)
    started_at: Mapped[datetime.datetime] = mapped_column(DateTime, default=clock.now)
    heartbeat_at: Mapped[datetime.datetime] = mapped_column(DateTime, default=clock.now)
    __table_args__ = (sa.UniqueConstraint("agent_type", "host"),)


class DhcpBinding(Base):
    """Which hosts serve a network's DHCP, and by which port."""

    __tablename__ = "dhcp_bindings"
    network_id: Mapped[str] = mapped_column(ID, _ref("networks", ondelete="CASCADE"), primary_key=True)
    host: Mapped[str] = mapped_column(HOST, primary_key=True, index=True)
    port_id: Mapped[str | None] = mapped_column(ID)


class Quota(Base):
    """A project's own limit of a resource; -1: none."""

    __tablename__ = "quotas"
    project_id: Mapped[str] = mapped_column(PROJECT, primary_key=True)
    resource: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    limit: Mapped[int] = mapped_column(sa.Integer)


class QuotaUsage(Base):
    """How many of a resource a project has; changed in the transaction that makes or removes one."""

    __tablename__ = "quota_usages"
    project_id: Mapped[str] = mapped_column(PROJECT, primary_key=True)
    resource: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    used: Mapped[int] = mapped_column(sa.Integer, default=0)


class Marker(Base):
    """Facts about the schema itself, e.g. that the default rules were seeded once."""

    __tablename__ = "markers"
    name: Mapped[str] = mapped_column(sa.String(64), primary_key=True)


class ServerEvent(Base):
    """An event compute has yet to hear of; sent in batches, removed when compute took it."""

    __tablename__ = "server_events"
    id: Mapped[int] = mapped_column(sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True,
                                    autoincrement=True)
    server_id: Mapped[str] = mapped_column(ID)
    name: Mapped[str] = mapped_column(sa.String(64))
    tag: Mapped[str | None] = mapped_column(ID)
    status: Mapped[str] = mapped_column(sa.String(16), default="completed")
    attempts: Mapped[int] = mapped_column(sa.Integer, default=0)
    due_at: Mapped[datetime.datetime] = mapped_column(DateTime, default=clock.now, index=True)


Row = Any
"""A row of any of these tables, where functions serve several."""

