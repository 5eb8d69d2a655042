"""Telling a segment that an address moved here: gratuitous ARP for IPv4.

Without it, neighbours keep a stale MAC address for minutes after a floating IP moved. For IPv6 the kernel does it
(`ndisc_notify`).
"""

import ipaddress
import socket
from collections.abc import Iterable

from services.network.drivers.host import Host

ETHERTYPE_ARP = 0x0806
BROADCAST = b"\xff" * 6


def announce(host: Host, ns: str, device: str, mac: str, addresses: Iterable[str]) -> None:
    """Broadcast an ARP request and a reply for each IPv4 address, as both are heeded by different neighbours."""
    frames = [frame for ip in addresses if ":" not in ip for frame in (_frame(mac, ip, 1), _frame(mac, ip, 2))]

    def send() -> None:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
            raw.bind((device, 0))
            for frame in frames:
                raw.send(frame)

    if frames:
        host.enter(send, ns)


def _frame(mac: str, ip: str, operation: int) -> bytes:
    hardware, address = bytes.fromhex(mac.replace(":", "")), ipaddress.IPv4Address(ip).packed
    arp = b"\x00\x01\x08\x00\x06\x04" + operation.to_bytes(2, "big")
    target = b"\x00" * 6 if operation == 1 else BROADCAST
    return BROADCAST + hardware + ETHERTYPE_ARP.to_bytes(2, "big") + arp + hardware + address + target + address
