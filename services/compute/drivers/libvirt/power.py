"""Power transitions of an existing domain, each of which may start from any state."""

import contextlib
import logging
import os

import libvirt

from common import clock
from services.compute.drivers.base import DriverError
from services.compute.drivers.libvirt import bridges, layout
from services.compute.drivers.libvirt.host import Host
from services.compute.objects.server import ABSENT, CRASHED, PAUSED, RUNNING, STOPPED, SUSPENDED, WANTED

LOG = logging.getLogger(__name__)
ASK_AGAIN_S = 10.0


def bring(host: Host, uuid: str, domain: libvirt.virDomain, wanted: str, timeout_s: float) -> None:
    """Bring a domain to a power state; `timeout_s` is how long a guest may take to shut down by itself."""
    if wanted not in WANTED:
        raise DriverError(f"Power state {wanted!r} does not exist.")
    now = host.conn.power(domain)
    if now == wanted:
        return
    LOG.info("server %s: %s -> %s", uuid, now, wanted)
    if wanted == STOPPED:
        stop(host, domain, timeout_s)
        return
    if not host.active(domain):
        start(host, uuid, domain)
    elif host.conn.power(domain) == SUSPENDED:
        with host.conn.errors("The guest could not be woken up"):
            domain.pMWakeup()
    _settle(host, domain, wanted)


def start(host: Host, uuid: str, domain: libvirt.virDomain) -> None:
    """Start a stopped domain, or restore a suspended one; its bridges are made if the host forgot them."""
    xml = host.xml(domain, inactive=True)
    for card in xml.findall("devices/interface"):
        source, mtu = card.find("source"), card.find("mtu")
        if source is not None:
            bridges.ensure(source.get("bridge", ""), int(mtu.get("size", "0")) if mtu is not None else None)
    with host.conn.errors("The guest could not be started"):
        if not domain.hasManagedSaveImage():
            with contextlib.suppress(FileNotFoundError):
                os.truncate(host.disks.path(uuid, layout.CONSOLE_LOG), 0)
        domain.create()


def stop(host: Host, domain: libvirt.virDomain, timeout_s: float) -> None:
    """Stop a domain: ask the guest by ACPI, again now and then, and pull the plug after `timeout_s` (0: at once)."""
    power = host.conn.power(domain)
    if power == SUSPENDED and not host.active(domain):
        with host.conn.errors("The saved state could not be dropped"):
            domain.managedSaveRemove()
        return
    if power == RUNNING and timeout_s > 0 and shut_down(host, domain, timeout_s):
        return
    kill(host, domain)


def shut_down(host: Host, domain: libvirt.virDomain, timeout_s: float) -> bool:
    """Ask the guest to shut down; true when it did within `timeout_s`."""
    end = clock.monotonic() + timeout_s
    while (left := end - clock.monotonic()) > 0:
        try:
            domain.shutdown()
        except libvirt.libvirtError as e:
            if not host.active(domain):
                return True
            LOG.debug("shutdown request: %s", e)
        if host.conn.wait(
            lambda: host.conn.power(domain) in (STOPPED, CRASHED, ABSENT), min(ASK_AGAIN_S, left)
        ):
            return True
    return False


def kill(host: Host, domain: libvirt.virDomain) -> None:
    """Pull the plug; nothing happens when it does not run."""
    for attempt in range(3):
        try:
            domain.destroy()
        except libvirt.libvirtError as e:
            if e.get_error_code() in (libvirt.VIR_ERR_NO_DOMAIN, libvirt.VIR_ERR_OPERATION_INVALID):
                return
            if attempt == 2:
                with host.conn.errors("The guest could not be stopped"):
                    raise
            LOG.warning(
                "QEMU does not die, trying again: %s", e
            )  # busy with disk I/O: libvirt gives up after 15 s
        else:
            return


def shutdown_timeout_s(host: Host, properties_timeout: object) -> float:
    """How long a guest may take: the image's `os_shutdown_timeout`, else the host's."""
    try:
        return float(str(properties_timeout))
    except ValueError:
        return float(host.conf.shutdown_timeout_s)


def _settle(host: Host, domain: libvirt.virDomain, wanted: str) -> None:
    """From running or paused to running, paused or suspended."""
    now = host.conn.power(domain)
    with host.conn.errors(f"The guest could not become {wanted}"):
        if wanted == RUNNING and now == PAUSED:
            domain.resume()
        elif wanted == PAUSED and now == RUNNING:
            domain.suspend()
        elif wanted == SUSPENDED and now in (RUNNING, PAUSED):
            domain.managedSave(libvirt.VIR_DOMAIN_SAVE_RUNNING if now == RUNNING else 0)
