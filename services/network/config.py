"""Every option of the network service, and what the service consists of."""

from collections.abc import Sequence

from oslo_config import cfg

from common.service import DaemonInfo, Endpoint, Service, SharedSecret

OPTS: list[cfg.Opt] = [
    cfg.StrOpt("tenant_network_type", default="vxlan", choices=["vxlan", "vlan"],
               help="Kind of segment of networks made without provider attributes."),
    cfg.ListOpt("vni_ranges", default=["1:16777215"], help="VNIs given out to networks, as first:last."),
    cfg.ListOpt("vlan_ranges", default=[],
                help="Physical networks with VLANs, as name:first:last (given out) or name (by operators only)."),
    cfg.ListOpt("flat_networks", default=["*"], help="Physical networks that may be used untagged; *: any."),
    cfg.IntOpt("physical_mtu", default=1500, min=576, help="MTU of the network between hosts, bytes."),
    cfg.StrOpt("base_mac", default="fa:16:3e:00:00:00", help="MAC addresses are made from its first three octets."),
    cfg.StrOpt("dns_domain", default="openstacklocal", help="Domain of ports without one of their own."),
    cfg.IntOpt("dhcp_agents_per_network", default=1, min=1, help="Hosts that serve a network's DHCP."),
    cfg.IntOpt("agent_down_s", default=75, min=1, help="Seconds without a heartbeat after which an agent is dead."),
    cfg.IntOpt("reschedule_s", default=15, min=1, help="Seconds between looks for networks and routers of dead agents."),
    cfg.FloatOpt("poke_window_s", default=0.03, min=0.0,
               help="How long changes that follow one another are collected before agents are poked again."),
    cfg.BoolOpt("notify_compute", default=True, help="Tell compute when a port of a server changes its state."),
    cfg.IntOpt("fixed_ips_per_port_max", default=16, min=1, help="Most addresses of one port."),
    cfg.IntOpt("allowed_address_pairs_max", default=10, min=1, help="Most allowed address pairs of one port."),
    cfg.IntOpt("dns_nameservers_max", default=5, min=1, help="Most DNS servers of one subnet."),
    cfg.IntOpt("host_routes_max", default=20, min=1, help="Most host routes of one subnet."),
    cfg.IntOpt("routes_max", default=30, min=1, help="Most extra routes of one router."),
    *[cfg.IntOpt(f"quota_{name}", default=limit, min=-1, help=f"Default limit of {name} per project; -1: none.")
      for name, limit in (("network", 100), ("subnet", 100), ("port", 500), ("router", 10), ("floatingip", 50),
                          ("security_group", 10), ("security_group_rule", 100), ("rbac_policy", 10),
                          ("subnetpool", -1))],
]


AGENT_OPTS: list[cfg.Opt] = [
    cfg.StrOpt("driver", default="linux", choices=["linux", "simulated"], help="What realises the network on this host."),
    cfg.StrOpt("local_ip", default="127.0.0.1", help="Address of this host's end of tunnels to other hosts."),
    cfg.PortOpt("vxlan_port", default=4789, help="UDP port of the tunnels."),
    cfg.DictOpt("physical_networks", default={}, help="Physical network name:device or bridge of this host, comma separated."),
    cfg.StrOpt("metadata_url", default="http://127.0.0.1:8775", help="Where guests' metadata requests are passed to."),
    cfg.StrOpt("metadata_secret", secret=True, help="Signs them; the same as compute's [metadata] shared_secret."),
    cfg.IntOpt("metadata_threads", default=8, min=1, help="Metadata requests passed on at the same time."),
    cfg.IntOpt("dhcp_lease_s", default=86400, min=60, help="Length of DHCP leases, seconds."),
    cfg.ListOpt("dns_forwarders", default=[], help="DNS servers that guests' questions are passed to; none: the host's own."),
    cfg.ListOpt("roles", default=["l2", "dhcp", "l3", "metadata"], help="Parts this host plays."),
]


def options() -> Sequence[tuple[str | None, Sequence[cfg.Opt]]]:
    """(group, options) of this service, beside those of common.config."""
    return [("network", OPTS), ("network_agent", AGENT_OPTS)]


SERVICE = Service(
    name="network",
    options=options,
    db_package="services.network.db",
    daemons=(
        DaemonInfo("network-api", "services.network.cmd.network_api:build", port=9696, binary="neutron-server"),
        DaemonInfo("network-conductor", "services.network.cmd.network_conductor:build", binary="neutron-rpc-server"),
        DaemonInfo("network-agent", "services.network.cmd.network_agent:build", privileged=True, database=False,
                   binary="neutron-linuxbridge-agent"),
    ),
    endpoints=(
        Endpoint("network", "neutron", "network-api", ""),
    ),
    embedded={"network_agent.driver": "simulated", "network_agent.physical_networks": {"public": "simulated"},
              "network_agent.metadata_secret": SharedSecret("metadata")},
)
