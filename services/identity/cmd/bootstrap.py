"""Makes the first users, roles and catalog entries; harmless when they are there.

Called by `altostack bootstrap` with the values of a new cloud, and again whenever they change.
"""

from collections.abc import Mapping
from typing import Any

from oslo_config import cfg

from common.db.session import Database, Session
from services.identity.config import key_folder
from services.identity.db import assignment as assignment_db
from services.identity.db import catalog as catalog_db
from services.identity.db import project as project_db
from services.identity.db import role as role_db
from services.identity.db import rows
from services.identity.db import user as user_db
from services.identity.db.models import CatalogService, Endpoint, Project, Region, Role, User
from services.identity.domain import catalog_entries, project, role, token
from services.identity.domain import user as users
from services.identity.domain.hashing import Hasher
from services.identity.domain.keys import KeyRepository
from services.identity.domain.token_format import JwsFormat

_ROLES = ("admin", "manager", "member", "reader", "service")
_IMPLICATIONS = (("admin", "manager"), ("manager", "member"), ("member", "reader"))


def run(conf: cfg.ConfigOpts, values: Mapping[str, Any]) -> dict[str, Any]:
    """Make keys, the default domain, roles, the admin, service users and the catalog; returns what was made, by name.

    values: admin_password; admin_username (admin), admin_project_name (admin), region (the configured one);
    services: [{name, password, roles: [service, admin]}]: users on the project `service`;
    endpoints: [{type, name, description, region, public, internal, admin}]: URLs, those left out are taken from public;
    projects: [{name, description}]; users: [{name, password, project, roles, email}]: further ones in the default domain.
    """
    setup_keys(conf)
    database = Database.from_conf(conf)
    try:
        return database.transaction(_Bootstrap(conf, values).run)
    finally:
        database.dispose()


def setup_keys(conf: cfg.ConfigOpts) -> None:
    """Make every key repository that is not there yet."""
    for group in ("fernet_tokens", "fernet_receipts", "credential_keys"):
        KeyRepository(key_folder(conf, group), conf[group].max_active_keys).setup()
    if conf.token.provider == "jws":
        JwsFormat(key_folder(conf, "jws_tokens")).setup()


class _Bootstrap:
    """One run; everything in one transaction."""

    def __init__(self, conf: cfg.ConfigOpts, values: Mapping[str, Any]) -> None:
        self.conf, self.values, self.hasher = conf, values, Hasher.from_conf(conf)
        self.region = values.get("region") or conf.region

    def run(self, session: Session) -> dict[str, Any]:
        """Do it all."""
        values = self.values
        domain = self._domain(session)
        self.roles = {name: self._role(session, name) for name in _ROLES}
        for prior, implied in _IMPLICATIONS:
            pair = self.roles[prior].id, self.roles[implied].id
            if role_db.implied(session, *pair) is None:
                role.imply(session, *pair)
        admin_project = self._project(session, values.get("admin_project_name") or "admin",
                                      "Bootstrap project for initializing the cloud.")
        service_project = self._project(session, "service", "Project of the services' users.")
        admin = self._user(session, values.get("admin_username") or "admin", values["admin_password"])
        assignment_db.grant(session, ("user", admin.id), ("project", admin_project.id), self.roles["admin"].id)
        assignment_db.grant(session, ("user", admin.id), assignment_db.SYSTEM_TARGET, self.roles["admin"].id)
        for entry in values.get("services") or ():
            self._member(session, entry, service_project, ("service", "admin"))
        projects = {p.name: p for p in (admin_project, service_project)}
        for entry in values.get("projects") or ():
            projects[entry["name"]] = self._project(session, entry["name"], entry.get("description") or "")
        for entry in values.get("users") or ():
            wanted = entry.get("project")
            if wanted and wanted not in projects:
                projects[wanted] = self._project(session, wanted, "")
            self._member(session, entry, projects.get(wanted), ("member",))
        self._region(session, self.region)
        for entry in values.get("endpoints") or ():
            self._endpoints(session, entry)
        rows.bump(session)
        return {"domain_id": domain.id, "admin_id": admin.id, "admin_project_id": admin_project.id,
                "service_project_id": service_project.id, "projects": {n: p.id for n, p in projects.items()},
                "roles": {n: r.id for n, r in self.roles.items()}}

    def _domain(self, session: Session) -> Project:
        row = project_db.get(session, self.conf.identity.default_domain_id)
        if row is None:
            values = {"name": "Default", "description": "The default domain", "is_domain": True,
                      "explicit_domain_id": self.conf.identity.default_domain_id}
            row = project.create(session, self.conf, values)
        return row

    def _role(self, session: Session, name: str) -> Role:
        found = role_db.by_name(session, name)
        return found or role.create(session, {"name": name, "options": {"immutable": True}})

    def _project(self, session: Session, name: str, description: str) -> Project:
        domain_id = self.conf.identity.default_domain_id
        found = project_db.by_name(session, name, domain_id)
        return found or project.create(session, self.conf, {
            "name": name, "domain_id": domain_id, "description": description})

    def _user(self, session: Session, name: str, password: str, **more: Any) -> User:
        """The user, with that password: an old one is replaced (and its tokens die) only where it differs."""
        domain_id = self.conf.identity.default_domain_id
        found = user_db.with_domain(session, name=name, domain_id=domain_id)
        options = {"ignore_password_expiry": True, "ignore_change_password_upon_first_use": True,
                   "ignore_lockout_failure_attempts": True, "ignore_user_inactivity": True}
        if found is None:
            return users.create(session, self.conf, self.hasher.hash(password), {
                "name": name, "domain_id": domain_id, "options": options, **more})
        user = found[0]
        stored = user_db.password(session, user.id)
        if stored is None or not self.hasher.check(password, stored.hash):
            users.update(session, self.conf, user.id, self.hasher.hash(password), {"enabled": True})
            token.revoke_user(session, user.id)
        return user

    def _member(self, session: Session, entry: Mapping[str, Any], place: Project | None, default: tuple[str, ...]) -> None:
        more = {"email": entry["email"]} if entry.get("email") else {}
        user = self._user(session, entry.get("name") or entry["user"], entry["password"], **more)
        for name in (entry.get("roles") or default) if place is not None else ():
            if name not in self.roles:
                self.roles[name] = self._role(session, name)
            assignment_db.grant(session, ("user", user.id), ("project", place.id), self.roles[name].id)  # type: ignore[union-attr]

    def _region(self, session: Session, region_id: str) -> None:
        if catalog_db.region(session, region_id) is None:
            rows.add(session, Region(id=region_id, description="", extra={}))

    def _endpoints(self, session: Session, entry: Mapping[str, Any]) -> None:
        region_id = entry.get("region") or self.region
        self._region(session, region_id)
        known, _ = catalog_db.listing(session, CatalogService, rows.Query((("type", "", entry["type"]),)))
        service = next((s for s in known if s.name == entry.get("name")), None) or (known[0] if known else None)
        if service is None:
            service = catalog_entries.create_service(session, {k: entry[k] for k in ("type", "name", "description")
                                                               if entry.get(k)})
        for interface in ("public", "internal", "admin"):
            url = entry.get(interface) or entry.get("public") or entry.get("url")
            where = rows.Query((("service_id", "", service.id), ("interface", "", interface), ("region_id", "", region_id)))
            found, _ = catalog_db.listing(session, Endpoint, where)
            if not found:
                catalog_entries.create_endpoint(session, {
                    "service_id": service.id, "interface": interface, "region_id": region_id, "url": url})
            elif found[0].url != url:
                catalog_entries.update_endpoint(session, found[0].id, {"url": url})
