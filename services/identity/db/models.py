"""The tables of identity.

A domain is a project with `is_domain`; its own `domain_id` is ROOT. Attributes that clients may add freely
are kept in `extra`, as upstream keeps them.
"""

import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from common import clock
from common.db.models import DateTime, Json, ServiceColumns, make_base

Base = make_base()
ROOT = "<<keystone.domain.root>>"
"""`domain_id` of domains."""
NO_DOMAIN = "<<null>>"
"""`domain_id` of roles that belong to no domain; a value, so that names are unique among them."""
SYSTEM = "system"
"""Target of assignments on the whole system."""
_ID = sa.String(64)


class Service(ServiceColumns, Base):
    """Daemons and their heartbeats."""

    __tablename__ = "services"


class Change(Base):
    """One row: a number that grows with every change that a token or a permission may depend on."""

    __tablename__ = "changes"
    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True, autoincrement=False)
    value: Mapped[int] = mapped_column(sa.BigInteger, default=0)


class Project(Base):
    """A project, or a domain (`is_domain`)."""

    __tablename__ = "projects"
    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(64))
    domain_id: Mapped[str] = mapped_column(_ID)
    parent_id: Mapped[str | None] = mapped_column(_ID, index=True)
    is_domain: Mapped[bool] = mapped_column(sa.Boolean, default=False, index=True)
    enabled: Mapped[bool] = mapped_column(sa.Boolean, default=True)
    description: Mapped[str | None] = mapped_column(sa.Text)
    options: Mapped[Any] = mapped_column(Json, default=dict)
    extra: Mapped[Any] = mapped_column(Json, default=dict)
    __table_args__ = (sa.UniqueConstraint("domain_id", "name"),)


class ProjectTag(Base):
    """A tag of a project."""

    __tablename__ = "project_tags"
    project_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(255), primary_key=True)


class User(Base):
    """A user; passwords lie in `passwords`."""

    __tablename__ = "users"
    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(255))
    domain_id: Mapped[str] = mapped_column(_ID)
    enabled: Mapped[bool] = mapped_column(sa.Boolean, default=True)
    default_project_id: Mapped[str | None] = mapped_column(_ID, index=True)
    options: Mapped[Any] = mapped_column(Json, default=dict)
    extra: Mapped[Any] = mapped_column(Json, default=dict)
    created_at: Mapped[datetime.datetime] = mapped_column(DateTime, default=clock.now)
    last_active_at: Mapped[datetime.datetime | None] = mapped_column(DateTime)
    failed_count: Mapped[int] = mapped_column(sa.Integer, default=0)
    failed_at: Mapped[datetime.datetime | None] = mapped_column(DateTime)
    password_expires_at: Mapped[datetime.datetime | None] = mapped_column(DateTime)
    __table_args__ = (sa.UniqueConstraint("domain_id", "name"),)


class Password(Base):
    """A password of a user, the newest being the one in use."""

    __tablename__ = "passwords"
    id: Mapped[int] = mapped_column(sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True,
                                    autoincrement=True)
    user_id: Mapped[str] = mapped_column(_ID, index=True)
    hash: Mapped[str] = mapped_column(sa.String(255))
    self_service: Mapped[bool] = mapped_column(sa.Boolean, default=False)
    created_at: Mapped[datetime.datetime] = mapped_column(DateTime, default=clock.now)
    expires_at: Mapped[datetime.datetime | None] = mapped_column(DateTime)


class Group(Base):
    """A group of users."""

    __tablename__ = "groups"
    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(64))
    domain_id: Mapped[str] = mapped_column(_ID)
    description: Mapped[str | None] = mapped_column(sa.Text)
    extra: Mapped[Any] = mapped_column(Json, default=dict)
    __table_args__ = (sa.UniqueConstraint("domain_id", "name"),)


class Membership(Base):
    """A user in a group."""

    __tablename__ = "memberships"
    user_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    group_id: Mapped[str] = mapped_column(_ID, primary_key=True, index=True)


class Role(Base):
    """A role; of one domain, or of all (NO_DOMAIN)."""

    __tablename__ = "roles"
    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(255))
    domain_id: Mapped[str] = mapped_column(_ID, default=NO_DOMAIN)
    description: Mapped[str | None] = mapped_column(sa.Text)
    options: Mapped[Any] = mapped_column(Json, default=dict)
    extra: Mapped[Any] = mapped_column(Json, default=dict)
    __table_args__ = (sa.UniqueConstraint("domain_id", "name"),)


class ImpliedRole(Base):
    """Who holds `prior_id` holds `implied_id` too."""

    __tablename__ = "implied_roles"
    prior_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    implied_id: Mapped[str] = mapped_column(_ID, primary_key=True, index=True)


