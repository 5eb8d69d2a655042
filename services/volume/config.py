"""Every option of the volume service, and what the service consists of."""

from collections.abc import Sequence

from oslo_config import cfg

from common.clients import scheduler
from common.service import DaemonInfo, Endpoint, Service

OPTS: list[cfg.Opt] = []


def options() -> Sequence[tuple[str | None, Sequence[cfg.Opt]]]:
    """(group, options) of this service, beside those of common.config."""
    return [("volume", OPTS), ("scheduler", scheduler.OPTS)]


SERVICE = Service(
    name="volume",
    options=options,
    db_package="services.volume.db",
    daemons=(
        DaemonInfo("volume-api", "services.volume.cmd.volume_api:build", port=8776, binary="cinder-api"),
        DaemonInfo("volume-conductor", "services.volume.cmd.volume_conductor:build", binary="cinder-scheduler"),
        DaemonInfo("volume-agent", "services.volume.cmd.volume_agent:build", privileged=True, database=False, binary="cinder-volume"),
    ),
    endpoints=(
        Endpoint("block-storage", "cinder", "volume-api", "/v3/%(project_id)s", aliases=("volumev3",)),
    ),
)
