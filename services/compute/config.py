"""Every option of the compute service, and what the service consists of."""

from collections.abc import Sequence

from oslo_config import cfg

from common.clients import scheduler
from common.service import DaemonInfo, Endpoint, Service

OPTS: list[cfg.Opt] = []


def options() -> Sequence[tuple[str | None, Sequence[cfg.Opt]]]:
    """(group, options) of this service, beside those of common.config."""
    return [("compute", OPTS), ("scheduler", scheduler.OPTS)]


SERVICE = Service(
    name="compute",
    options=options,
    db_package="services.compute.db",
    daemons=(
        DaemonInfo("compute-api", "services.compute.cmd.compute_api:build", port=8774, binary="nova-osapi_compute"),
        DaemonInfo("compute-conductor", "services.compute.cmd.compute_conductor:build", binary="nova-conductor"),
        DaemonInfo("compute-agent", "services.compute.cmd.compute_agent:build", privileged=True, database=False, binary="nova-compute"),
        DaemonInfo("metadata-api", "services.compute.cmd.metadata_api:build", port=8775, binary="nova-metadata"),
        DaemonInfo("console-proxy", "services.compute.cmd.console_proxy:build", port=6080, binary="nova-novncproxy"),
    ),
    endpoints=(
        Endpoint("compute", "nova", "compute-api", "/v2.1"),
    ),
)
