"""Options of the hypervisor drivers: groups `[compute]` (which driver), `[libvirt]` and `[simulated]`."""

from oslo_config import cfg

COMPUTE_OPTS: list[cfg.Opt] = [
    cfg.StrOpt(
        "driver",
        default="libvirt",
        choices=["libvirt", "simulated"],
        help="Which hypervisor driver this agent uses.",
    ),
    cfg.HostAddressOpt(
        "migration_address",
        help="Address on which other hosts' agents reach this one to move servers here; unset: [libvirt] console_address.",
    ),
    cfg.PortOpt(
        "migration_port",
        default=16599,
        help="TCP port of it, open between hypervisors while servers move; 0: any.",
    ),
]

LIBVIRT_OPTS: list[cfg.Opt] = [
    cfg.StrOpt("uri", default="qemu:///system", help="Where libvirtd listens."),
    cfg.StrOpt(
        "images_path",
        default="/var/lib/altostack/instances",
        help="Folder of the servers' disks; `_base` in it caches images. Must be readable by QEMU's user.",
    ),
    cfg.BoolOpt(
        "images_shared",
        default=False,
        help="Whether images_path is storage that hosts share (NFS): then files there are never taken for left-overs.",
    ),
    cfg.StrOpt(
        "virt_type",
        default="auto",
        choices=["auto", "kvm", "qemu"],
        help="auto: KVM where a probe guest answers, else emulation.",
    ),
    cfg.FloatOpt(
        "kvm_probe_timeout_s",
        default=5.0,
        help="How long the probe guest may take before KVM counts as broken.",
    ),
    cfg.StrOpt(
        "cpu_mode",
        default="auto",
        choices=["auto", "host-model", "host-passthrough", "maximum", "custom", "none"],
        help="auto: host-model under KVM, maximum under emulation.",
    ),
    cfg.StrOpt(
        "cpu_model", help="CPU model when cpu_mode is custom, as `virsh cpu-models x86_64` lists them."
    ),
    cfg.StrOpt(
        "machine_type",
        default="auto",
        help="auto: q35 under KVM, pc under emulation (it boots faster). Image property hw_machine_type wins.",
    ),
    cfg.StrOpt(
        "images_type",
        default="qcow2",
        choices=["qcow2", "raw"],
        help="qcow2: overlays on a shared base image; raw: a full copy per server.",
    ),
    cfg.StrOpt(
        "disk_cache",
        default="auto",
        choices=["auto", "none", "writethrough", "writeback", "directsync", "unsafe"],
        help="Cache mode of local disks; auto: none where the file system has direct I/O, else writeback.",
    ),
    cfg.IntOpt(
        "image_convert_memory_mb", default=5120, min=128,
        help="Address space limit of qemu-img, in MiB; each of its up to 64 threads reserves some 70, used or not.",
    ),
    cfg.IntOpt(
        "image_convert_cpu_s", default=600, min=1, help="CPU time limit of qemu-img on images, in seconds."
    ),
    cfg.IntOpt(
        "image_cache_age_s", default=86400, min=0, help="Remove an unused base image after so many seconds."
    ),
    cfg.HostAddressOpt(
        "vnc_listen", default="127.0.0.1", help="Address on which guests' VNC consoles listen."
    ),
    cfg.HostAddressOpt(
        "console_address", default="127.0.0.1", help="Address that console proxies use to reach this host."
    ),
    cfg.BoolOpt("vnc_enabled", default=True, help="Give guests a VNC screen."),
    cfg.BoolOpt(
        "serial_console_enabled", default=False, help="Give guests an interactive serial console over TCP."
    ),
    cfg.StrOpt(
        "serial_port_range", default="10000:20000", regex=r"^\d+:\d+$", help="TCP ports for serial consoles."
    ),
    cfg.IntOpt(
        "shutdown_timeout_s",
        default=60,
        min=0,
        help="How long a guest may take to shut down. Image property os_shutdown_timeout wins.",
    ),
    cfg.IntOpt(
        "soft_reboot_timeout_s",
        default=60,
        min=0,
        help="How long a soft reboot may take before it becomes hard.",
    ),
    cfg.IntOpt(
        "detach_timeout_s",
        default=20,
        min=1,
        help="How long a guest may take to let go of a device, per attempt.",
    ),
    cfg.IntOpt("detach_attempts", default=4, min=1, help="How often a device removal is asked for."),
    cfg.IntOpt(
        "hotplug_ports", default=12, min=0, max=28, help="PCIe root ports kept for hot-plugging (q35 only)."
    ),
    cfg.IntOpt("stats_period_s", default=10, min=0, help="How often the memory balloon reports; 0: never."),
    cfg.BoolOpt("rng", default=True, help="Give every guest a random number device."),
    cfg.StrOpt(
        "initiator_name",
        help="iSCSI initiator IQN of this host (default: from /etc/iscsi/initiatorname.iscsi).",
    ),
    cfg.IntOpt(
        "reserved_host_memory_mb",
        default=512,
        min=0,
        help="Memory of the host not counted as used by itself.",
    ),
    cfg.IntOpt(
        "live_migration_bandwidth_mib", default=0, min=0, help="MiB/s that a live migration may use; 0: all there is."
    ),
    cfg.BoolOpt(
        "live_migration_auto_converge",
        default=True,
        help="Slow a guest down that writes faster than its memory can be sent.",
    ),
    cfg.IntOpt(
        "live_migration_timeout_s_per_gib",
        default=800,
        min=0,
        help="Seconds per GiB of memory and copied disks after which a live migration is ended; 0: never.",
    ),
    cfg.StrOpt(
        "live_migration_timeout_action",
        default="abort",
        choices=["abort", "force_complete"],
        help="How a live migration that takes too long is ended.",
    ),
    cfg.StrOpt("node_name", help="Hypervisor host name (default: libvirt's own host name)."),
]

