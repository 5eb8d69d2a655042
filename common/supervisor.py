"""Running daemons as processes: one in the foreground, or many forked from a warm parent.

The parent imports the libraries once and forks; the children share those pages.
A child that dies is started again, ever more slowly while it keeps dying at once.
"""

import contextlib
import ctypes
import gc
import importlib
import logging
import os
import pwd
import select
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from oslo_config import cfg

from common import clock, config, errors, logs, memory
from common import worker as workers
from common.db import models
from common.rpc import transport as rpc_transport
from common.service import DaemonInfo, Service, build, find_daemon

LOG = logging.getLogger(__name__)
_PR_SET_PDEATHSIG = 1
_LOOK_S = 60.0
_USED_LATER = ("oslo_messaging._drivers.impl_rabbit", "oslo_messaging.rpc.server", "kombu.transport.pyamqp", "pymysql.cursors",
               "sqlalchemy.dialects.mysql.pymysql", "common.rpc.interface", "common.rpc.serializer",
               "common.rpc.rabbit")
_USED_BY_APIS = ("common.gunicorn", "gunicorn.workers.gthread", "keystonemiddleware.auth_token",
                 "keystoneauth1.identity.v3", "keystoneauth1.identity.generic", "jsonschema", "common.http.app")


def serve_one(name: str, config_dir: str | None, user: str | None = None, *, keeper: int | None = None,
              conf: cfg.ConfigOpts | None = None) -> int:
    """Be daemon `name` in this process until it is told to stop; the exit status.

    `keeper` is the supervisor's pid; `conf` is the configuration where it has been read already.
    """
    memory.one_heap()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, workers.leave)  # a start may wait long for MariaDB or RabbitMQ, and must be left all the same
    try:
        service, info = find_daemon(name)
        conf = conf or config.load(service, name, config_dir=config_dir)
        logs.setup(conf, name)
    except (KeyError, errors.ConfigError) as e:
        return workers.fail(str(e.args[0]))
    try:
        workers.write_pid(conf, name)
        if user and not info.privileged:
            drop_privileges(user, conf)
            if keeper is not None:
                _die_with_parent(keeper)  # changing the user made the kernel forget it
        _title(name)
        if info.port is not None and info.wsgi:
            from common.gunicorn import Server

            Server(info, conf, lambda: build(info, conf, workers.Runtime())).run()
            return 0
        return build(info, conf, workers.Runtime()).run()
    except errors.ConfigError as e:
        return workers.fail(str(e))


def drop_privileges(user: str, conf: object) -> None:
    """Become the unix account `user` for good; errors.ConfigError when there is none."""
    if os.geteuid() != 0:
        return
    try:
        account = pwd.getpwnam(user)
    except KeyError as e:
        raise errors.ConfigError(f"there is no unix account {user!r}; create it, or leave --user away") from e
    os.chdir("/")
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.FileHandler):  # the account may start this daemon alone one day
            os.chown(handler.baseFilename, account.pw_uid, account.pw_gid)
    os.initgroups(user, account.pw_gid)
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)
    os.environ["HOME"] = account.pw_dir


def _title(name: str) -> None:
    try:
        from setproctitle import setproctitle

        setproctitle(f"altostack: {name}")
    except ImportError:
        pass


@dataclass
class _Child:
    name: str
    pid: int = 0
    started_s: float = 0.0
    fails: int = 0
    due_s: float = field(default=0.0)


