"""Every option of the compute service, and what the service consists of."""

from collections.abc import Sequence

from oslo_config import cfg

from common.clients import scheduler
from common.service import DaemonInfo, Endpoint, Service, SharedSecret
from services.compute.drivers import options as drivers

OPTS: list[cfg.Opt] = [
    cfg.StrOpt("default_availability_zone", default="nova", help="Zone of hosts that are in no aggregate with one."),
    cfg.StrOpt("internal_service_availability_zone", default="internal", help="Zone of everything but compute-agent."),
    cfg.StrOpt("default_schedule_zone", help="Zone of servers that ask for none; unset: any."),
    cfg.IntOpt("reclaim_instance_interval_s", default=0, min=0,
               help="Seconds a deleted server may be restored; 0: deletion is final at once."),
    cfg.BoolOpt("force_config_drive", default=False, help="Give every server a configuration drive."),
    cfg.BoolOpt("allow_resize_to_same_host", default=False, help="Whether a resize may stay on its host."),
    cfg.IntOpt("max_local_block_devices", default=3, min=-1, help="Local disks of one server at most; -1: any number."),
    cfg.IntOpt("max_servers_per_request", default=1000, min=1, help="Largest max_count of one request."),
    cfg.IntOpt("max_user_data_bytes", default=65535, min=1, help="Largest user data, encoded."),
    cfg.IntOpt("password_length", default=12, min=8, help="Length of generated administrator passwords."),
    cfg.BoolOpt("cross_az_attach", default=True, help="Whether volumes of other zones may be attached."),
    cfg.StrOpt("dhcp_domain", default="novalocal", help="Domain appended to host names in metadata; may be empty."),
]
CONDUCTOR_OPTS: list[cfg.Opt] = [
    cfg.IntOpt("max_attempts", default=3, min=1, help="Hosts a boot may try."),
    cfg.FloatOpt("build_timeout_s", default=900, min=1, help="Seconds an agent may take to build a server."),
    cfg.FloatOpt("vif_plugging_timeout_s", default=300, min=0, help="Seconds a boot waits for its ports to be plugged; 0: not."),
    cfg.BoolOpt("vif_plugging_is_fatal", default=True, help="Whether a boot fails when its ports are not plugged in time."),
    cfg.FloatOpt("cpu_allocation_ratio", default=4.0, min=0.1, help="Virtual CPUs offered per real one."),
    cfg.FloatOpt("ram_allocation_ratio", default=1.0, min=0.1, help="Memory offered per real memory."),
    cfg.FloatOpt("disk_allocation_ratio", default=1.0, min=0.1, help="Disk offered per real disk."),
    cfg.IntOpt("reserved_host_cpus", default=0, min=0, help="CPUs of each host kept from servers."),
    cfg.IntOpt("reserved_host_memory_mb", default=512, min=0, help="MiB of each host kept from servers."),
    cfg.IntOpt("reserved_host_disk_gb", default=0, min=0, help="GiB of each host kept from servers."),
    cfg.FloatOpt("move_timeout_s", default=86400, min=1, help="Seconds that a server's disks, or a live migration, may take."),
    cfg.IntOpt("max_concurrent_live_migrations", default=1, min=0,
               help="Live migrations that one host sends at a time, others wait; 0: any number."),
    cfg.IntOpt("shelved_offload_s", default=0, min=-1, help="0: a shelved server leaves its host at once; -1: only when told."),
]
QUOTA_OPTS: list[cfg.Opt] = [
    cfg.IntOpt("instances", default=10, min=-1, help="Servers of a project; -1: any number."),
    cfg.IntOpt("cores", default=20, min=-1, help="Virtual CPUs of a project."),
    cfg.IntOpt("ram", default=50 * 1024, min=-1, help="MiB of memory of a project's servers."),
    cfg.IntOpt("metadata_items", default=128, min=-1, help="Metadata items of a server."),
    cfg.IntOpt("injected_files", default=5, min=-1, help="Files injected at boot."),
    cfg.IntOpt("injected_file_content_bytes", default=10 * 1024, min=-1, help="Bytes of an injected file."),
    cfg.IntOpt("injected_file_path_bytes", default=255, min=-1, help="Bytes of an injected file's path."),
    cfg.IntOpt("key_pairs", default=100, min=-1, help="Key pairs of a user."),
    cfg.IntOpt("server_groups", default=10, min=-1, help="Server groups of a project."),
    cfg.IntOpt("server_group_members", default=10, min=-1, help="Servers of one user in a server group."),
]
METADATA_OPTS: list[cfg.Opt] = [
    cfg.StrOpt("shared_secret", secret=True, help="Secret shared with the network service's metadata proxy."),
    cfg.IntOpt("cache_s", default=15, min=0, help="Seconds a server's metadata is kept in memory."),
    cfg.StrOpt("vendordata_file", help="JSON file whose object every server sees as vendor data."),
]
CONSOLE_OPTS: list[cfg.Opt] = [
    cfg.StrOpt("vnc_url", default="http://127.0.0.1:6080/vnc_lite.html", help="URL of the console proxy's VNC page."),
    cfg.StrOpt("serial_url", default="ws://127.0.0.1:6080/", help="URL of the console proxy for serial consoles."),
    cfg.IntOpt("token_s", default=600, min=1, help="Seconds a console URL is good for."),
    cfg.StrOpt("novnc_path", default="/usr/share/novnc", help="Folder of noVNC's pages, which the console proxy serves."),
]


def options() -> Sequence[tuple[str | None, Sequence[cfg.Opt]]]:
    """(group, options) of this service, beside those of common.config and the drivers."""
    return [("compute", OPTS + CONDUCTOR_OPTS), ("quota", QUOTA_OPTS), ("metadata", METADATA_OPTS), ("console", CONSOLE_OPTS),
            ("scheduler", scheduler.OPTS), *drivers.list_opts()]


SERVICE = Service(
    name="compute",
    options=options,
    db_package="services.compute.db",
    daemons=(
        DaemonInfo("compute-api", "services.compute.cmd.compute_api:build", port=8774, binary="nova-osapi_compute"),
        DaemonInfo("compute-conductor", "services.compute.cmd.compute_conductor:build", binary="nova-conductor"),
        DaemonInfo("compute-agent", "services.compute.cmd.compute_agent:build", privileged=True, database=False,
                   binary="nova-compute"),
        DaemonInfo("metadata-api", "services.compute.cmd.metadata_api:build", port=8775, binary="nova-metadata"),
        DaemonInfo("console-proxy", "services.compute.cmd.console_proxy:build", port=6080, binary="nova-novncproxy",
                   wsgi=False),
    ),
    endpoints=(
        Endpoint("compute", "nova", "compute-api", "/v2.1"),
    ),
    embedded={
        "compute.driver": "simulated",
        "compute.allow_resize_to_same_host": True,
        "metadata.shared_secret": SharedSecret("metadata"),
    },
)
