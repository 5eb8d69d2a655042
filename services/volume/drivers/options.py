"""The options of volume back ends: one section for each name in `enabled_backends`.

A section's `driver` says which of its other options matter; the section's name is the back end's host
suffix (`host@section`).
"""

from oslo_config import cfg

ENABLED = cfg.ListOpt("enabled_backends", default=["iscsi"], help="Sections that describe back ends; one agent serves one.")

COMMON = [
    cfg.StrOpt("driver", choices=["iscsi", "simulated"], help="Which driver; by default the one named like the section."),
    cfg.StrOpt("volume_backend_name", help="The name that volume types ask for; by default the section's name."),
    cfg.FloatOpt("max_over_subscription_ratio", default=20.0, min=1.0, help="How much more may be promised than there is."),
    cfg.IntOpt("reserved_percentage", default=0, min=0, max=100, help="Part of the capacity the scheduler leaves alone."),
    cfg.StrOpt("volume_clear", choices=["none", "zero"], default="none", help="What happens to the data of a deleted volume."),
    cfg.IntOpt("copy_timeout_s", default=7200, min=1, help="Longest time of one copy, conversion or clearing (seconds)."),
]

ISCSI = [
    cfg.StrOpt("volumes_dir", default="/var/lib/altostack/volumes", help="Where volumes and snapshots are files."),
    cfg.StrOpt("target_ip", default="127.0.0.1", help="The address hypervisors reach the targets at."),
    cfg.PortOpt("target_port", default=3260, help="The port of the targets."),
    cfg.StrOpt("listen_ip", help="The address tgtd binds to; by default target_ip."),
    cfg.IntOpt("control_port", default=0, min=0, max=32767, help="Which tgtd to talk to (its -C)."),
    cfg.BoolOpt("start_tgtd", default=True, help="Start an own tgtd with that control port; false: one is run elsewhere."),
    cfg.IntOpt("io_threads", default=4, min=1, help="Threads for each exported volume in an own tgtd."),
    cfg.StrOpt("iqn_prefix", default="iqn.2026-11.org.altostack:", help="First part of every target's name."),
    cfg.BoolOpt("bind_address", default=False, help="Also require the connector's IP address, not only its name and secret."),
]

SIMULATED = [
    cfg.FloatOpt("capacity_gb", default=1_000_000.0, min=0, help="Size of the simulated pool (GiB)."),
    cfg.FloatOpt("delay_s", default=0.0, min=0, help="Duration of each operation (seconds)."),
    cfg.FloatOpt("failure_rate", default=0.0, min=0, max=1, help="Share of operations that fail."),
    cfg.ListOpt("fail_operations", default=[], help="Operations that always fail, such as create_volume."),
    cfg.StrOpt("journal_path", help="A file that remembers volumes over restarts; by default they are forgotten."),
    cfg.IntOpt("content_limit_mb", default=64, min=0, help="Memory for the content of all volumes together (MiB)."),
]


def register(conf: cfg.ConfigOpts) -> None:
    """Register `enabled_backends` and, for each back end named there, its section."""
    conf.register_opt(ENABLED)
    for backend in conf.enabled_backends:
        register_backend(conf, backend)


def register_backend(conf: cfg.ConfigOpts, backend: str) -> None:
    """Register the section of one back end."""
    conf.register_opts([*COMMON, *ISCSI, *SIMULATED], group=backend)


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """For the sample configuration: (section, options)."""
    return [
        ("DEFAULT", [ENABLED]),
        ("iscsi", [*COMMON, *ISCSI]),
        ("simulated", [*COMMON, *SIMULATED]),
    ]
