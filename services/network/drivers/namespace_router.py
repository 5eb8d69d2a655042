"""Routers as network namespaces: addresses, routes, NAT and router advertisements."""

import ipaddress
import os
import shutil

from common import process
from services.network.drivers import garp, router_nat, router_ra, veth
from services.network.drivers.base import Applied, DriverConfig, DriverError
from services.network.drivers.host import Host
from services.network.drivers.links import read_links
from services.network.drivers.nft_model import TABLE
from services.network.objects.host_state import HostState
from services.network.objects.port import Port
from services.network.objects.router import Router

KIND = "qrouter-"
PREFIXES = ("qr-", "qg-")
# The routing protocol number by which we know the routes that we added.
ROUTE_PROTOCOL = "static"


def namespace(host: Host, router_id: str) -> str:
    """The full name of a router's namespace."""
    return host.namespace(KIND + router_id)


class NamespaceRouter:
    """See `base.Routing`."""

    def __init__(self, host: Host, config: DriverConfig) -> None:
        self._host = host
        self._root = os.path.join(config.state_dir, "router")
        self._done: dict[str, Router] | None = None

    def apply(self, desired: HostState, *, full: bool = False) -> Applied:
        """See `base.Capability`."""
        result = Applied()
        if self._done is None or full:
            self._done, full = {}, True
        wanted = {r.router_id: r for r in desired.routers if r.admin_state_up}
        todo = [r for r in wanted.values() if self._done.get(r.router_id) != r]
        outside = set(read_links(self._host)) if todo else set()
        for router in todo:
            try:
                result.changes += self._ensure(router, outside)
                self._done[router.router_id] = router
            except (process.CommandError, DriverError, OSError, ValueError) as e:
                self._done.pop(router.router_id, None)
                result.errors[f"router:{router.router_id}"] = str(e)
        gone = self._done.keys() - wanted.keys()
        if full:
            cut = len(self._host.prefix + KIND)
            gone |= {name[cut:] for name in self._host.namespaces(KIND)} - wanted.keys()
        for router_id in sorted(gone):
            self._remove(router_id, result)
        return result

    def _ensure(self, router: Router, outside: set[str]) -> int:
        ns = namespace(self._host, router.router_id)
        changes = int(self._host.ensure_namespace(ns))
        changes += self._host.sysctl({
            "net/ipv4/ip_forward": "1", "net/ipv6/conf/all/forwarding": "1", "net/ipv4/conf/all/rp_filter": "0",
            "net/ipv4/conf/default/rp_filter": "0", "net/ipv4/conf/all/send_redirects": "0",
            "net/ipv4/conf/default/send_redirects": "0", "net/ipv6/conf/default/accept_ra": "0",
        }, ns)
        inside = read_links(self._host, ns)
        changes += self._nat(router, ns)
        devices = {router_nat.inside_name(i.port.port_id): (i.port, i.mtu) for i in router.interfaces}
        if router.gateway:
            devices[router_nat.outside_name(router.gateway.port.port_id)] = (router.gateway.port, router.gateway.mtu)
        stale = [name for name in inside if name.startswith(PREFIXES) and name not in devices]
        self._host.ip([f"link del dev {name}" for name in stale], ns)
        changes += len(stale)
        for device, (port, mtu) in devices.items():
            changes += veth.ensure(self._host, ns, device, port, mtu, inside, outside)
        changes += self._addresses(router, ns, devices)
        changes += self._routes(router, ns)
        return changes + router_ra.ensure(self._host, router, ns, os.path.join(self._root, router.router_id))

    def _nat(self, router: Router, ns: str) -> int:
        listing = self._host.query(["nft", "-j", "list", "chains", "ip"], ns, check=False)
        if f'"{router_nat.version_marker(router)}"' in listing and f'"table": "{TABLE}"' in listing:
            return 0
        self._host.nft(router_nat.script(router), ns)
        known = (self._done or {}).get(router.router_id)
        old = {f.floating_ip: f.fixed_ip for f in known.floating_ips} if known else {}
        kept = {f.floating_ip: f.fixed_ip for f in router.floating_ips}
        for floating, fixed in old.items():
            if kept.get(floating) != fixed:  # a moved floating IP must not go on leading to the old server
                for args in (["-d", floating], ["-q", floating]):
                    self._host.change(["conntrack", "-D", "-f", "ipv4", *args], ns, check=False)
        return 1

    def _addresses(self, router: Router, ns: str, devices: dict[str, tuple[Port, int]]) -> int:
        have = veth.read_addresses(self._host, ns)
        lines, fresh = [], []
        for device, (port, _) in devices.items():
            want = {f"{f.ip}/{f.prefixlen}" for f in port.fixed_ips}
            if device.startswith("qg-"):
                want |= {f"{f.floating_ip}/32" for f in router.floating_ips}
            lines += veth.address_lines(device, have.get(device, ()), want)
            new = {veth.normal(a) for a in want} - {veth.normal(a) for a in have.get(device, ())}
            if new:
                fresh.append((device, port.mac, sorted(a.split("/")[0] for a in new)))
        self._host.ip(lines, ns)
        for device, mac, ips in fresh:
            garp.announce(self._host, ns, device, mac, ips)
        return len(lines)

    def _routes(self, router: Router, ns: str) -> int:
        changes = 0
        for version in (4, 6):
            rows = self._host.query_json(["ip", "-j", f"-{version}", "route", "show", "proto", ROUTE_PROTOCOL], ns)
            have = {(_destination(row["dst"], version), row.get("gateway", "")) for row in rows if "dst" in row}
            want = self._wanted_routes(router, version)
            lines = [f"route del {_spell(d)} via {hop} proto {ROUTE_PROTOCOL}" for d, hop in sorted(have - want)]
            lines += [f"route add {_spell(d)} via {hop} proto {ROUTE_PROTOCOL}" +
                      self._on_link(router, hop) for d, hop in sorted(want - have)]
            self._host.ip(lines, ns)
            changes += len(lines)
        return changes

    def _wanted_routes(self, router: Router, version: int) -> set[tuple[str, str]]:
        want = {(_destination(r.destination, version), r.nexthop) for r in router.routes
                if (":" in r.nexthop) == (version == 6)}
        for hop in router.gateway.gateway_ips if router.gateway else ():
            if (":" in hop) == (version == 6):
                default = _destination("default", version)
                if not any(destination == default for destination, _ in want):
                    want.add((default, hop))
        return want

    def _on_link(self, router: Router, hop: str) -> str:
        """A gateway outside its subnet is reached on the link itself."""
        if not router.gateway or hop not in router.gateway.gateway_ips:
            return ""
        address = ipaddress.ip_address(hop)
        inside = any(address in ipaddress.ip_interface(f"{f.ip}/{f.prefixlen}").network
                     for f in router.gateway.port.fixed_ips)
        return "" if inside else f" dev {router_nat.outside_name(router.gateway.port.port_id)} onlink"

    def _remove(self, router_id: str, result: Applied) -> None:
        ns, folder = namespace(self._host, router_id), os.path.join(self._root, router_id)
        try:
            result.changes += router_ra.end(self._host, folder)
            shutil.rmtree(folder, ignore_errors=True)
            if ns in self._host.namespaces(KIND):
                veth.remove_namespace(self._host, ns, PREFIXES)
                result.changes += 1
            if self._done is not None:
                self._done.pop(router_id, None)
        except (process.CommandError, OSError) as e:
            result.errors[f"router:{router_id}"] = str(e)


def _destination(text: str, version: int) -> str:
    if text == "default":
        return "0.0.0.0/0" if version == 4 else "::/0"
    return str(ipaddress.ip_network(text, strict=False))


def _spell(destination: str) -> str:
    return {"0.0.0.0/0": "default", "::/0": "default"}.get(destination, destination)