class Assignment(Base):
    """`actor_type` is user or group; `target_type` is project, domain or system."""

    __tablename__ = "assignments"
    actor_type: Mapped[str] = mapped_column(sa.String(8), primary_key=True)
    actor_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    target_type: Mapped[str] = mapped_column(sa.String(8), primary_key=True)
    target_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    role_id: Mapped[str] = mapped_column(_ID, primary_key=True, index=True)
    inherited: Mapped[bool] = mapped_column(sa.Boolean, primary_key=True, default=False)
    __table_args__ = (sa.Index(None, "target_type", "target_id"), sa.Index(None, "actor_id"))


class Region(Base):
    """A region of the catalog."""

    __tablename__ = "regions"
    id: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    description: Mapped[str] = mapped_column(sa.String(255), default="")
    parent_region_id: Mapped[str | None] = mapped_column(sa.String(255))
    extra: Mapped[Any] = mapped_column(Json, default=dict)


class CatalogService(Base):
    """A service of the catalog."""

    __tablename__ = "catalog_services"
    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    type: Mapped[str] = mapped_column(sa.String(255), index=True)
    name: Mapped[str | None] = mapped_column(sa.String(255))
    enabled: Mapped[bool] = mapped_column(sa.Boolean, default=True)
    extra: Mapped[Any] = mapped_column(Json, default=dict)


class Endpoint(Base):
    """An endpoint of the catalog; `url` may hold %(project_id)s."""

    __tablename__ = "endpoints"
    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    interface: Mapped[str] = mapped_column(sa.String(8))
    service_id: Mapped[str] = mapped_column(_ID, index=True)
    region_id: Mapped[str | None] = mapped_column(sa.String(255), index=True)
    url: Mapped[str] = mapped_column(sa.Text)
    enabled: Mapped[bool] = mapped_column(sa.Boolean, default=True)
    extra: Mapped[Any] = mapped_column(Json, default=dict)


class Credential(Base):
    """A credential; `blob` is encrypted, `key_hash` names the key that did it."""

    __tablename__ = "credentials"
    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    user_id: Mapped[str] = mapped_column(_ID, index=True)
    project_id: Mapped[str | None] = mapped_column(_ID, index=True)
    type: Mapped[str] = mapped_column(sa.String(255))
    blob: Mapped[str] = mapped_column(sa.Text)
    key_hash: Mapped[str] = mapped_column(sa.String(64), default="")
    extra: Mapped[Any] = mapped_column(Json, default=dict)


class Policy(Base):
    """A policy document kept for others."""

    __tablename__ = "policies"
    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    type: Mapped[str] = mapped_column(sa.String(255))
    blob: Mapped[Any] = mapped_column(Json)
    extra: Mapped[Any] = mapped_column(Json, default=dict)


class PolicyAssociation(Base):
    """The policy of an endpoint, of a service, or of a service in a region ("" where none is meant)."""

    __tablename__ = "policy_associations"
    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    policy_id: Mapped[str] = mapped_column(_ID, index=True)
    endpoint_id: Mapped[str] = mapped_column(_ID, default="")
    service_id: Mapped[str] = mapped_column(_ID, default="")
    region_id: Mapped[str] = mapped_column(sa.String(255), default="")
    __table_args__ = (sa.UniqueConstraint("endpoint_id", "service_id", "region_id"),)


class Trust(Base):
    """A trust; a deleted one is kept with `deleted_at`, so that its chain can be followed."""

    __tablename__ = "trusts"
    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    trustor_user_id: Mapped[str] = mapped_column(_ID, index=True)
    trustee_user_id: Mapped[str] = mapped_column(_ID, index=True)
    project_id: Mapped[str | None] = mapped_column(_ID, index=True)
    impersonation: Mapped[bool] = mapped_column(sa.Boolean)
    expires_at: Mapped[datetime.datetime | None] = mapped_column(DateTime)
    deleted_at: Mapped[datetime.datetime | None] = mapped_column(DateTime)
    remaining_uses: Mapped[int | None] = mapped_column(sa.Integer)
    redelegated_trust_id: Mapped[str | None] = mapped_column(_ID, index=True)
    redelegation_count: Mapped[int] = mapped_column(sa.Integer, default=0)
    extra: Mapped[Any] = mapped_column(Json, default=dict)


class TrustRole(Base):
    """A role that a trust delegates."""

    __tablename__ = "trust_roles"
    trust_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    role_id: Mapped[str] = mapped_column(_ID, primary_key=True, index=True)


