"""The nftables of one router: floating IPs, port forwarding, SNAT, and the metadata redirect.

The whole table is loaded at once; connections that exist keep their translation, as the kernel tracks it apart.
"""

import hashlib
import ipaddress

from services.network.drivers.nft_model import TABLE
from services.network.objects.router import Router

METADATA_PORT = 9697
METADATA_IP = "169.254.169.254"
# Marks inside the router's namespace: a redirected metadata request, and traffic that turns round at the router.
METADATA_MARK, HAIRPIN_MARK = 1, 2


def inside_name(port_id: str) -> str:
    """`qr-` and the first 11 characters of the port id."""
    return f"qr-{port_id[:11]}"


def outside_name(port_id: str) -> str:
    """`qg-` and the first 11 characters of the port id."""
    return f"qg-{port_id[:11]}"


def version_marker(router: Router) -> str:
    """The name of an empty chain that says which ruleset is loaded."""
    return "v-" + hashlib.sha256("\n".join(_body(router)).encode()).hexdigest()[:16]


def script(router: Router) -> str:
    """The nft script that replaces the router's table."""
    return "\n".join([
        f"add table ip {TABLE}", f"delete table ip {TABLE}", f"add table ip {TABLE}",
        f"add chain ip {TABLE} {version_marker(router)}", *_body(router),
    ]) + "\n"


def _body(router: Router) -> list[str]:
    pairs = [(_v4(f.floating_ip), _v4(f.fixed_ip)) for f in router.floating_ips if f.fixed_ip]
    forwards = [
        (_v4(f.floating_ip), forward) for f in router.floating_ips if not f.fixed_ip for forward in f.forwardings
    ]
    outside = outside_name(router.gateway.port.port_id) if router.gateway else None
    lines = [
        _chain("prerouting", "type nat hook prerouting priority -100"),
        _chain("output", "type nat hook output priority -100"),
        _chain("marks", "type filter hook prerouting priority -150"),
        _chain("input", "type filter hook input priority 0"),
        _chain("postrouting", "type nat hook postrouting priority 100"),
    ]
    if router.metadata:
        lines += [
            _rule("marks", f'iifname "qr-*" ip daddr {METADATA_IP} tcp dport 80 meta mark set {METADATA_MARK}'),
            _rule("prerouting", f'iifname "qr-*" ip daddr {METADATA_IP} tcp dport 80 redirect to :{METADATA_PORT}'),
            _rule("input", f"tcp dport {METADATA_PORT} meta mark != {METADATA_MARK} drop"),
        ]
    if outside is None:
        return lines
    if pairs:
        to_fixed = ", ".join(f"{floating} : {fixed}" for floating, fixed in pairs)
        to_floating = ", ".join(f"{fixed} : {floating}" for floating, fixed in pairs)
        lines += [_rule(chain, f"dnat to ip daddr map {{ {to_fixed} }}") for chain in ("prerouting", "output")]
    for floating, forward in forwards:
        target = f"{_v4(forward.internal_ip)}:{int(forward.internal_port)}"
        match = f"ip daddr {floating} {_protocol(forward.protocol)} dport {int(forward.external_port)}"
        lines += [_rule(chain, f"{match} dnat to {target}") for chain in ("prerouting", "output")]
    every = sorted({_v4(f.floating_ip) for f in router.floating_ips})
    if every:
        lines.append(_rule("marks", f'iifname "qr-*" ip daddr {{ {", ".join(every)} }} meta mark set {HAIRPIN_MARK}'))
    lines.append(_rule("postrouting", f'oifname != "{outside}" meta mark != {HAIRPIN_MARK} accept'))
    if pairs:
        lines.append(_rule("postrouting", f"snat to ip saddr map {{ {to_floating} }}"))
    own = _gateway_ip(router)
    if own and router.gateway and router.gateway.enable_snat:
        lines.append(_rule("postrouting", f'oifname "{outside}" snat to {own}'))
    if own:
        lines.append(_rule("postrouting", f"meta mark {HAIRPIN_MARK} ct status dnat snat to {own}"))
    return lines


def _gateway_ip(router: Router) -> str | None:
    if router.gateway is None:
        return None
    return next((f.ip for f in router.gateway.port.fixed_ips if ":" not in f.ip), None)


def _chain(name: str, hook: str) -> str:
    return f"add chain ip {TABLE} {name} {{ {hook}; policy accept; }}"


def _rule(chain: str, text: str) -> str:
    return f"add rule ip {TABLE} {chain} {text}"


def _v4(text: str | None) -> str:
    return str(ipaddress.IPv4Address(text or ""))


def _protocol(name: str) -> str:
    if name.lower() not in ("tcp", "udp", "sctp"):
        raise ValueError(f"ports of protocol {name!r} cannot be forwarded")
    return name.lower()