SIMULATED_OPTS: list[cfg.Opt] = [
    cfg.IntOpt("nodes", default=1, min=1, help="How many nodes this process plays."),
    cfg.StrOpt(
        "node_prefix",
        default="simulated-",
        help="Node names are this and a number from 0, at least 3 digits.",
    ),
    cfg.IntOpt("vcpus", default=64, min=1, help="Virtual CPUs of a node."),
    cfg.IntOpt("memory_mb", default=262144, min=1, help="Memory of a node, in MiB."),
    cfg.IntOpt("disk_gb", default=4096, min=1, help="Disk of a node, in GiB."),
    cfg.DictOpt(
        "delays_s",
        default={},
        help="Mean seconds an operation takes, e.g. ensure:2,destroy:0.5,reboot:1,set_power:1,attach:0.3; others take none.",
    ),
    cfg.StrOpt(
        "delay_distribution",
        default="fixed",
        choices=["fixed", "uniform", "exponential"],
        help="How delays spread round their mean (uniform: 0 to twice the mean).",
    ),
    cfg.DictOpt(
        "failure_rates", default={}, help="Share of operations that fail, e.g. ensure:0.01,attach:0.05."
    ),
    cfg.ListOpt("failing_nodes", default=[], help="Nodes on which every ensure fails."),
    cfg.FloatOpt(
        "failing_node_share",
        default=0.0,
        min=0.0,
        max=1.0,
        help="Share of nodes, chosen by the seed, that fail too.",
    ),
    cfg.FloatOpt(
        "crash_rate",
        default=0.0,
        min=0.0,
        max=1.0,
        help="Share of servers whose guest crashes right after its start.",
    ),
    cfg.IntOpt("seed", default=1, help="The same seed fails the same operations on the same servers."),
]


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """Every option by group, for registering and for the sample configuration."""
    return [("compute", COMPUTE_OPTS), ("libvirt", LIBVIRT_OPTS), ("simulated", SIMULATED_OPTS)]


def register(conf: cfg.ConfigOpts) -> None:
    """Declare the options on `conf`; harmless when they are declared already."""
    for group, opts in list_opts():
        conf.register_opts(opts, group=group)
