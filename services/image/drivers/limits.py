"""A project's limits of this service, as identity keeps them (unified limits).

Asked for each time: a limit that an operator changes holds from the next request on.
"""

from typing import Any

from oslo_config import cfg

from common.clients.base import ServiceClient, Sessions


class _Identity(ServiceClient):
    """Identity's limits. Its URL in the catalog has the version in it."""

    service_type = "identity"

    def registered(self, service_id: str, region: str | None) -> dict[str, int]:
        """{name: default} of a service's registered limits; those of the region win."""
        found = self.get("/registered_limits", service_id=service_id)["registered_limits"]
        return _by_name(found, region, "default_limit")

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

    def of(self, project: str) -> dict[str, int]:
        """{limit name: most}, none for nobody's images; errors.Transient when identity does not answer."""
        if not project:
            return {}
        service = self._service or self._find()
        if service is None:
            return {}
        self._service = service
        return {**self._identity.registered(*service), **self._identity.of_project(service[0], project, service[1])}

    def _find(self) -> tuple[str, str | None] | None:
        if self._endpoint_id:
            return self._identity.service_of(self._endpoint_id)
        found = self._identity.service_id()
        return (found, self._region) if found else None
