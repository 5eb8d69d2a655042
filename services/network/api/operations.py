"""What is no resource of a project: versions, extensions, quotas, tags, availability zones, service providers."""

from typing import Any

from common.http.request import Request
from common.http.validation import Schema
from services.network.api import attributes, crud, extensions
from services.network.db import networks as db_networks
from services.network.db import quotas as db_quotas
from services.network.db import rows
from services.network.db import tags as db_tags
from services.network.domain import faults, quotas, topologies
from services.network.domain.work import Work

LIMIT = {"anyOf": [{"type": "integer", "minimum": -1, "maximum": 2147483647},
                   {"type": "string", "pattern": "^(-1|[0-9]{1,9})$"}]}
QUOTA = Schema({"type": "object", "required": ["quota"], "properties": {"quota": {
    "type": "object", "additionalProperties": False, "properties": {
        **{name: LIMIT for name in quotas.RESOURCES}, "check_limit": attributes.BOOLEAN, "force": attributes.BOOLEAN,
        "tenant_id": {"type": "string"}, "project_id": {"type": "string"}}}}})
TAGS = Schema({"type": "object", "required": ["tags"], "additionalProperties": False,
               "properties": {"tags": attributes.TAGS}})


# versions and extensions

def versions(request: Request) -> dict[str, Any]:
    """200: the API versions; no token needed."""
    return {"versions": [{"id": "v2.0", "status": "CURRENT",
                          "links": [{"rel": "self", "href": f"{request.base_url}/v2.0/"}]}]}


def resources(request: Request) -> dict[str, Any]:
    """200: the collections of v2.0."""
    return {"resources": [{"name": name, "collection": plural, "links": [
        {"rel": "self", "href": f"{request.base_url}/v2.0/{plural.replace('_', '-')}"}]}
        for name, plural in extensions.COLLECTIONS]}


def list_extensions(request: Request) -> dict[str, Any]:
    """200: what this API offers beyond the core."""
    return {"extensions": [extensions.show(alias) for alias in sorted(extensions.EXTENSIONS)]}


def show_extension(request: Request, alias: str) -> dict[str, Any]:
    """200; 404."""
    if alias not in extensions.EXTENSIONS:
        raise faults.not_found_text("HTTPNotFound", f"Extension with alias {alias} does not exist")
    return {"extension": extensions.show(alias)}


# quotas

def list_quotas(request: Request) -> dict[str, Any]:
    """200: the limits of the projects that have their own."""
    with request.app.db.read() as session:
        return {"quotas": [{**quotas.limits(session, request.app.conf, p), "project_id": p, "tenant_id": p}
                           for p in db_quotas.projects(session)]}


def _own_quota(request: Request, project_id: str) -> None:
    """Anybody may look at the limits of its own project."""
    if request.context.project_id == project_id and request.context.roles:
        request.authorized = True
    else:
        request.authorize({"project_id": project_id})


def show_quota(request: Request, project_id: str) -> dict[str, Any]:
    """200: a project's limits."""
    _own_quota(request, project_id)
    with request.app.db.read() as session:
        return {"quota": quotas.limits(session, request.app.conf, project_id)}


def default_quota(request: Request, project_id: str) -> dict[str, Any]:
    """200: the limits of a project that has none of its own."""
    _own_quota(request, project_id)
    return {"quota": quotas.defaults(request.app.conf)}


def quota_details(request: Request, project_id: str) -> dict[str, Any]:
    """200: limits and what is in use."""
    _own_quota(request, project_id)
    with request.app.db.read() as session:
        return {"quota": quotas.details(session, request.app.conf, project_id)}


def own_project(request: Request) -> dict[str, Any]:
    """200: the caller's project (`/quotas/tenant`, `/quotas/project`)."""
    return {"tenant": {"tenant_id": request.context.project_id, "project_id": request.context.project_id}}


def update_quota(request: Request, project_id: str) -> dict[str, Any]:
    """200: the limits as they are now; 400."""
    sent = dict(request.body["quota"])
    check = attributes.boolean(sent.pop("check_limit", False)) and not attributes.boolean(sent.pop("force", False))
    wanted = {k: int(v) for k, v in sent.items() if k in quotas.RESOURCES}
    return {"quota": crud.change(request, lambda work: quotas.update(work, project_id, wanted, check_limit=check))}