class Supervisor:
    """Keeps one process per daemon running until SIGTERM or SIGINT; SIGHUP starts them all anew."""

    def __init__(self, names: Sequence[str], config_dir: str | None, user: str | None, log_dir: str | None) -> None:
        self.children = {n: _Child(n) for n in names}
        self.config_dir, self.user, self.log_dir = config_dir, user, log_dir
        self.stopping = False
        self.found: dict[str, tuple[Service, DaemonInfo]] = {n: find_daemon(n) for n in names}
        self._bell = os.pipe()  # signals ring it
        self._read: dict[str, tuple[object, cfg.ConfigOpts]] = {}  # by daemon: the configuration, and what its files were

    def run(self) -> int:
        """Import, fork, watch; returns when every child has ended."""
        memory.may_be_merged()
        gc.disable()  # a collection now would leave holes that the children fill, copying the pages around them
        rpc_transport.prepare()
        self._warm()
        for end in self._bell:
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._bell[1], warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGHUP, lambda *_: self._signal_all(signal.SIGTERM))
        signal.signal(signal.SIGCHLD, lambda *_: None)  # else it would not ring the bell
        while not self.stopping or any(c.pid for c in self.children.values()):
            self._start_due()
            self._rest()
            self._reap()
        return 0

    def _rest(self) -> None:
        """Sleep until a signal comes (a child ended, or all shall), or a child is to be started again."""
        now = clock.monotonic()
        due = [max(0.0, c.due_s - now) for c in self.children.values() if c.pid == 0 and not self.stopping]
        waiting = select.poll()
        waiting.register(self._bell[0], select.POLLIN)
        waiting.poll(min([_LOOK_S, *due]) * 1000)
        with contextlib.suppress(BlockingIOError):
            os.read(self._bell[0], 4096)

    def _warm(self) -> None:
        """Import what the children need before forking them, and keep the collector off those pages.

        Much is imported only by reading a configuration or by opening a transport, so that is done once here, too. What
        the children would all make for themselves, configurations and what models mean to SQLAlchemy, is made here.
        """
        modules = [info.build.partition(":")[0] for _, info in self.found.values()] + list(_USED_LATER)
        if any(info.port is not None for _, info in self.found.values()):
            modules += _USED_BY_APIS
        for module in modules:
            importlib.import_module(module)
        for name, (service, _) in self.found.items():
            try:
                self._read[name] = self._stamp(name), config.load(service, name, config_dir=self.config_dir)
            except errors.ConfigError:
                continue  # the child says it, in its own name
        models.understand()
        memory.without_holes()
        gc.freeze()

    def _stamp(self, name: str) -> object:
        return config.stamp(self.found[name][0], name, self.config_dir)

    def _conf(self, name: str) -> cfg.ConfigOpts | None:
        """The configuration that was read before the fork, unless its files are others by now."""
        stamp, conf = self._read.get(name, (None, None))
        return conf if stamp == self._stamp(name) else None

    def _start_due(self) -> None:
        if self.stopping:
            return
        now = clock.monotonic()
        for child in self.children.values():
            if child.pid == 0 and now >= child.due_s:
                child.pid, child.started_s = self._fork(child.name), now

    def _fork(self, name: str) -> int:
        parent = os.getpid()
        pid = os.fork()
        if pid:
            return pid
        status = 1
        try:
            gc.enable()
            _die_with_parent(parent)
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            for end in self._bell:
                os.close(end)
            self._redirect(name)
            status = serve_one(name, self.config_dir, self.user, keeper=parent, conf=self._conf(name))
        except SystemExit as e:
            status = e.code if isinstance(e.code, int) else 1
        except Exception:  # process edge: the child must end here, not in the parent's loop
            LOG.exception("%s ended", name)
        finally:
            sys.stderr.flush()
            os._exit(status)

    def _redirect(self, name: str) -> None:
        """What a child prints beside its log goes to `<daemon>.out`."""
        if self.log_dir:
            out = os.open(os.path.join(self.log_dir, f"{name}.out"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
            os.dup2(out, 1)
            os.dup2(out, 2)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for child in self.children.values():
                if child.pid == pid:
                    self._ended(child, status)

    def _ended(self, child: _Child, status: int) -> None:
        now = clock.monotonic()
        child.pid = 0
        child.fails = child.fails + 1 if now - child.started_s < 10 else 0
        child.due_s = now + min(30.0, 0.5 * 2 ** min(child.fails, 6) if child.fails else 0.0)
        if not self.stopping:
            code = os.waitstatus_to_exitcode(status)
            print(f"altostack: {child.name} ended with {code}; starting it again", file=sys.stderr, flush=True)

    def _stop(self, *_: object) -> None:
        self.stopping = True
        self._signal_all(signal.SIGTERM)

    def _signal_all(self, number: int) -> None:
        for child in self.children.values():
            if child.pid:
                os.kill(child.pid, number)


def _die_with_parent(parent: int) -> None:
    """Ask the kernel for SIGTERM when the parent dies, so that no daemon is left without a keeper."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(1)


