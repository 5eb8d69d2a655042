"""What compute's conductor and APIs ask of the agent on a host. Messages carry ids, never the truth."""

from typing import Any

from common.rpc.interface import Interface, call, cast


class Agent(Interface):
    """Addressed to one host with `to(host)`."""

    topic = "compute-agent"
    version = "1.0"

    @cast
    def reconcile(self, ctxt: Any, server_ids: list[str]) -> None:
        """Look again at these servers: ask the conductor for their specs and jobs."""

    @cast
    def cache_images(self, ctxt: Any, images: list[dict[str, Any]], url: str) -> None:
        """Fetch these images (as a server's request remembers them) from the image service at `url` with the caller's own token,
        for later boots. What cannot be had is logged."""

    @call(timeout_s=30)
    def console_output(self, ctxt: Any, server_id: str, lines: int | None) -> str:
        """The last `lines` lines (None: all) of the serial console. errors.NotFound, errors.Conflict."""

    @call(timeout_s=30)
    def console_endpoint(self, ctxt: Any, server_id: str, kind: str) -> dict[str, Any]:
        """Where the `vnc` or `serial` console listens: {"host", "port"}. errors.NotFound, errors.Conflict."""

    @call(timeout_s=30)
    def diagnostics(self, ctxt: Any, server_id: str) -> dict[str, Any]:
        """{"standard": 2.48 form, "legacy": the form before}. errors.NotFound, errors.Conflict."""

    @call(timeout_s=30)
    def uptime(self, ctxt: Any, node: str) -> str:
        """The node's uptime(1) line."""
