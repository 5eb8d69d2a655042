"""One connection to libvirtd that every thread shares, comes back by itself, and reports what guests do.

libvirt's own event loop runs on one thread for the whole process (it cannot be had twice). A call that finds the
connection dead raises HypervisorDown; the next call opens a new one and subscribes to its events again.
"""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import libvirt

from common import clock
from services.compute.drivers.base import DriverError, HypervisorDown, NoSpace, PowerListener, ServerNotFound
from services.compute.objects import server as states

LOG = logging.getLogger(__name__)
PREFIX = "instance-"
KEEPALIVE_INTERVAL_S, KEEPALIVE_COUNT = 5, 5
_loop_lock = threading.Lock()
_loop: list[threading.Thread] = []

POWER = {
    libvirt.VIR_DOMAIN_NOSTATE: states.RUNNING,
    libvirt.VIR_DOMAIN_RUNNING: states.RUNNING,
    libvirt.VIR_DOMAIN_BLOCKED: states.RUNNING,
    libvirt.VIR_DOMAIN_PAUSED: states.PAUSED,
    libvirt.VIR_DOMAIN_SHUTDOWN: states.RUNNING,
    libvirt.VIR_DOMAIN_SHUTOFF: states.STOPPED,
    libvirt.VIR_DOMAIN_CRASHED: states.CRASHED,
    libvirt.VIR_DOMAIN_PMSUSPENDED: states.SUSPENDED,
}
_EVENT_POWER = {
    libvirt.VIR_DOMAIN_EVENT_STARTED: states.RUNNING,
    libvirt.VIR_DOMAIN_EVENT_RESUMED: states.RUNNING,
    libvirt.VIR_DOMAIN_EVENT_SUSPENDED: states.PAUSED,
    libvirt.VIR_DOMAIN_EVENT_STOPPED: states.STOPPED,
    libvirt.VIR_DOMAIN_EVENT_CRASHED: states.CRASHED,
    libvirt.VIR_DOMAIN_EVENT_UNDEFINED: states.ABSENT,
}
_DEAD = {
    libvirt.VIR_ERR_NO_CONNECT,
    libvirt.VIR_ERR_INVALID_CONN,
    libvirt.VIR_ERR_SYSTEM_ERROR,
    libvirt.VIR_ERR_INTERNAL_ERROR,
}
_DEAD_DOMAINS = {libvirt.VIR_FROM_REMOTE, libvirt.VIR_FROM_RPC}


def domain_name(uuid: str) -> str:
    """The libvirt name of a server's domain."""
    return PREFIX + uuid