class ApplicationCredential(Base):
    """An application credential: some of a user's roles on one project under a secret of its own."""

    __tablename__ = "application_credentials"
    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(255))
    user_id: Mapped[str] = mapped_column(_ID)
    project_id: Mapped[str | None] = mapped_column(_ID, index=True)
    system: Mapped[str | None] = mapped_column(sa.String(16))
    description: Mapped[str | None] = mapped_column(sa.Text)
    secret_hash: Mapped[str] = mapped_column(sa.String(255))
    expires_at: Mapped[datetime.datetime | None] = mapped_column(DateTime)
    unrestricted: Mapped[bool] = mapped_column(sa.Boolean, default=False)
    restricted_paths: Mapped[bool] = mapped_column(sa.Boolean, default=False)
    __table_args__ = (sa.UniqueConstraint("user_id", "name"),)


class ApplicationCredentialRole(Base):
    """A role of an application credential."""

    __tablename__ = "application_credential_roles"
    application_credential_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    role_id: Mapped[str] = mapped_column(_ID, primary_key=True, index=True)


class AccessRule(Base):
    """One service, method and path that an application credential may be used for."""

    __tablename__ = "access_rules"
    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    user_id: Mapped[str] = mapped_column(_ID, index=True)
    service: Mapped[str] = mapped_column(sa.String(64))
    path: Mapped[str] = mapped_column(sa.String(128))
    method: Mapped[str] = mapped_column(sa.String(16))


class ApplicationCredentialRule(Base):
    """An access rule of an application credential."""

    __tablename__ = "application_credential_rules"
    application_credential_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    access_rule_id: Mapped[str] = mapped_column(_ID, primary_key=True, index=True)


class RevocationEvent(Base):
    """Tokens issued before `issued_before` that match every field set are void; kept until none can be alive."""

    __tablename__ = "revocation_events"
    id: Mapped[int] = mapped_column(sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True,
                                    autoincrement=True)
    user_id: Mapped[str | None] = mapped_column(_ID)
    project_id: Mapped[str | None] = mapped_column(_ID)
    domain_id: Mapped[str | None] = mapped_column(_ID)
    role_id: Mapped[str | None] = mapped_column(_ID)
    trust_id: Mapped[str | None] = mapped_column(_ID)
    audit_id: Mapped[str | None] = mapped_column(sa.String(32))
    audit_chain_id: Mapped[str | None] = mapped_column(sa.String(32))
    issued_before: Mapped[datetime.datetime] = mapped_column(DateTime)
    revoked_at: Mapped[datetime.datetime] = mapped_column(DateTime, index=True)


class RegisteredLimit(Base):
    """The default of a limited resource ("" for no region)."""

    __tablename__ = "registered_limits"
    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    service_id: Mapped[str] = mapped_column(_ID)
    region_id: Mapped[str] = mapped_column(sa.String(255), default="")
    resource_name: Mapped[str] = mapped_column(sa.String(255))
    default_limit: Mapped[int] = mapped_column(sa.Integer)
    description: Mapped[str | None] = mapped_column(sa.Text)
    __table_args__ = (sa.UniqueConstraint("service_id", "region_id", "resource_name"),)


class Limit(Base):
    """The limit of one project or one domain ("" where none is meant)."""

    __tablename__ = "limits"
    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    registered_limit_id: Mapped[str] = mapped_column(_ID)
    project_id: Mapped[str] = mapped_column(_ID, default="")
    domain_id: Mapped[str] = mapped_column(_ID, default="")
    resource_limit: Mapped[int] = mapped_column(sa.Integer)
    description: Mapped[str | None] = mapped_column(sa.Text)
    __table_args__ = (sa.UniqueConstraint("registered_limit_id", "project_id", "domain_id"),)


class EndpointGroup(Base):
    """Endpoints that share what `filters` say."""

    __tablename__ = "endpoint_groups"
    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(255))
    description: Mapped[str | None] = mapped_column(sa.Text)
    filters: Mapped[Any] = mapped_column(Json, default=dict)


class ProjectEndpoint(Base):
    """An endpoint shown to a project."""

    __tablename__ = "project_endpoints"
    project_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    endpoint_id: Mapped[str] = mapped_column(_ID, primary_key=True, index=True)


class ProjectEndpointGroup(Base):
    """An endpoint group shown to a project."""

    __tablename__ = "project_endpoint_groups"
    project_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    endpoint_group_id: Mapped[str] = mapped_column(_ID, primary_key=True, index=True)


class DomainOption(Base):
    """A setting of one domain's own configuration."""

    __tablename__ = "domain_options"
    domain_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    group: Mapped[str] = mapped_column("option_group", sa.String(64), primary_key=True)
    option: Mapped[str] = mapped_column("option_name", sa.String(64), primary_key=True)
    value: Mapped[Any] = mapped_column(Json, nullable=True)
    sensitive: Mapped[bool] = mapped_column(sa.Boolean, default=False)


class TotpUse(Base):
    """A one-time passcode that was used; it is not taken twice."""

    __tablename__ = "totp_uses"
    credential_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    step: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
