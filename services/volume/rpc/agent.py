"""What volume's API and conductor ask of the agent of a back end, addressed as host@backend."""

from typing import Any

from common.rpc.interface import Interface, call, cast


class Agent(Interface):
    """Addressed to one back end with `to("host@backend")`. Everything here may be repeated."""

    topic = "volume-agent"
    version = "1.0"

    @cast
    def reconcile(self, ctxt: Any, volume_ids: list[str]) -> None:
        """There is work on these volumes: ask the conductor for it."""

    @call(timeout_s=60)
    def connect(
        self, ctxt: Any, volume_id: str, attachment_id: str, connector: dict[str, Any], read_only: bool
    ) -> dict[str, Any]:
        """Grant a host access: {"driver_volume_type", "data"}. errors.BadRequest, errors.NotFound, errors.Conflict."""

    @call(timeout_s=60)
    def disconnect(self, ctxt: Any, volume_id: str, attachment_ids: list[str]) -> None:
        """Take access away."""
