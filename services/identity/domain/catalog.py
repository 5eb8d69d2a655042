"""The catalog as a token shows it."""

import logging
from collections.abc import Iterable
from typing import Any

from common.db.session import Session
from services.identity.db import catalog as catalog_db
from services.identity.db.models import CatalogService, Endpoint, EndpointGroup

LOG = logging.getLogger(__name__)


def build(session: Session, user_id: str, project_id: str | None) -> list[dict[str, Any]]:
    """Services with their endpoints, URLs filled in, for a user on a project (or on none).

    A project that was given endpoints (OS-EP-FILTER) sees those only; any other sees services without endpoints too, as
    upstream shows them. An endpoint whose URL cannot be filled in is left out.
    """
    pairs = catalog_db.enabled(session)
    if project_id is not None:
        ids, groups = catalog_db.filtered_to(session, project_id)
        if ids or groups:
            pairs = [(s, e) for s, e in pairs if e is not None and (e.id in ids or any(in_group(g, s, e) for g in groups))]
    services: dict[str, dict[str, Any]] = {}
    for service, endpoint in pairs:
        entry = services.setdefault(service.id, {"endpoints": [], "id": service.id, "type": service.type,
                                                 "name": service.name or ""})
        url = filled(endpoint.url, user_id, project_id) if endpoint is not None else None
        if endpoint is None or url is None:
            continue
        entry["endpoints"].append({
            **(endpoint.extra or {}), "id": endpoint.id, "interface": endpoint.interface, "region_id": endpoint.region_id,
            "url": url, "region": endpoint.region_id})
    return list(services.values())


def filled(url: str, user_id: str, project_id: str | None) -> str | None:
    """`url` with project and user put in, in all of upstream's spellings; None when something is missing."""
    values = {"user_id": user_id}
    if project_id is not None:
        values.update(project_id=project_id, tenant_id=project_id)
    try:
        return url.replace("$(", "%(") % values
    except (KeyError, TypeError, ValueError) as e:
        if not (isinstance(e, KeyError) and e.args[0] in ("project_id", "tenant_id")):
            LOG.warning("malformed endpoint URL %s: %s", url, e)
        return None


def in_group(group: EndpointGroup, service: CatalogService, endpoint: Endpoint) -> bool:
    """Whether an endpoint meets the filters of an endpoint group."""
    have = {"service_id": service.id, "region_id": endpoint.region_id, "interface": endpoint.interface,
            "enabled": endpoint.enabled}
    return all(have.get(name) == value for name, value in (group.filters or {}).items())


def members(group: EndpointGroup, pairs: Iterable[tuple[CatalogService, Endpoint]]) -> list[Endpoint]:
    """The endpoints of a group."""
    return [endpoint for service, endpoint in pairs if in_group(group, service, endpoint)]
