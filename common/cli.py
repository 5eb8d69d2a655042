"""The one console command, `altostack`: for people who run it and for those who operate it."""

import argparse
import os
import sys
from collections.abc import Sequence

from common import errors


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="altostack", description="An OpenStack-compatible cloud.")
    top.add_argument("--config-dir", help="folder of the configuration files (default /etc/altostack)")
    commands = top.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="a whole cloud in this process: SQLite, no root, simulated hypervisor")
    up.add_argument("--data-dir", default=os.path.join(os.path.expanduser("~"), ".local", "share", "altostack"))
    up.add_argument("--bind", default="127.0.0.1", metavar="ADDRESS", help="address the APIs listen on")
    up.add_argument("--port-offset", type=int, default=0, metavar="N", help="add N to every standard port")
    up.add_argument("--debug", action="store_true", help="log more")
    serve = commands.add_parser("serve", help="run daemons; several are forked from one warm parent")
    serve.add_argument("daemons", nargs="+", metavar="DAEMON", help="e.g. compute-api; or 'all'")
    serve.add_argument("--user", help="unix account for daemons that need no root")
    serve.add_argument("--log-dir", help="folder for what children print beside their logs")
    serve.add_argument("--supervise", action="store_true", help="fork and restart even a single daemon")
    db = commands.add_parser("db", help="the services' schemas")
    db.add_argument("action", choices=["upgrade", "status"])
    db.add_argument("services", nargs="*", metavar="SERVICE")
    commands.add_parser("bootstrap", help="make the administrator, the services' users and the catalog")
    commands.add_parser("status", help="all daemons, when they were last heard of, their versions")
    trace = commands.add_parser("trace", help="what happened to a request in all daemons, with times")
    trace.add_argument("request_id", metavar="REQUEST_ID")
    trace.add_argument("--log-dir", help="folder of the log files (default: as configured)")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    args = parser().parse_args(argv)
    try:
        return int(_COMMANDS[args.command](args))
    except errors.ConfigError as e:
        print(f"altostack: {e}", file=sys.stderr)
        return 1
    except errors.Transient as e:
        print(f"altostack: {e}", file=sys.stderr)
        return 1


def _up(args: argparse.Namespace) -> int:
    from common import embedded

    return embedded.run(args.data_dir, args.bind, args.port_offset, args.debug)


def _serve(args: argparse.Namespace) -> int:
    from common import supervisor
    from common.service import find_daemon, installed

    names = [d.name for s in installed().values() for d in s.daemons] if args.daemons == ["all"] else args.daemons
    try:
        for name in names:
            find_daemon(name)
    except KeyError as e:
        raise errors.ConfigError(str(e.args[0])) from e
    if len(names) == 1 and not args.supervise:
        return supervisor.serve_one(names[0], args.config_dir, args.user)
    return supervisor.Supervisor(names, args.config_dir, args.user, args.log_dir).run()


def _db(args: argparse.Namespace) -> int:
    from common import operator

    lines = operator.upgrade(args.config_dir, args.services) if args.action == "upgrade" \
        else operator.schema_status(args.config_dir)
    print("\n".join(lines))
    return 0


def _bootstrap(args: argparse.Namespace) -> int:
    from common import bootstrap, config
    from common.service import installed

    values = bootstrap.read(args.config_dir)
    confs = {n: config.load(s, s.daemons[0].name, config_dir=args.config_dir)
             for n, s in installed().items() if s.bootstrap}
    bootstrap.run(values, confs)
    return 0


def _status(args: argparse.Namespace) -> int:
    from common import operator

    lines, all_up = operator.daemon_status(args.config_dir)
    print("\n".join(lines))
    return 0 if all_up else 2


def _trace(args: argparse.Namespace) -> int:
    from common import config, operator
    from common.service import installed

    log_dir = args.log_dir
    if log_dir is None:
        service = next(iter(installed().values()))
        log_dir = config.load(service, service.daemons[0].name, config_dir=args.config_dir).log_dir or "/var/log/altostack"
    lines = operator.trace(args.request_id, log_dir)
    print("\n".join(lines) if lines else f"no daemon's log in {log_dir} knows {args.request_id}")
    return 0 if lines else 1


_COMMANDS = {"up": _up, "serve": _serve, "db": _db, "bootstrap": _bootstrap, "status": _status, "trace": _trace}

if __name__ == "__main__":
    sys.exit(main())
