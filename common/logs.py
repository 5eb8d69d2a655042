"""Structured logs: one JSON object a line, stamped with the request ids.

`altostack trace` reads these files, so every daemon of a cloud writes the
same fields: time, level, logger, message, daemon, host, request_id, global_request_id,
project_id, user_id and, on a failure, the traceback.
"""

import logging
import os
import sys
import traceback

import orjson
from oslo_config import cfg
from oslo_context import context as oslo_context

from common import clock, errors

LOG = logging.getLogger(__name__)
OPTS = [
    cfg.BoolOpt("debug", default=False, mutable=True, help="Log what helps in finding a fault."),
    cfg.StrOpt("log_dir", help="Folder of the daemons' log files; unset: standard error."),
    cfg.StrOpt("log_format", default="json", choices=["json", "text"], help="Form of a log line."),
    cfg.ListOpt("log_levels", default=[
        "amqp=ERROR", "kombu=ERROR", "oslo.messaging=WARNING", "oslo_messaging=WARNING",
        "oslo.messaging._drivers.impl_rabbit=CRITICAL", "sqlalchemy=WARNING",
        "urllib3=WARNING", "requests=WARNING", "keystoneauth=ERROR", "keystonemiddleware=WARNING",
        "stevedore=WARNING", "alembic=WARNING", "gunicorn.access=WARNING", "pyroute2=WARNING", "oslo_policy=WARNING",
        "werkzeug=WARNING", "cheroot=WARNING", "asyncio=WARNING",
    ], help="Levels of single loggers, name=LEVEL."),
]


def tell(level: int, message: str) -> None:
    """Print one clear line on standard error, and write it to the log where that is elsewhere."""
    if any(isinstance(handler, logging.FileHandler) for handler in logging.getLogger().handlers):
        LOG.log(level, "%s", message)
    print(f"altostack: {message}", file=sys.stderr, flush=True)


def register(conf: cfg.ConfigOpts) -> None:
    """Register the options of logging."""
    conf.register_opts(OPTS)


class JsonFormatter(logging.Formatter):
    """Prints a record as one JSON object."""

    def __init__(self, daemon: str, host: str) -> None:
        super().__init__()
        self.daemon, self.host = daemon, host

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON, without a line end."""
        ctx = getattr(record, "context", None) or oslo_context.get_current()
        line = {
            "time": clock.time(), "level": record.levelname, "logger": record.name, "message": record.getMessage(),
            "daemon": getattr(record, "daemon", None) or self.daemon, "host": self.host, "pid": record.process,
        }
        if ctx is not None:
            line["request_id"] = ctx.request_id
            if ctx.global_request_id and ctx.global_request_id != ctx.request_id:
                line["global_request_id"] = ctx.global_request_id
            if ctx.project_id:
                line["project_id"], line["user_id"] = ctx.project_id, ctx.user_id
        extra = getattr(record, "fields", None)
        if extra:
            line.update(extra)
        if record.exc_info and record.exc_info[0] is not None:
            line["traceback"] = "".join(traceback.format_exception(*record.exc_info))
        return orjson.dumps(line, default=str).decode()


def setup(conf: cfg.ConfigOpts, daemon: str) -> None:
    """Send this process's log to `log_dir`/<daemon>.log, or to standard error; errors.ConfigError when it cannot be written."""
    handler: logging.Handler
    if conf.log_dir:
        try:
            os.makedirs(conf.log_dir, exist_ok=True)
            handler = logging.FileHandler(os.path.join(conf.log_dir, f"{daemon}.log"))
        except OSError as e:
            raise errors.ConfigError(f"{daemon}: cannot write its log into {conf.log_dir} ({e.strerror}); make the folder "
                                     "writable, make room on its disk, or correct log_dir") from e
    else:
        handler = logging.StreamHandler(sys.stderr)
    if conf.log_format == "json":
        handler.setFormatter(JsonFormatter(daemon, conf.host))
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.DEBUG if conf.debug else logging.INFO)
    logging.captureWarnings(True)
    for item in conf.log_levels:
        name, _, level = item.partition("=")
        logging.getLogger(name).setLevel(level or "WARNING")
