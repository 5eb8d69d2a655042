"""What a guest prints, and where its screen and serial line listen."""

import logging
import os
import socket
from xml.etree import ElementTree as ET

from services.compute.drivers.base import DriverError, ServerNotFound
from services.compute.drivers.libvirt import layout
from services.compute.drivers.libvirt.host import Host
from services.compute.objects.report import Endpoint

LOG = logging.getLogger(__name__)
OUTPUT_MAX_BYTES = 100 * 1024
LOG_MAX_BYTES, LOG_KEPT_BYTES = 4 * 1024**2, 1024**2


class Consoles:
    """See `base.Consoles`."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def output(self, uuid: str, lines: int | None) -> str:
        """See `base.Consoles.output`."""
        try:
            with open(self._host.disks.path(uuid, layout.CONSOLE_LOG), "rb") as f:
                size = f.seek(0, os.SEEK_END)
                f.seek(max(0, size - OUTPUT_MAX_BYTES))
                data = f.read()
        except FileNotFoundError:
            if self._host.conn.find(uuid) is None:
                raise ServerNotFound(f"Server {uuid} has no domain on this host.") from None
            return ""
        return tail(data.decode(errors="replace"), lines)

    def endpoint(self, uuid: str, kind: str) -> Endpoint:
        """See `base.Consoles.endpoint`."""
        xml = self._host.xml(self._host.conn.domain(uuid))
        for found in endpoints(self._host, xml):
            if found.type == kind:
                return found
        raise DriverError(f"Server {uuid} has no {kind} console now.")


def tail(text: str, lines: int | None) -> str:
    """The last `lines` lines (None or negative: all). As upstream counts: what stands behind the last line's end is one, too."""
    if lines is None or lines < 0:
        return text
    return "\n".join(text.split("\n")[-lines:]) if lines else ""


def endpoints(host: Host, xml: ET.Element) -> tuple[Endpoint, ...]:
    """The consoles that listen, by a running domain's description."""
    out, address = [], str(host.conf.console_address)
    for graphics in xml.findall("devices/graphics"):
        if graphics.get("type") == "vnc" and int(graphics.get("port", "-1")) > 0:
            out.append(Endpoint("vnc", address, int(graphics.get("port", "-1"))))
    if xml.get("id") is not None:
        for source in xml.findall("devices/serial[@type='tcp']/source"):
            out.append(Endpoint("serial", address, int(source.get("service", "0"))))
    return tuple(out)


def free_port(host: Host) -> int:
    """A TCP port for a serial console that no domain has and nobody listens on."""
    low, high = (int(part) for part in host.conf.serial_port_range.split(":"))
    with host.conn.errors():
        domains = host.conn.get().listAllDomains(0)
    used = set()
    for domain in domains:
        used |= {
            s.get("service")
            for s in host.xml(domain, inactive=True).findall("devices/serial[@type='tcp']/source")
        }
    for port in range(low, high):
        if str(port) not in used and _can_bind(host.platform.vnc_listen or "127.0.0.1", port):
            return port
    raise DriverError(f"No TCP port of {host.conf.serial_port_range} is free for a serial console.")


def trim(host: Host) -> None:
    """Cut console logs that grew too long down to their ends; a guest may print for ever."""
    for uuid in host.disks.servers():
        path = host.disks.path(uuid, layout.CONSOLE_LOG)
        try:
            with open(path, "r+b") as f:
                if f.seek(0, os.SEEK_END) > LOG_MAX_BYTES:
                    f.seek(-LOG_KEPT_BYTES, os.SEEK_END)
                    tail = f.read()
                    f.seek(0)
                    f.write(tail)
                    f.truncate()
        except FileNotFoundError:
            continue


def _can_bind(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind((address, port))
        except OSError:
            return False
    return True
