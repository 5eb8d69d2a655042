"""What the network conductor can be asked: by agents (they have no database) and by the API (what has changed)."""

from typing import Any

from common.rpc.interface import Interface, call, cast

TOPIC = "network-conductor"


class NetworkConductor(Interface):
    """Messages for any conductor of the network service."""

    topic = TOPIC
    version = "1.0"

    @call(timeout_s=30)
    def heartbeat(self, ctxt: Any, host: str, version: str, started_at: str, tunnel_ip: str | None,
                  physical_networks: list[str], roles: list[str], configurations: dict[str, Any]) -> dict[str, Any]:
        """An agent is alive; to be called every [worker] heartbeat_s, the first time before any other message.

        started_at         ISO 8601 time at which the agent's process started
        tunnel_ip          address of this host's tunnel end (None: no tunnels)
        physical_networks  names of the host's physical networks (its mapping's keys)
        roles              which parts it plays, of: l2, dhcp, l3, metadata
        configurations     anything more for the agents' list, per role: {"l2": {…}, "l3": {…}}
        Returns {"resync": true when the agent should ask for its whole state (it is new, or was believed dead),
        "peers_changed": ignored by older agents}.
        """

    @call(timeout_s=20)
    def get_host_state(self, ctxt: Any, host: str, port_ids: list[str] | None = None,
                       network_ids: list[str] | None = None, router_ids: list[str] | None = None,
                       set_ids: list[str] | None = None, set_members: dict[str, list[str]] | None = None,
                       known_sets: list[str] | None = None, known_hosts: list[str] | None = None) -> dict[str, Any]:
        """What `host` should look like: all of it (no ids at all), or what concerns the ids given.

        The values are `to_dict()` forms of services.network.objects. Always present:

          full           true: the answer replaces everything the agent knew
          segments       [Segment] of the networks in the answer
          peers          [TunnelPeers]      replaces, per network_id
          neighbours     [Neighbour]        see below
          ports          [Port] bound to this host
          address_sets   [AddressSet]       replaces, per set_id
          dhcps          [Dhcp] that this host serves
          routers        [Router] that this host serves
          all_hosts      {network_id: [DhcpHost]} every port of networks in `dhcps` or inside `routers` (which have no
                         hosts of their own here); replaces, per network_id
          hosts          {network_id: [DhcpHost]} see below
          set_changes    {set_id: {"added", "removed"}} see below
          gone           {"port_ids", "network_ids", "router_ids", "set_ids"}: asked for, and nothing here any more:
                         drop the port (also as neighbour and DHCP host), the network (segment, peers, neighbours,
                         dhcp), the router, the set
          up             of a full answer: the ports bound here that count as wired; what differs is to be reported

        With ids the answer is an addition:
          port_ids     a port bound to this host, or that may move here (`pending`), comes in `ports`, with its segment
                       and those address sets that its rules name and that are not in `known_sets`; one asked for
                       that does not come is not to be wired here; a port bound elsewhere, in a network present here,
                       comes in `neighbours` (upsert by port); and in `hosts` when this host serves the network's DHCP
                       or one of its routers (upsert by port_id among the hosts of the network).
                       When a segment comes that the agent did not have, it must ask again with `network_ids`,
                       because it lacks the peers and the neighbours.
          network_ids  segment, peers, all neighbours (replacing those of that network) and the dhcp with all its hosts
                       (a dhcp that was known and does not come is no longer this host's)
          router_ids   the whole router, with the segments of its networks, and all hosts of those inside networks that
                       are not in `known_hosts`
          set_ids      the whole address set, if a rule of a port on this host names it
          set_members  {set_id: addresses} of sets that the agent has: each address comes in `added` when it is a
                       member now, else in `removed`
        """

    @call(timeout_s=20)
    def report(self, ctxt: Any, host: str, ports_up: list[str], ports_down: list[str], networks_ready: list[str],
               routers_ready: list[str], errors: dict[str, str]) -> None:
        """What the agent has realised since its last report; to be sent once per pass, only when something is to be said.

        ports_up / ports_down   ports bound to this host that are now wired (in their bridge, rules loaded), or no more
        networks_ready          networks whose DHCP server here now runs with its latest state
        routers_ready           routers that are realised here with their latest state (their floating IPs go ACTIVE)
        errors                  as drivers' Applied.errors: {"port:ID" | "network:ID" | "router:ID" | "firewall": line}
        """

    @cast
    def report_up(self, ctxt: Any, host: str, ports_up: list[str], networks_ready: list[str], routers_ready: list[str],
                  errors: dict[str, str]) -> None:
        """As `report` of nothing that is down, without an answer.

        One that is lost is made up for by the next full pass. `report` is for what must not be overtaken by what follows: a port
        that is down and soon up again; and for ports that may move here, which no full answer says to be up.
        """

    @cast
    def changed(self, ctxt: Any, changes: dict[str, Any]) -> None:
        """From the API, after its commit: what has changed. Collected for some milliseconds, then agents are poked.

        changes: {"ports": {port_id: [network_id, *hosts it was or is bound to]}, "networks": [ids],
        "routers": [ids], "groups": [security groups whose rules changed], "sets": [address groups whose members changed],
        "members": {security group: addresses that came or left},
        "hosts": {host: {"network_ids": [...], "router_ids": [...]}} of hosts that lost something, "events": bool}
        """
