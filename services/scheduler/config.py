"""Every option of the scheduler service, and what the service consists of."""

from collections.abc import Sequence

from oslo_config import cfg

from common.service import DaemonInfo, Endpoint, Service

OPTS: list[cfg.Opt] = []


def options() -> Sequence[tuple[str | None, Sequence[cfg.Opt]]]:
    """(group, options) of this service, beside those of common.config."""
    return [("scheduler", OPTS)]


SERVICE = Service(
    name="scheduler",
    options=options,
    db_package="services.scheduler.db",
    daemons=(
        DaemonInfo("placement-api", "services.scheduler.cmd.placement_api:build", port=8778, binary="placement-api"),
        DaemonInfo("scheduler", "services.scheduler.cmd.scheduler:build", binary="nova-scheduler"),
    ),
    endpoints=(
        Endpoint("placement", "placement", "placement-api", ""),
    ),
)
