"""The compute service, as other services call it (Compute API v2.1)."""

from collections.abc import Sequence
from typing import Any

from common.clients.base import ServiceClient


class ComputeClient(ServiceClient):
    """What other services tell compute. Methods raise clients.base.RemoteError or errors.Transient."""

    service_type = "compute"
    service_name = "nova"
    microversion = "2.93"

    def server_external_events(self, events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Tell of events: [{"name", "server_uuid", "tag", "status"}]; the same with a `code` each.

        RemoteError 404 when none of the servers is known.
        """
        answer = self.post("/os-server-external-events", {"events": list(events)})
        return list((answer or {}).get("events", []))
