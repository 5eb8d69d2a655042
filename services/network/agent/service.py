"""What the agent answers over RPC (services.network.rpc.agent)."""

from typing import Any

from services.network.agent.reconcile import Reconciler


class AgentService:
    """Implements the NetworkAgent interface."""

    def __init__(self, reconciler: Reconciler) -> None:
        self.reconciler = reconciler

    def reconcile(self, ctxt: Any, port_ids: list[str], network_ids: list[str], router_ids: list[str],
                  set_ids: list[str], set_members: dict[str, list[str]] | None = None) -> None:
        """Look again at these."""
        self.reconciler.poke(set_members, port_ids=port_ids, network_ids=network_ids, router_ids=router_ids, set_ids=set_ids)

    def resync(self, ctxt: Any) -> None:
        """Ask for everything again."""
        self.reconciler.resync()