def delete_quota(request: Request, project_id: str) -> None:
    """204; 404 when the project had no limits of its own."""
    crud.change(request, quotas.delete, project_id)


# tags

class Tags:
    """The tag calls of one noun."""

    def __init__(self, noun: crud.Noun) -> None:
        self.noun = noun

    def index(self, request: Request, id: str) -> dict[str, Any]:
        """200 with the tags; 404."""
        with request.app.db.read() as session:
            row = self.noun.fetch(session, request, id, policy=f"get_{self.noun.resource.name}")
            return {"tags": db_tags.of(session, row.id)}

    def replace(self, request: Request, id: str) -> dict[str, Any]:
        """200 with the tags, which are now exactly those sent."""
        return {"tags": self._change(request, id, lambda have: set(request.body["tags"]))}

    def add_many(self, request: Request, id: str) -> dict[str, Any]:
        """200 with the tags, those sent among them."""
        return {"tags": self._change(request, id, lambda have: have | set(request.body["tags"]))}

    def clear(self, request: Request, id: str) -> None:
        """204: no tags are left."""
        self._change(request, id, lambda have: set())

    def has(self, request: Request, id: str, tag: str) -> None:
        """204; 404 when the resource has no such tag."""
        if tag not in self.index(request, id)["tags"]:
            raise faults.not_found_text("TagNotFound", f"Tag {tag} could not be found.")

    def add(self, request: Request, id: str, tag: str) -> tuple[None, int]:
        """201: the tag is there. No body."""
        attributes_check(tag)
        self._change(request, id, lambda have: have | {tag})
        return None, 201

    def remove(self, request: Request, id: str, tag: str) -> None:
        """204; 404 when the resource has no such tag."""
        def without(have: set[str]) -> set[str]:
            if tag not in have:
                raise faults.not_found_text("TagNotFound", f"Tag {tag} could not be found.")
            return have - {tag}

        self._change(request, id, without)

    def _change(self, request: Request, id: str, function: Any) -> Any:
        def work_on(work: Work) -> Any:
            row = self.noun.fetch(work.session, request, id, lock=True, policy=f"update_{self.noun.resource.name}")
            have = db_tags.of(work.session, id)
            wanted = function(set(have))
            if wanted != set(have):
                db_tags.replace(work.session, id, wanted)
                rows.touch(row)
            return sorted(wanted)

        return crud.change(request, work_on)


_ONE_TAG = Schema(dict(attributes.TAG))


def attributes_check(tag: str) -> None:
    """400 when a tag in a URL is too long."""
    _ONE_TAG.validate(tag, lambda error: f"Invalid input for tags. Reason: {error.message}.")


# automatic topologies

def show_topology(request: Request, project_id: str) -> dict[str, Any]:
    """200: the project's automatic network, made now if need be (`fields=dry-run`: only whether it could be); 409."""
    request.authorize({"project_id": project_id})
    if "dry-run" in request.query.get("fields", ()):
        crud.change(request, topologies.requirements)
        return {"auto_allocated_topology": {"id": "dry-run=pass", "tenant_id": project_id, "project_id": project_id}}
    made = crud.change(request, topologies.get, project_id)
    return {"auto_allocated_topology": {"id": made, "tenant_id": project_id, "project_id": project_id}}


def delete_topology(request: Request, project_id: str) -> None:
    """204; 404; 409 while something is plugged in."""
    request.authorize({"project_id": project_id})
    crud.change(request, topologies.delete, project_id)


# zones and providers

def zones(request: Request) -> dict[str, Any]:
    """200: availability zones of networks and routers."""
    with request.app.db.read() as session:
        found = db_networks.zones(session)
    items = [{"name": zone, "resource": kind, "state": "available" if up else "unavailable"}
             for (zone, kind), up in sorted(found.items())]
    for name in ("name", "resource", "state"):
        if name in request.query:
            items = [i for i in items if i[name] in request.query[name]]
    return {"availability_zones": items}


_PROVIDERS = ({"service_type": "L3_ROUTER_NAT", "name": "single_node", "default": True},)


def providers(request: Request) -> dict[str, Any]:
    """200: what realises advanced services; those of the type or name that is asked for."""
    wanted = {name: values for name in ("service_type", "name") if (values := request.query.get(name))}
    return {"service_providers": [p for p in _PROVIDERS if all(p[name] in values for name, values in wanted.items())]}