class Connection:
    """A shared, self-healing connection. Its methods raise only DriverError."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.devices = threading.Condition()
        self._lock = threading.RLock()
        self._conn: libvirt.virConnect | None = None
        self._listeners: list[PowerListener] = []
        self._callbacks: list[int] = []

    def get(self) -> libvirt.virConnect:
        """The live connection, opened if need be; HypervisorDown when libvirtd does not answer."""
        with self._lock:
            if self._conn is not None and self._alive(self._conn):
                return self._conn
            self._drop()
            _run_event_loop()
            try:
                self._conn = libvirt.open(self.uri)
                self._conn.setKeepAlive(KEEPALIVE_INTERVAL_S, KEEPALIVE_COUNT)
                self._subscribe(self._conn)
            except libvirt.libvirtError as e:
                self._drop()
                raise HypervisorDown(f"libvirt at {self.uri} does not answer: {e}") from e
            LOG.info("connected to libvirt at %s", self.uri)
            return self._conn

    def listen(self, listener: PowerListener) -> None:
        """Call `listener(uuid, power)` on libvirt's event thread whenever one of our guests changes."""
        self._listeners.append(listener)
        self.get()

    def close(self) -> None:
        """Close it; guests go on."""
        with self._lock:
            self._drop()

    def find(self, uuid: str) -> libvirt.virDomain | None:
        """The domain of a server, or None."""
        with self.errors():
            try:
                return self.get().lookupByName(domain_name(uuid))
            except libvirt.libvirtError as e:
                if e.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                    return None
                raise

    def domain(self, uuid: str) -> libvirt.virDomain:
        """The domain of a server; ServerNotFound when there is none."""
        found = self.find(uuid)
        if found is None:
            raise ServerNotFound(f"Server {uuid} has no domain on this host.")
        return found

    def power(self, domain: libvirt.virDomain) -> str:
        """The power state of a domain; `absent` when it is gone meanwhile."""
        with self.errors():
            try:
                power = POWER.get(domain.state()[0], states.STOPPED)
                if power == states.STOPPED and domain.hasManagedSaveImage():
                    return states.SUSPENDED
                return power
            except libvirt.libvirtError as e:
                if e.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                    return states.ABSENT
                raise

    @contextlib.contextmanager
    def errors(self, what: str = "") -> Iterator[None]:
        """Turn libvirt's errors into DriverErrors that begin with `what`."""
        try:
            yield
        except libvirt.libvirtError as e:
            text = f"{what}: {e}" if what else str(e)
            if e.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                raise ServerNotFound(text) from e
            if "No space left" in str(e):
                raise NoSpace(text) from e
            dead = e.get_error_code() in _DEAD and e.get_error_domain() in _DEAD_DOMAINS
            raise (HypervisorDown if dead else DriverError)(text) from e

    def wait(self, done: Callable[[], bool], timeout_s: float, poll_s: float = 0.25) -> bool:
        """Wait until `done()` or the time-out; looks again whenever a guest reports something, and every `poll_s`."""
        end = clock.monotonic() + timeout_s
        while not done():
            left = end - clock.monotonic()
            if left <= 0:
                return False
            with self.devices:
                self.devices.wait(min(poll_s, left))
        return True

    def _alive(self, conn: libvirt.virConnect) -> bool:
        try:
            return bool(conn.isAlive())
        except libvirt.libvirtError:
            return False

    def _subscribe(self, conn: libvirt.virConnect) -> None:
        for event, handler in (
            (libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, self._on_lifecycle),
            (libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, self._on_device),
            (libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED, self._on_device),
            (libvirt.VIR_DOMAIN_EVENT_ID_JOB_COMPLETED, self._on_device),
        ):
            self._callbacks.append(conn.domainEventRegisterAny(None, event, handler, None))

    def _drop(self) -> None:
        conn, self._conn = self._conn, None
        callbacks, self._callbacks = self._callbacks, []
        if conn is None:
            return
        with contextlib.suppress(libvirt.libvirtError):
            for callback in callbacks:
                conn.domainEventDeregisterAny(callback)
        with contextlib.suppress(libvirt.libvirtError):
            conn.close()

    def _on_lifecycle(
        self, _conn: Any, domain: libvirt.virDomain, event: int, _detail: int, _opaque: Any
    ) -> None:
        self._wake()
        power = _EVENT_POWER.get(event)
        name = domain.name()
        if power is None or not name.startswith(PREFIX):
            return
        for listener in self._listeners:
            try:
                listener(name[len(PREFIX) :], power)
            except Exception:  # process edge: libvirt's thread, where an exception would be lost in C code
                LOG.exception("a listener failed on %s of %s", power, name)

    def _on_device(self, *_args: Any) -> None:
        self._wake()

    def _wake(self) -> None:
        with self.devices:
            self.devices.notify_all()


def _run_event_loop() -> None:
    """Start libvirt's event loop, once per process and before the first connection."""
    with _loop_lock:
        if _loop:
            return
        libvirt.registerErrorHandler(lambda _ctx, _error: None, None)
        libvirt.virEventRegisterDefaultImpl()
        _loop.append(threading.Thread(target=_turn, name="libvirt-events", daemon=True))
        _loop[0].start()


def _turn() -> None:
    while True:
        libvirt.virEventRunDefaultImpl()
