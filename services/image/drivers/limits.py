"""A project's limits of this service, as identity keeps them (unified limits).

Asked for each time: a limit that an operator changes holds from the next request on.
"""

from collections.abc import Sequence
from typing import Any

from oslo_config import cfg

from common.clients.base import RemoteError, ServiceClient, Sessions


class _Identity(ServiceClient):
    """Identity's limits. Its URL in the catalog has the version in it."""

    service_type = "identity"

    def registered(self, service_id: str, region: str | None) -> dict[str, int]:
        """{name: default} of a service's registered limits; those of the region win."""
        found = self.get("/registered_limits", service_id=service_id)["registered_limits"]
        return _by_name(found, region, "default_limit")

    def register(self, service_id: str, region: str | None, names: Sequence[str]) -> None:
        """Register limits with the default that means any number; harmless when another process was first."""
        rows = [{"service_id": service_id, "region_id": region, "resource_name": n, "default_limit": -1} for n in names]
        try:
            self.post("/registered_limits", {"registered_limits": rows})
        except RemoteError as e:
            if e.status != 409:
                raise

    def of_project(self, service_id: str, project: str, region: str | None) -> dict[str, int]:
        """{name: limit} that a project has of its own."""
        found = self.get("/limits", service_id=service_id, project_id=project)["limits"]
        return _by_name(found, region, "resource_limit")

    def service_of(self, endpoint_id: str) -> tuple[str, str | None]:
        """(service id, region) of an endpoint."""
        found = self.get(f"/endpoints/{endpoint_id}")["endpoint"]
        return str(found["service_id"]), found.get("region_id")

    def service_id(self) -> str | None:
        """The image service's id in the catalog."""
        found = self.get("/services", type="image")["services"]
        return str(found[0]["id"]) if found else None


def _by_name(found: list[dict[str, Any]], region: str | None, field: str) -> dict[str, int]:
    mine = [x for x in found if x.get("region_id") in (None, region)]
    return {x["resource_name"]: int(x[field]) for x in sorted(mine, key=lambda x: x.get("region_id") is not None)}


class ProjectLimits:
    """Limits by project. Which service they are of, an endpoint's id says, or else the catalog."""

    def __init__(self, conf: cfg.ConfigOpts, sessions: Sessions) -> None:
        self._identity, self._region, self._endpoint_id = _Identity(sessions), conf.region, conf.image.limits_endpoint_id
        self._service: tuple[str, str | None] | None = None
        self._registered = False

    def of(self, project: str) -> dict[str, int]:
        """{limit name: most}, none for nobody's images; errors.Transient when identity does not answer."""
        if not project:
            return {}
        service = self._service or self._find()
        if service is None:
            return {}
        self._service = service
        return {**self._identity.registered(*service), **self._identity.of_project(service[0], project, service[1])}

    def register(self, names: Sequence[str]) -> None:
        """Make sure that identity knows the limits `names`, so that operators and projects can be given some; once."""
        if self._registered:
            return
        service = self._find()
        if service is None:
            return
        missing = [n for n in names if n not in self._identity.registered(*service)]
        if missing:
            self._identity.register(*service, missing)
        self._registered = True

    def _find(self) -> tuple[str, str | None] | None:
        if self._endpoint_id:
            return self._identity.service_of(self._endpoint_id)
        found = self._identity.service_id()
        return (found, self._region) if found else None
