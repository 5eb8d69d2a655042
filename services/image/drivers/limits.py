"""A project's limits of this service, as identity keeps them (unified limits)."""

import threading
from typing import Any

from cachetools import TTLCache
from oslo_config import cfg

from common.clients.base import ServiceClient, Sessions

_SECONDS = 30


class _Identity(ServiceClient):
    """Identity's limits."""

    service_type = "identity"

    def registered(self, service_id: str, region: str) -> dict[str, int]:
        """{name: default} of a service's registered limits; those of the region win."""
        found = self.get("/v3/registered_limits", service_id=service_id)["registered_limits"]
        return _by_name(found, region, "default_limit")

    def of_project(self, service_id: str, project: str, region: str) -> dict[str, int]:
        """{name: limit} that a project has of its own."""
        found = self.get("/v3/limits", service_id=service_id, project_id=project)["limits"]
        return _by_name(found, region, "resource_limit")

    def service_id(self) -> str | None:
        """The image service's id in the catalog."""
        found = self.get("/v3/services", type="image")["services"]
        return str(found[0]["id"]) if found else None


def _by_name(found: list[dict[str, Any]], region: str, field: str) -> dict[str, int]:
    mine = [x for x in found if x.get("region_id") in (None, region)]
    return {x["resource_name"]: int(x[field]) for x in sorted(mine, key=lambda x: x.get("region_id") is not None)}


class ProjectLimits:
    """Limits by project, remembered for half a minute."""

    def __init__(self, conf: cfg.ConfigOpts, sessions: Sessions) -> None:
        self._identity, self._region = _Identity(sessions), conf.region
        self._cache: TTLCache[str, dict[str, int]] = TTLCache(4096, _SECONDS)
        self._lock = threading.Lock()
        self._service_id: str | None = None

    def of(self, project: str) -> dict[str, int]:
        """{limit name: most}; errors.Transient when identity does not answer."""
        with self._lock:
            if project in self._cache:
                return self._cache[project]
        self._service_id = self._service_id or self._identity.service_id()
        found: dict[str, int] = {}
        if self._service_id:
            found = self._identity.registered(self._service_id, self._region)
            found.update(self._identity.of_project(self._service_id, project, self._region))
        with self._lock:
            self._cache[project] = found
        return found
