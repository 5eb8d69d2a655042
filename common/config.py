"""Options that every service has, and loading them from files.

There is no global configuration: `load` returns one `ConfigOpts` per service
and daemon, and everything gets it passed. Files are read in this order, later
ones win: `altostack.conf`, `<service>.conf`, `<daemon>.conf`; an agent skips
`<service>.conf`, which holds the database's password.
"""

import os
import re
import socket
from collections.abc import Mapping, Sequence
from typing import Any

from keystoneauth1 import loading as ks_loading
from oslo_config import cfg

from common import errors
from common.service import Service

CONFIG_DIR = "/etc/altostack"
CREDENTIALS_GROUP = "service_credentials"

DEFAULT_OPTS = [
    cfg.HostAddressOpt("host", default=socket.gethostname(), sample_default="<hostname>",
                       help="Name of this host in service and agent lists; unique in the cloud."),
    cfg.StrOpt("region", default="RegionOne", help="Region of this service in the catalog."),
    cfg.StrOpt("state_path", default="/var/lib/altostack", help="Folder of everything a daemon keeps on disk."),
    cfg.StrOpt("run_path", default="/run/altostack", help="Folder of sockets and pid files."),
]
DATABASE_OPTS = [
    cfg.StrOpt("connection", secret=True, help="SQLAlchemy URL of the service's own schema."),
    cfg.IntOpt("pool_size", default=5, min=1, help="Connections a process keeps open."),
    cfg.IntOpt("max_overflow", default=30, min=0, help="Connections beyond pool_size under load."),
    cfg.IntOpt("pool_recycle_s", default=3000, help="Age in seconds after which a connection is replaced."),
    cfg.IntOpt("connect_wait_s", default=60, help="How long a starting daemon waits for the database, seconds."),
]
API_OPTS = [
    cfg.HostAddressOpt("bind_host", default="127.0.0.1", help="Address the API listens on."),
    cfg.PortOpt("bind_port", help="Port the API listens on; unset: the service's standard port."),
    cfg.IntOpt("workers", default=1, min=1, help="Processes of this API."),
    cfg.IntOpt("threads", default=16, min=1, help="Threads of each process of this API."),
    cfg.IntOpt("max_body_bytes", default=1 << 20, help="Largest JSON body accepted, bytes."),
    cfg.IntOpt("max_page_size", default=1000, min=1, help="Most items one page of a list holds."),
    cfg.BoolOpt("proxy_headers", default=False, help="Trust X-Forwarded-* of a reverse proxy in front."),
    cfg.StrOpt("public_url", help="URL clients use to reach this API, for links; unset: as requested."),
    cfg.ListOpt("cors_allowed_origins", default=[], help="Origins that browsers may call this API from."),
    cfg.ListOpt("metrics_allowed", default=["127.0.0.0/8", "::1/128"], help="Networks that may read /metrics."),
]
WORKER_OPTS = [
    cfg.IntOpt("threads", default=16, min=1, help="Threads for sagas and messages of a conductor or agent."),
    cfg.IntOpt("heartbeat_s", default=10, min=1, help="Seconds between heartbeats into the services table."),
    cfg.IntOpt("down_after_s", default=60, min=1, help="Seconds without a heartbeat after which a daemon is down."),
    cfg.IntOpt("forget_after_s", default=86400, min=1,
               help="Seconds without a heartbeat after which its like strike an API or conductor off the services table."),
    cfg.IntOpt("drain_s", default=30, min=0, help="Seconds a stopping daemon waits for work in hand."),
    cfg.IntOpt("saga_lease_s", default=30, min=3, help="Seconds after which a dead conductor's work is taken over."),
    cfg.IntOpt("saga_poll_s", default=5, min=1, help="Seconds between looks for sagas nobody was poked about."),
    cfg.IntOpt("reconcile_s", default=60, min=1, help="Seconds between an agent's full passes."),
]
CREDENTIALS_OPTS = [
    cfg.StrOpt("interface", default="internal", help="Catalog interface used to reach other services."),
    cfg.ListOpt("memcached_servers", default=[],
                help="host:port of each memcached in which copies of this service's API share what identity said of tokens."),
    cfg.StrOpt("memcache_secret_key", secret=True, help="Encrypts what is kept in memcached; alike in all copies of the API."),
]


