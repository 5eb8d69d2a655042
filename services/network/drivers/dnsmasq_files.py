"""What dnsmasq is told about a network: its command line, its hosts and its options.

Everything is a pure function of the desired `Dhcp`, so that equality of text means nothing has to be done.
"""

import ipaddress

from services.network.objects.dhcp import STATEFUL, STATELESS, Dhcp, DhcpHost, DhcpSubnet

METADATA_IP = "169.254.169.254"
LEASES_MAX = 16777216
# The number under which old Windows clients ask for option 121.
CLASSLESS_ROUTES_MS = 249


def arguments(dhcp: Dhcp, device: str, folder: str, lease_s: int, forwarders: tuple[str, ...]) -> list[str]:
    """The command line; a change of it needs a restart."""
    args = [
        "dnsmasq", "--conf-file=/dev/null", "--no-hosts", "--no-resolv", "--no-poll", "--strict-order",
        "--except-interface=lo", "--bind-dynamic", f"--interface={device}", "--dhcp-authoritative", "--leasefile-ro",
        f"--pid-file={folder}/pid", f"--dhcp-hostsfile={folder}/hosts", f"--addn-hosts={folder}/names",
        f"--dhcp-optsfile={folder}/options", f"--domain={dhcp.dns_domain}", f"--local=/{dhcp.dns_domain}/",
        "--expand-hosts", "--user=root", "--log-facility=" + folder + "/log",
    ]
    args += [f"--server={server}" for server in forwarders]
    size = 0
    for subnet in served(dhcp):
        network = ipaddress.ip_network(subnet.cidr)
        size += network.num_addresses
        base = f"--dhcp-range=set:{tag(subnet)},{network.network_address},"
        if subnet.version == 4:
            args.append(f"{base}static,{network.netmask},{lease_s}s")
        else:
            args.append(f"{base}static,{network.prefixlen},{lease_s}s")
    if any(subnet.version == 4 for subnet in served(dhcp)):
        args.append(f"--dhcp-option-force=option:mtu,{dhcp.mtu}")
    # Not `set:` in the hosts file: dnsmasq up to 2.90 crashes on HUP when a lease was given by such a line.
    args += [f"--dhcp-mac=set:port-{host.port_id},{host.mac}" for host in dhcp.hosts if host.options]
    return [*args, f"--dhcp-lease-max={min(size, LEASES_MAX)}"]


def served(dhcp: Dhcp) -> list[DhcpSubnet]:
    """The subnets for which DHCP answers: enabled, and for IPv6 not with SLAAC alone."""
    return [s for s in dhcp.subnets if s.enable_dhcp
            and (s.version == 4 or s.address_mode in (STATEFUL, STATELESS))]


def tag(subnet: DhcpSubnet) -> str:
    """The tag by which options name a subnet."""
    return f"subnet-{subnet.subnet_id}"


class Liner:
    """Makes the lines of single hosts of one network."""

    def __init__(self, dhcp: Dhcp) -> None:
        self._dhcp = dhcp
        self._leased = {s.subnet_id: s.version for s in served(dhcp) if s.address_mode != STATELESS}

    def host(self, host: DhcpHost) -> str:
        """For the file of hosts, one line per IP version: MAC, name, address."""
        found: dict[int, str] = {}
        for ip, subnet_id in _addresses(host, self._dhcp):
            version = self._leased.get(subnet_id)
            if version is None or version in found:
                continue  # one address per version can be leased to a MAC
            found[version] = f"{host.mac},{host_name(host, ip)},{f'[{ip}]' if version == 6 else ip}\n"
        return "".join(found.values())

    def names(self, host: DhcpHost) -> str:
        """For name queries, one line per address: address, full name, short name."""
        domain = self._dhcp.dns_domain
        names = [(ip, host_name(host, ip)) for ip in host.ips]
        return "".join(f"{ip}\t{name}.{domain} {name}\n" if domain else f"{ip}\t{name}\n" for ip, name in names)


def hosts_text(dhcp: Dhcp) -> str:
    """The file of hosts."""
    return "".join(map(Liner(dhcp).host, dhcp.hosts))


