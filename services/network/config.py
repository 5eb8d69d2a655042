"""Every option of the network service, and what the service consists of."""

from collections.abc import Sequence

from oslo_config import cfg

from common.service import DaemonInfo, Endpoint, Service

OPTS: list[cfg.Opt] = []


def options() -> Sequence[tuple[str | None, Sequence[cfg.Opt]]]:
    """(group, options) of this service, beside those of common.config."""
    return [("network", OPTS)]


SERVICE = Service(
    name="network",
    options=options,
    db_package="services.network.db",
    daemons=(
        DaemonInfo("network-api", "services.network.cmd.network_api:build", port=9696, binary="neutron-server"),
        DaemonInfo("network-conductor", "services.network.cmd.network_conductor:build", binary="neutron-rpc-server"),
        DaemonInfo("network-agent", "services.network.cmd.network_agent:build", privileged=True, database=False, binary="neutron-linuxbridge-agent"),
    ),
    endpoints=(
        Endpoint("network", "neutron", "network-api", ""),
    ),
)
