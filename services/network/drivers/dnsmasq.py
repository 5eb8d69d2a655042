"""DHCP and DNS for each network, by one dnsmasq in the network's own namespace.

The process outlives the agent: it is found again by its pid file and command line, and left alone when nothing changed;
a change of hosts or options is a HUP, only a change of the command line is a restart, and an address that goes to another
guest: dnsmasq would keep it for the former one until the end of its lease.
"""

import contextlib
import dataclasses
import functools
import os
import shutil
import signal
from collections.abc import Callable

from common import process
from services.network.drivers import daemon, dnsmasq_files, veth
from services.network.drivers.base import Applied, DriverConfig, DriverError
from services.network.drivers.host import Host
from services.network.drivers.links import read_links
from services.network.objects.dhcp import Dhcp, DhcpHost
from services.network.objects.host_state import HostState

KIND = "qdhcp-"
_Lines = tuple[DhcpHost, str, str]  # a port, its lines in the file of hosts, its lines in that of names


def namespace(host: Host, network_id: str) -> str:
    """The full name of the namespace of a network's DHCP server."""
    return host.namespace(KIND + network_id)


def _bare(dhcp: Dhcp) -> Dhcp:
    """All of it but the hosts; what hosts' options put on the command line counts as well."""
    return dataclasses.replace(dhcp, hosts=tuple(h for h in dhcp.hosts if h.options))


