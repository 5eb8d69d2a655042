"""What the agent answers over RPC (services.volume.rpc.agent)."""

from typing import Any

from common import errors
from services.volume.agent.reconcile import Reconciler
from services.volume.drivers.base import BackendError, InvalidConnector, NotFound
from services.volume.objects.storage import Connector


class AgentService:
    """Implements the Agent interface for one back end."""

    def __init__(self, reconciler: Reconciler) -> None:
        self.reconciler, self.driver = reconciler, reconciler.backend.driver

    def reconcile(self, ctxt: Any, volume_ids: list[str]) -> None:
        """There is work on these volumes."""
        self.reconciler.poke(volume_ids)

    def connect(
        self, ctxt: Any, volume_id: str, attachment_id: str, connector: dict[str, Any], read_only: bool
    ) -> dict[str, Any]:
        """Grant a host access."""
        try:
            return self.driver.connect(volume_id, attachment_id, Connector.from_dict(connector), read_only)
        except InvalidConnector as e:
            raise errors.BadRequest(f"Invalid input received: {e}") from e
        except NotFound as e:
            raise errors.NotFound(str(e)) from e
        except BackendError as e:
            raise errors.Conflict(f"The back end could not export the volume: {e}") from e

    def disconnect(self, ctxt: Any, volume_id: str, attachment_ids: list[str]) -> None:
        """Take access away."""
        for attachment_id in attachment_ids:
            try:
                self.driver.disconnect(volume_id, attachment_id)
            except BackendError as e:
                raise errors.Transient(str(e)) from e
