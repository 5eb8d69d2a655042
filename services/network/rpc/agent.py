"""What an agent can be told: that something it may have to do with has changed.

The messages say only where to look; the agent then asks its conductor
(`rpc.conductor.Conductor.get_host_state`) and makes its host equal to the answer.
"""

from typing import Any

from common.rpc.interface import Interface, cast

TOPIC = "network-agent"


class NetworkAgent(Interface):
    """Messages for the network agent of one host (`client.to(host)`)."""

    topic = TOPIC
    version = "1.0"

    @cast
    def reconcile(self, ctxt: Any, port_ids: list[str], network_ids: list[str], router_ids: list[str],
                  set_ids: list[str], set_members: dict[str, list[str]] | None = None) -> None:
        """Look again at these ports (here, elsewhere or gone), networks, routers and address sets.

        Of the sets in `set_members` only those addresses need to be looked at.

        Messages may come twice, late or never; a periodic full pass catches what was missed. An agent may collect
        several messages and ask its conductor once, with the union of their ids.
        """

    @cast
    def resync(self, ctxt: Any) -> None:
        """Ask for the whole state of the host (the conductor lost track, or an operator changed the agent)."""
