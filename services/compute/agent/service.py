"""What the agent answers over RPC (services.compute.rpc.agent)."""

from typing import Any

from common import errors
from services.compute.agent.reconcile import Reconciler
from services.compute.drivers.base import DriverError, ServerNotFound
from services.compute.objects.server import ImageSpec


class AgentService:
    """Implements the Agent interface."""

    def __init__(self, reconciler: Reconciler) -> None:
        self.reconciler, self.driver = reconciler, reconciler.host.driver

    def reconcile(self, ctxt: Any, server_ids: list[str]) -> None:
        """Look again at these servers."""
        self.reconciler.loop.poke(server_ids)

    def cache_images(self, ctxt: Any, images: list[dict[str, Any]], url: str) -> None:
        """Fetch images for later boots."""
        self.reconciler.prefetch([ImageSpec.of_record(image) for image in images], url, str(ctxt.auth_token))

    def console_output(self, ctxt: Any, server_id: str, lines: int | None) -> str:
        """The last lines of the serial console."""
        return str(_asked(lambda: self.driver.consoles.output(server_id, lines)))

    def console_endpoint(self, ctxt: Any, server_id: str, kind: str) -> dict[str, Any]:
        """Where a console listens."""
        found = _asked(lambda: self.driver.consoles.endpoint(server_id, kind))
        return {"host": found.host, "port": found.port}

    def diagnostics(self, ctxt: Any, server_id: str) -> dict[str, Any]:
        """Counters of a running server."""
        if self.driver.diagnostics is None:
            raise errors.Conflict("this hypervisor keeps no counters")
        source = self.driver.diagnostics
        return dict(_asked(lambda: source.read(server_id)).to_dict())

    def uptime(self, ctxt: Any, node: str) -> str:
        """The node's uptime line."""
        return str(_asked(lambda: self.driver.inventory.node(node)).uptime or "")


def _asked(call: Any) -> Any:
    """The driver's answer; its refusals as errors that cross RPC."""
    try:
        return call()
    except ServerNotFound as e:
        raise errors.NotFound(str(e)) from e
    except DriverError as e:
        raise errors.Conflict(str(e)) from e
