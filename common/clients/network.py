"""The network service, as compute calls it (Networking API v2.0)."""

from typing import Any

from common.clients.base import ServiceClient

_PLURALS = {"network": "networks", "subnet": "subnets", "port": "ports", "floatingip": "floatingips",
            "security_group": "security-groups", "security_group_rule": "security-group-rules"}


class NetworkClient(ServiceClient):
    """Networking resources by kind: network, subnet, port, floatingip, security_group, security_group_rule.

    Every method raises clients.base.RemoteError (status, message) or errors.Transient.
    """

    service_type = "network"

    def find(self, kind: str, **filters: Any) -> list[dict[str, Any]]:
        """The resources of `kind` that match `filters` (a list value means any of it)."""
        key = _PLURALS[kind].replace("-", "_")
        return self.get(f"/v2.0/{_PLURALS[kind]}", **filters)[key]  # type: ignore[no-any-return]

    def show(self, kind: str, item_id: str) -> dict[str, Any]:
        """One resource; RemoteError 404 when it is not there or not visible."""
        return self.get(f"/v2.0/{_PLURALS[kind]}/{item_id}")[kind]  # type: ignore[no-any-return]

    def create(self, kind: str, values: dict[str, Any]) -> dict[str, Any]:
        """A new resource."""
        return self.post(f"/v2.0/{_PLURALS[kind]}", {kind: values})[kind]  # type: ignore[no-any-return]

    def create_ports(self, ports: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Several ports in one request: all or none."""
        return self.post("/v2.0/ports", {"ports": ports})["ports"]  # type: ignore[no-any-return]

    def update(self, kind: str, item_id: str, values: dict[str, Any]) -> dict[str, Any]:
        """Change a resource."""
        return self.put(f"/v2.0/{_PLURALS[kind]}/{item_id}", {kind: values})[kind]  # type: ignore[no-any-return]

    def remove(self, kind: str, item_id: str, *, missing_ok: bool = False) -> None:
        """Delete a resource."""
        self.delete(f"/v2.0/{_PLURALS[kind]}/{item_id}", missing_ok=missing_ok)

    def bind(self, port_id: str, host: str, profile: dict[str, Any]) -> dict[str, Any]:
        """Bind a port to one more host, where it may go; RemoteError 409 when it has such a binding."""
        return self.post(f"/v2.0/ports/{port_id}/bindings", {"binding": {"host": host, "profile": profile}})["binding"]  # type: ignore[no-any-return]

    def activate(self, port_id: str, host: str) -> None:
        """A port is on `host` from now on, to which it is bound; RemoteError 404 when it is not, 409 when it was there."""
        self.request("PUT", f"/v2.0/ports/{port_id}/bindings/{host}/activate")

    def unbind(self, port_id: str, host: str) -> None:
        """Take a port's binding to a host away; fine when there is none."""
        self.delete(f"/v2.0/ports/{port_id}/bindings/{host}")

    def quota(self, project_id: str) -> dict[str, int]:
        """The project's networking limits."""
        return self.get(f"/v2.0/quotas/{project_id}")["quota"]  # type: ignore[no-any-return]
