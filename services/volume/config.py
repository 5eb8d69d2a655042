"""Every option of the volume service, and what the service consists of."""

from collections.abc import Sequence

from oslo_config import cfg

from common.clients import scheduler
from common.service import DaemonInfo, Endpoint, Service
from services.volume.drivers import options as drivers

OPTS: list[cfg.Opt] = [
    cfg.StrOpt("default_volume_type", default="__DEFAULT__", help="Type of volumes that ask for none; made at the first start."),
    cfg.StrOpt("default_availability_zone", default="nova", help="Zone of volumes that ask for none."),
    cfg.StrOpt("storage_availability_zone", default="nova", help="Zone of this agent's back ends."),
    cfg.BoolOpt(
        "allow_availability_zone_fallback", default=False, help="Take the default zone where the one asked for is unknown."
    ),
    cfg.IntOpt("transfer_salt_bytes", default=12, min=4, help="Entropy of a transfer key's salt."),
    cfg.IntOpt("transfer_key_bytes", default=16, min=8, help="Entropy of a transfer key."),
    cfg.IntOpt("message_ttl_s", default=2592000, min=1, help="Seconds a message about a failure is kept."),
    cfg.IntOpt("tombstone_s", default=7 * 86400, min=3600, help="Seconds the ids of deleted volumes are remembered."),
    cfg.FloatOpt("agent_timeout_s", default=7200, min=1, help="Seconds an agent may take for one piece of work."),
    cfg.FloatOpt("agent_down_s", default=60, min=1, help="Seconds an operation waits for an agent that is down."),
]
QUOTA_OPTS: list[cfg.Opt] = [
    cfg.IntOpt("volumes", default=10, min=-1, help="Volumes of a project; -1: any number."),
    cfg.IntOpt("snapshots", default=10, min=-1, help="Snapshots of a project."),
    cfg.IntOpt("gigabytes", default=1000, min=-1, help="GiB of a project's volumes and snapshots together."),
    cfg.IntOpt("per_volume_gigabytes", default=-1, min=-1, help="GiB of one volume."),
    cfg.IntOpt("backups", default=10, min=-1, help="Backups of a project."),
    cfg.IntOpt("backup_gigabytes", default=1000, min=-1, help="GiB of a project's backups."),
    cfg.IntOpt("groups", default=10, min=-1, help="Groups of a project."),
]


def options() -> Sequence[tuple[str | None, Sequence[cfg.Opt]]]:
    """(group, options) of this service, beside those of common.config and of back ends with names of their own."""
    sections = [(None if group == "DEFAULT" else group, opts) for group, opts in drivers.list_opts()]
    return [("volume", OPTS), ("quota", QUOTA_OPTS), ("scheduler", scheduler.OPTS), *sections]


SERVICE = Service(
    name="volume",
    options=options,
    db_package="services.volume.db",
    daemons=(
        DaemonInfo("volume-api", "services.volume.cmd.volume_api:build", port=8776, binary="cinder-api"),
        DaemonInfo("volume-conductor", "services.volume.cmd.volume_conductor:build", binary="cinder-scheduler"),
        DaemonInfo(
            "volume-agent", "services.volume.cmd.volume_agent:build", privileged=True, database=False, binary="cinder-volume"
        ),
    ),
    endpoints=(Endpoint("block-storage", "cinder", "volume-api", "/v3/%(project_id)s", aliases=("volumev3",)),),
    embedded={"enabled_backends": ["simulated"]},
)
