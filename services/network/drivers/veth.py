"""The pair of devices that ties a namespace of ours to a bridge.

The outer end is the port's tap, so that the firewall and the bridges see it as any other port.
"""

import ipaddress
from collections.abc import Iterable
from typing import Any

from services.network.drivers.host import Host
from services.network.drivers.links import Link, quiet
from services.network.objects.port import Port


def ensure(host: Host, ns: str, inner: str, port: Port, mtu: int, inside: dict[str, Link], outside: set[str]) -> int:
    """Make the pair right: `inner` in `ns` with the port's MAC, its tap in the bridge; how many commands it took.

    `inside` are the devices of the namespace, `outside` the names of those of the host.
    """
    found = inside.get(inner)
    bridge = f"brq{port.network_id[:11]}"
    lines = []
    if found is None or port.tap not in outside:
        if port.tap in outside:
            lines.append(f"link del dev {port.tap}")
        elif found:
            host.ip([f"link del dev {inner}"], ns)
        lines += [
            f"link add dev {port.tap} type veth peer name {inner} address {port.mac} netns {ns}",
            quiet(port.tap), f"link set dev {port.tap} mtu {mtu} master {bridge} up",
        ]
        host.ip(lines)
        host.ip([f"link set dev {inner} mtu {mtu} up"], ns)
        outside.add(port.tap)
        return len(lines) + 1
    if found.mac.lower() != port.mac.lower():
        lines += [f"link set dev {inner} down", f"link set dev {inner} address {port.mac}"]
    if lines or not found.up or found.mtu != mtu:
        lines.append(f"link set dev {inner} mtu {mtu} up")
    host.ip(lines, ns)
    if found.mtu != mtu:
        host.ip([f"link set dev {port.tap} mtu {mtu}"])
    return len(lines)


def read_addresses(host: Host, ns: str) -> dict[str, set[str]]:
    """Device -> its global addresses as `IP/LENGTH`, in a namespace."""
    found: dict[str, set[str]] = {}
    for row in host.query_json(["ip", "-j", "addr", "show"], ns):
        infos: list[dict[str, Any]] = row.get("addr_info", [])
        found[row.get("ifname", "")] = {f"{i['local']}/{i['prefixlen']}" for i in infos if i.get("scope") != "link"
                                        or i["local"].startswith("169.254.")}
    return found


def address_lines(device: str, have: Iterable[str], want: Iterable[str]) -> list[str]:
    """The `ip` lines that make the addresses of a device equal to `want` (as `IP/LENGTH`); additions first."""
    old, new = {normal(a) for a in have}, {normal(a) for a in want}
    add = [f"addr add {a} dev {device}" + (" nodad" if ":" in a else "") for a in sorted(new - old)]
    return add + [f"addr del {a} dev {device}" for a in sorted(old - new)]


def normal(address: str) -> str:
    """`IP/LENGTH` in one spelling."""
    return str(ipaddress.ip_interface(address))


def remove_namespace(host: Host, ns: str, prefixes: tuple[str, ...]) -> None:
    """Delete a namespace; its pairs first, as the kernel takes a namespace apart later, on its own time."""
    inside = [row["ifname"] for row in host.query_json(["ip", "-j", "link", "show"], ns)]
    host.ip([f"link del dev {name}" for name in inside if name.startswith(prefixes)], ns)
    host.delete_namespace(ns)