def names_text(dhcp: Dhcp) -> str:
    """The file of names."""
    return "".join(map(Liner(dhcp).names, dhcp.hosts))


def options_text(dhcp: Dhcp) -> str:
    """Options of subnets (routers, DNS servers, routes) and of single ports."""
    lines: list[str] = []
    for subnet in served(dhcp):
        lines += _options_v4(dhcp, subnet) if subnet.version == 4 else _options_v6(dhcp, subnet)
    for host in dhcp.hosts:
        for option in host.options:
            scope = "option6" if option.version == 6 else "option"
            name = option.name if option.name.isdigit() and option.version == 4 else f"{scope}:{option.name}"
            lines.append(f"tag:port-{host.port_id},{name},{option.value}")
    return "".join(f"{_one_line(line)}\n" for line in lines)


def host_name(host: DhcpHost, ip: str) -> str:
    """The name of a port: its own, else `host-` and its address with dashes."""
    return host.hostname or "host-" + ip.replace(".", "-").replace(":", "-")


def _options_v4(dhcp: Dhcp, subnet: DhcpSubnet) -> list[str]:
    own = _own_ip(dhcp, subnet)
    scope = f"tag:{tag(subnet)}"
    routes = [(route.destination, route.nexthop) for route in subnet.host_routes]
    through_dhcp = dhcp.metadata and own and (subnet.isolated or not subnet.gateway_ip)
    if through_dhcp and not any(destination == f"{METADATA_IP}/32" for destination, _ in routes):
        routes.append((f"{METADATA_IP}/32", own or ""))
    elif dhcp.metadata and subnet.gateway_ip and not any(d == f"{METADATA_IP}/32" for d, _ in routes):
        routes.append((f"{METADATA_IP}/32", subnet.gateway_ip))
    if routes:
        # On other subnets of the same network: clients that obey option 121 ignore option 3, so the default goes in too.
        if subnet.gateway_ip and not any(destination == "0.0.0.0/0" for destination, _ in routes):
            routes.append(("0.0.0.0/0", subnet.gateway_ip))
    lines = []
    servers = subnet.dns_servers or ((own,) if own else ())
    if servers == ("0.0.0.0",):
        lines.append(f"{scope},option:dns-server")
    elif servers:
        lines.append(f"{scope},option:dns-server,{','.join(servers)}")
    if routes:
        text = ",".join(f"{destination},{hop}" for destination, hop in routes)
        lines += [f"{scope},option:classless-static-route,{text}", f"{scope},{CLASSLESS_ROUTES_MS},{text}"]
    lines.append(f"{scope},option:router" + (f",{subnet.gateway_ip}" if subnet.gateway_ip else ""))
    return lines


def _options_v6(dhcp: Dhcp, subnet: DhcpSubnet) -> list[str]:
    own = _own_ip(dhcp, subnet)
    servers = subnet.dns_servers or ((own,) if own else ())
    lines = [f"tag:{tag(subnet)},option6:domain-search,{dhcp.dns_domain}"] if dhcp.dns_domain else []
    if servers:
        lines.append(f"tag:{tag(subnet)},option6:dns-server,{','.join(f'[{s}]' for s in servers)}")
    return lines


def _own_ip(dhcp: Dhcp, subnet: DhcpSubnet) -> str | None:
    network = ipaddress.ip_network(subnet.cidr)
    return next((f.ip for f in dhcp.port.fixed_ips if ipaddress.ip_address(f.ip) in network), None)


def _addresses(host: DhcpHost, dhcp: Dhcp) -> list[tuple[str, str]]:
    """(address, subnet id) of a host; subnets are found by address where the ids are not told."""
    if len(host.subnet_ids) == len(host.ips):
        return list(zip(host.ips, host.subnet_ids, strict=True))
    nets = [(ipaddress.ip_network(s.cidr), s.subnet_id) for s in dhcp.subnets]
    return [(ip, next((i for net, i in nets if ipaddress.ip_address(ip) in net), "")) for ip in host.ips]


def _one_line(text: str) -> str:
    return text.replace("\n", " ").replace("\r", " ")
