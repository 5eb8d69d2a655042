"""Router advertisements for the IPv6 subnets of a router, by one dnsmasq in its namespace.

It outlives the agent, as the DHCP servers do; a router without such subnets has none.
"""

import ipaddress
import os

from services.network.drivers import daemon
from services.network.drivers.host import Host
from services.network.drivers.router_nat import inside_name
from services.network.objects.dhcp import SLAAC, STATELESS
from services.network.objects.router import Router

LIFETIME_S = 86400


def ensure(host: Host, router: Router, ns: str, folder: str) -> int:
    """Run, restart or end the advertiser of `router`; how many changes that took."""
    argv = arguments(router, folder)
    if argv is None:
        return end(host, folder)
    if daemon.running(f"{folder}/pid", argv) is not None:
        return 0
    end(host, folder)
    os.makedirs(folder, exist_ok=True)
    host.change(argv, ns)
    return 1


def end(host: Host, folder: str) -> int:
    """End the advertiser; 1 if there was one."""
    pid = daemon.running(f"{folder}/pid", marker=f"--pid-file={folder}/pid")
    if pid is None:
        return 0
    host.note(f"end router advertisements {folder}")
    daemon.end(pid)
    return 1


def arguments(router: Router, folder: str) -> list[str] | None:
    """The command line, None when the router has nothing to advertise."""
    args = [
        "dnsmasq", "--conf-file=/dev/null", "--port=0", "--no-hosts", "--no-resolv", "--enable-ra", "--bind-dynamic",
        "--leasefile-ro", "--user=root", f"--pid-file={folder}/pid", f"--log-facility={folder}/log",
    ]
    ranges = []
    for interface in router.interfaces:
        if not interface.ra_mode:
            continue
        device = inside_name(interface.port.port_id)
        six = [f for f in interface.port.fixed_ips if ":" in f.ip]
        mode = {SLAAC: "ra-only", STATELESS: "ra-stateless"}.get(interface.ra_mode, "static")
        for fixed in six:
            network = ipaddress.ip_interface(f"{fixed.ip}/{fixed.prefixlen}").network
            ranges.append(f"--dhcp-range=set:{device},{network.network_address},{mode},"
                          f"{network.prefixlen},{LIFETIME_S}s")
        if six:
            args += [f"--interface={device}", f"--ra-param={device},mtu:{interface.mtu},0,1800"]
            servers = ",".join(f"[{s}]" for s in interface.dns_servers if ":" in s)
            if servers:
                args.append(f"--dhcp-option=tag:{device},option6:dns-server,{servers}")
    return [*args, *ranges] if ranges else None