class Dnsmasq:
    """See `base.Dhcp`."""

    def __init__(self, host: Host, config: DriverConfig) -> None:
        self._host, self._config = host, config
        self._root = os.path.join(config.state_dir, "dhcp")
        self._done: dict[str, Dhcp] | None = None
        self._addresses: dict[str, dict[str, str]] = {}  # network -> what `_told` says
        self._lines: dict[str, tuple[Dhcp, dict[str, _Lines]]] = {}  # network -> (what they were made for, lines by port)

    def apply(self, desired: HostState, *, full: bool = False) -> Applied:
        """See `base.Capability`."""
        result = Applied()
        if self._done is None or full:
            self._done, full = {}, True
        todo = []
        for dhcp in desired.dhcps:
            known = self._done.get(dhcp.network_id)
            if known is dhcp:
                continue
            if known is not None and _bare(known) == _bare(dhcp):
                if known.hosts != dhcp.hosts:
                    self._attempt(dhcp, result, self._serve)  # nothing but the files has to follow
            else:
                todo.append(dhcp)
        outside = set(read_links(self._host)) if todo else set()
        for dhcp in todo:
            self._attempt(dhcp, result, functools.partial(self._ensure, outside=outside))
        keep = {d.network_id for d in desired.dhcps}
        gone = {network_id for network_id in self._done if network_id not in keep}
        if full:
            cut = len(self._host.prefix + KIND)
            gone |= {name[cut:] for name in self._host.namespaces(KIND)} - keep
            gone |= set(os.listdir(self._root) if os.path.isdir(self._root) else ()) - keep
        for network_id in sorted(gone):
            self._remove(network_id, result)
        return result

    def _attempt(self, dhcp: Dhcp, result: Applied, work: Callable[[Dhcp], int]) -> None:
        assert self._done is not None
        try:
            result.changes += work(dhcp)
            self._done[dhcp.network_id] = dhcp
        except (process.CommandError, DriverError, OSError, ValueError) as e:
            self._done.pop(dhcp.network_id, None)
            result.errors[f"network:{dhcp.network_id}"] = f"DHCP: {e}"

    def _ensure(self, dhcp: Dhcp, outside: set[str]) -> int:
        ns = namespace(self._host, dhcp.network_id)
        device = f"ns-{dhcp.port.port_id[:11]}"
        changes = int(self._host.ensure_namespace(ns))
        inside = read_links(self._host, ns)
        stale = [name for name in inside if name.startswith("ns-") and name != device]
        self._host.ip([f"link del dev {name}" for name in stale], ns)
        changes += len(stale) + veth.ensure(self._host, ns, device, dhcp.port, dhcp.mtu, inside, outside)
        changes += self._host.sysctl({f"net/ipv6/conf/{device}/accept_ra": "0"}, ns)
        want = {f"{f.ip}/{f.prefixlen}" for f in dhcp.port.fixed_ips}
        if dhcp.metadata:
            want.add(f"{dnsmasq_files.METADATA_IP}/32")
        lines = veth.address_lines(device, veth.read_addresses(self._host, ns).get(device, ()), want)
        lines += self._default_route(dhcp, ns, device)
        self._host.ip(lines, ns)
        return changes + len(lines) + self._serve(dhcp)

    def _default_route(self, dhcp: Dhcp, ns: str, device: str) -> list[str]:
        """The way out for forwarded DNS queries: the gateway of the first subnet that has one."""
        hop = next((s.gateway_ip for s in dhcp.subnets if s.gateway_ip and s.version == 4), None)
        rows = self._host.query_json(["ip", "-j", "route", "show", "default"], ns)
        have = rows[0].get("gateway") if rows else None
        if have == hop:
            return []
        return [f"route replace default via {hop} dev {device} onlink"] if hop else ["route del default"]

    def _serve(self, dhcp: Dhcp) -> int:
        ns, device = namespace(self._host, dhcp.network_id), f"ns-{dhcp.port.port_id[:11]}"
        folder = os.path.join(self._root, dhcp.network_id)
        if not dnsmasq_files.served(dhcp):
            return self._stop(folder)
        os.makedirs(folder, exist_ok=True)
        lines = self._lines_of(dhcp)
        changed = [
            daemon.write_if_changed(f"{folder}/{name}", text) for name, text in (
                ("hosts", "".join([h for _, h, _ in lines])), ("names", "".join([n for _, _, n in lines])),
                ("options", dnsmasq_files.options_text(dhcp)))
        ]
        argv = dnsmasq_files.arguments(dhcp, device, folder, self._config.dhcp_lease_s, self._config.dns_forwarders)
        pid = daemon.running(f"{folder}/pid", argv)
        told, now = self._told(dhcp.network_id), {address: h.mac for h in dhcp.hosts for address in h.ips}
        if pid is None or any(told.get(address, mac) != mac for address, mac in now.items()):
            self._stop(folder)
            self._host.change(argv, ns)
            self._note_told(dhcp.network_id, now)
            return sum(changed) + 1
        self._note_told(dhcp.network_id, told | now)
        if any(changed):
            self._host.note(f"HUP dnsmasq {dhcp.network_id}")
            os.kill(pid, signal.SIGHUP)
        return sum(changed)

    def _told(self, network_id: str) -> dict[str, str]:
        """The MAC of each address that the running dnsmasq was ever told of, kept in a file for the agent's next life."""
        if network_id not in self._addresses:
            with contextlib.suppress(OSError), open(os.path.join(self._root, network_id, "told")) as f:
                self._addresses[network_id] = dict(line.split() for line in f)
        return self._addresses.get(network_id, {})

    def _note_told(self, network_id: str, told: dict[str, str]) -> None:
        if self._addresses.get(network_id) != told:
            text = "".join(f"{address} {mac}\n" for address, mac in told.items())
            daemon.write_if_changed(os.path.join(self._root, network_id, "told"), text)
            self._addresses[network_id] = told

    def _lines_of(self, dhcp: Dhcp) -> list[_Lines]:
        """What the files say of each host; made anew only for hosts that changed."""
        bare, known = self._lines.get(dhcp.network_id, (None, {}))
        if bare is None or bare != _bare(dhcp):
            known = {}
        make = dnsmasq_files.Liner(dhcp)
        found: dict[str, _Lines] = {}
        for host in dhcp.hosts:
            entry = known.get(host.port_id)
            found[host.port_id] = entry if entry is not None and entry[0] is host else (host, make.host(host), make.names(host))
        self._lines[dhcp.network_id] = (_bare(dhcp), found)
        return list(found.values())

    def _stop(self, folder: str) -> int:
        pid = daemon.running(f"{folder}/pid", marker=f"{folder}/hosts")
        if pid is not None:
            self._host.note(f"end dnsmasq {folder}")
            daemon.end(pid)
        return int(pid is not None)

    def _remove(self, network_id: str, result: Applied) -> None:
        ns, folder = namespace(self._host, network_id), os.path.join(self._root, network_id)
        try:
            result.changes += self._stop(folder)
            shutil.rmtree(folder, ignore_errors=True)
            if ns in self._host.namespaces(KIND):
                veth.remove_namespace(self._host, ns, ("ns-",))
                result.changes += 1
            if self._done is not None:
                self._done.pop(network_id, None)
            self._lines.pop(network_id, None)
            self._addresses.pop(network_id, None)
        except (process.CommandError, OSError) as e:
            result.errors[f"network:{network_id}"] = f"DHCP: {e}"