def load(
    service: Service,
    daemon: str,
    *,
    config_dir: str | None = None,
    files: Sequence[str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> cfg.ConfigOpts:
    """The configuration of one daemon.

    `files` replaces the search in `config_dir`. `overrides` maps `group.option` (or `option`) to a
    value that wins over all files. Raises ConfigError with one clear line when something is wrong.
    """
    conf = make(service)
    paths = list(files) if files is not None else _files_of(service, daemon, config_dir)
    try:
        conf(args=[], project="altostack", prog=daemon, default_config_files=paths, default_config_dirs=[])
        conf.reload_config_files()
        for key, value in (overrides or {}).items():
            group, _, name = key.rpartition(".")
            conf.set_override(name, value, group=group or None)
        _check(conf)
    except (cfg.Error, OSError, ValueError) as e:
        raise errors.ConfigError(f"{daemon}: {_unreadable(paths) or _where(str(e), paths)}") from e
    return conf


def stamp(service: Service, daemon: str, config_dir: str | None = None) -> tuple[tuple[object, ...], ...]:
    """What tells whether `load` would read other files, or other contents, than at another time."""
    found = ((path, os.stat(path)) for path in _files_of(service, daemon, config_dir))
    return tuple((path, stat.st_ino, stat.st_size, stat.st_mtime_ns) for path, stat in found)


def _unreadable(paths: Sequence[str]) -> str | None:
    """The first file that cannot be read as text, and why."""
    for path in paths:
        try:
            with open(path, encoding="utf-8") as f:
                f.read()
        except OSError as e:
            return f"{path} cannot be read: {e.strerror}"
        except ValueError:
            return f"{path} cannot be read: it is not text in UTF-8"
    return None


def _where(message: str, paths: Sequence[str]) -> str:
    """oslo.config's complaint as "FILE: OPTION is not valid: WHY" or "FILE:LINE: WHY"; with all files where it names none."""
    unparsed = re.match(r"Failed to parse .*?: at (.*?:\d+), (.*)", message, re.S)
    if unparsed:
        return f"{unparsed[1]}: {unparsed[2]}"
    found = re.match(r"Value for option (\S+) from LocationInfo\(.*?, detail='(.*?)'\) is (not valid: .*)", message, re.S)
    if found:
        return f"{found[2]}: {found[1]} is {found[3]}"
    return f"configuration ({', '.join(paths) or 'no files'}): {message}"


def make(service: Service) -> cfg.ConfigOpts:
    """A ConfigOpts with every option of `service` registered, and nothing read yet."""
    conf = cfg.ConfigOpts()
    conf.register_opts(DEFAULT_OPTS)
    conf.register_opts(DATABASE_OPTS, group="database")
    conf.register_opts(API_OPTS, group="api")
    conf.register_opts(WORKER_OPTS, group="worker")
    conf.register_opts(CREDENTIALS_OPTS, group=CREDENTIALS_GROUP)
    ks_loading.register_session_conf_options(conf, CREDENTIALS_GROUP)
    ks_loading.register_auth_conf_options(conf, CREDENTIALS_GROUP)
    for option in ks_loading.get_auth_plugin_conf_options("password"):
        option.required = False  # agents and identity itself have no credentials
        conf.register_opt(option, group=CREDENTIALS_GROUP)
    conf.set_default("auth_type", "password", group=CREDENTIALS_GROUP)
    for group, options in service.options():
        conf.register_opts(list(options), group=group)
    from common import logs
    from common.http import policy
    from common.rpc import transport

    logs.register(conf)
    policy.register(conf)
    transport.register(conf)
    return conf


def _files_of(service: Service, daemon: str, config_dir: str | None) -> list[str]:
    info = service.daemon(daemon) if daemon in [d.name for d in service.daemons] else None
    database = info is None or info.database
    folder = config_dir or os.environ.get("ALTOSTACK_CONFIG_DIR") or CONFIG_DIR
    names = ["altostack.conf"] + ([f"{service.name}.conf"] if database else []) + [f"{daemon}.conf"]
    paths = [os.path.join(folder, name) for name in names]
    return [p for p in dict.fromkeys(paths) if os.path.exists(p)]


def _check(conf: cfg.ConfigOpts) -> None:
    """Read every option once, so that a wrong value fails at start and not at its first use."""
    for name, opt in conf.items():
        if isinstance(opt, cfg.ConfigOpts.GroupAttr):
            for inner in opt:
                try:
                    getattr(opt, inner)
                except cfg.ConfigFileValueError as e:
                    raise cfg.ConfigFileValueError(str(e).replace(f"option {inner}", f"option [{name}]{inner}", 1)) from e
        else:
            getattr(conf, name)
