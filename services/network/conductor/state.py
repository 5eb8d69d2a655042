"""What one host should look like, put together from the database: the answer to `get_host_state`.

Everything is loaded in bulk: the number of queries does not depend on how many ports, networks or routers
the answer holds.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from oslo_config import cfg

from services.network.conductor import parts
from services.network.db import agents as db_agents
from services.network.db import models, rows
from services.network.db import ports as db_ports
from services.network.db import routers as db_routers
from services.network.db import security_groups as db_groups
from services.network.db import state as db
from services.network.db.rows import Session
from services.network.objects.dhcp import Dhcp, DhcpHost
from services.network.objects.port import AddressSet, Port, SecurityRule
from services.network.objects.router import FloatingIp, Router, RouterGateway, RouterInterface
from services.network.objects.segment import Neighbour, Segment, TunnelPeers


class Gatherer:
    """Gathers one answer. `session` is only read."""

    def __init__(self, session: Session, conf: cfg.ConfigOpts, host: str, known_sets: Iterable[str] = (),
                 known_hosts: Iterable[str] = ()) -> None:
        self.session, self.conf, self.host = session, conf, host
        self.known_sets, self.known_hosts = set(known_sets), set(known_hosts)
        self.domain = conf.network.dns_domain
        self._networks: dict[str, Any] = {}
        self._addresses: dict[str, list[Any]] = {}
        self.sets: set[str] = set()
        self.shown: set[str] = set()

    # the answers

    def everything(self) -> dict[str, Any]:
        """The whole state."""
        here = list(db.ports_on(self.session, self.host))
        networks = db.networks_on(self.session, self.host)
        self._load(networks)
        dhcps = self._dhcps(networks, db.dhcp_on(self.session, self.host))
        routers = self._routers(db.routers_on(self.session, self.host))
        ports = self._ports([p for p in here if parts.is_wanted(p)]) + self._pending(None)
        answer = self._answer(True, all_hosts=self._hosts_in(_served(dhcps, routers)), ports=ports, dhcps=dhcps,
                              routers=routers, networks=networks | self.shown,
                              neighbours=self._neighbours(networks), peers=self._peers(networks), sets=self._sets(self.sets))
        answer["up"] = [p.id for p in here if p.status == "ACTIVE"]
        return answer

    def some(self, port_ids: Sequence[str], network_ids: Sequence[str], router_ids: Sequence[str],
             set_ids: Sequence[str], set_members: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """What concerns these ids; see rpc.conductor."""
        found = db.ports(self.session, port_ids)
        self._networks.update((p.network_id, p) for p in found)  # a port's row says the same of its network
        networks, served = db.present(self.session, self.host, [*network_ids, *(p.network_id for p in found)])
        asked = [n for n in network_ids if n in networks]
        self._load(networks)
        mine = [p for p in found if p.binding_host == self.host and parts.is_wanted(p)]
        elsewhere = [p.id for p in found if p.binding_host != self.host]
        self._read_addresses([p.id for p in found if p in mine or p.network_id in networks])
        ports = self._ports(mine) + (self._pending(elsewhere) if elsewhere else [])
        hosts, others = self._others([p for p in found if p.network_id in networks], networks, served)
        dhcps = self._dhcps(asked, db.dhcp_on(self.session, self.host, asked)) if asked else []
        routers = self._routers(db.routers_on(self.session, self.host, router_ids)) if router_ids else []
        used = db.sets_used_on(self.session, self.host, set_ids)
        neighbours = (self._neighbours(asked) if asked else []) + [n for n in others if n.network_id not in asked]
        unknown = _served(dhcps, []) | _served([], routers) - self.known_hosts
        answer = self._answer(
            False, all_hosts=self._hosts_in(unknown), ports=ports, dhcps=dhcps, routers=routers, neighbours=neighbours,
            peers=self._peers(asked),
            networks={*asked, *(p.network_id for p in ports), *self.shown}, sets=self._sets(self.sets - self.known_sets | used))
        answer["set_changes"] = self._set_changes(set_members)
        answer["hosts"] = {n: [h.to_dict() for h in items] for n, items in hosts.items()}
        known = {p.id for p in found if p.network_id in networks and p.binding_host}
        answer["gone"] = {
            "port_ids": sorted(set(port_ids) - known), "network_ids": sorted(set(network_ids) - set(asked)),
            "router_ids": sorted(set(router_ids) - {r.router_id for r in routers}), "set_ids": sorted(set(set_ids) - used)}
        return answer

    def _answer(self, full: bool, **made: Any) -> dict[str, Any]:
        self._load(made["networks"])
        segments = [self._segment(n) for n in sorted(made["networks"]) if n in self._networks]
        return {"full": full, "segments": [s.to_dict() for s in segments], "hosts": {}, "set_changes": {},
                "all_hosts": {n: [h.to_dict() for h in items] for n, items in made["all_hosts"].items()},
                "gone": {"port_ids": [], "network_ids": [], "router_ids": [], "set_ids": []},
                "address_sets": [s.to_dict() for s in made["sets"]],
                **{k: [x.to_dict() for x in made[k]] for k in ("ports", "neighbours", "peers", "dhcps", "routers")}}

    # networks

    def _load(self, network_ids: Iterable[str]) -> None:
        missing = [n for n in network_ids if n not in self._networks]
        if missing:
            self._networks.update(db.networks(self.session, missing))

    def _read_addresses(self, port_ids: Iterable[str]) -> None:
        missing = [p for p in port_ids if p not in self._addresses]
        if missing:
            self._addresses.update(dict.fromkeys(missing, []) | db.addresses(self.session, missing))  # type: ignore[arg-type]

    def _segment(self, network_id: str) -> Segment:
        n = self._networks[network_id]
        return Segment(network_id=network_id, kind=n.network_type, segmentation_id=n.segmentation_id,
                       physical_network=n.physical_network, mtu=n.mtu)

    def _tunnelled(self, network_ids: Iterable[str]) -> list[str]:
        return [n for n in network_ids if n in self._networks and self._networks[n].network_type == "vxlan"]

    def _peers(self, network_ids: Iterable[str]) -> list[TunnelPeers]:
        wanted = self._tunnelled(network_ids)
        if not wanted:
            return []
        by_network = db_ports.hosts_of_networks(self.session, wanted)
        ends = db_agents.tunnel_ips(self.session, {h for hosts in by_network.values() for h in hosts})
        return [TunnelPeers(n, tuple(sorted(ends[h] for h in by_network.get(n, ()) if h != self.host and h in ends)))
                for n in sorted(wanted)]

    def _neighbours(self, network_ids: Iterable[str]) -> list[Neighbour]:
        wanted = self._tunnelled(network_ids)
        found = [p for p in db.ports_in(self.session, wanted) if p.binding_host not in ("", self.host)]
        return self._as_neighbours(found)

    def _as_neighbours(self, found: Sequence[Any]) -> list[Neighbour]:
        if not found:
            return []
        ends = db_agents.tunnel_ips(self.session, {p.binding_host for p in found})
        self._read_addresses([p.id for p in found])
        return [Neighbour(p.network_id, p.mac_address, ends[p.binding_host],
                          tuple(a.ip_address for a in self._addresses[p.id]), p.id) for p in found if p.binding_host in ends]

    def _others(self, found: Sequence[Any], networks: set[str], served: set[str],
                ) -> tuple[dict[str, list[DhcpHost]], list[Neighbour]]:
        """What ports mean to this host's DHCP servers and routers, and the tunnels to those elsewhere."""
        hosts: dict[str, list[DhcpHost]] = {}
        for host, port in self._dhcp_hosts([p for p in found if p.network_id in served]):
            hosts.setdefault(port.network_id, []).append(host)
        far = [p for p in found if p.binding_host not in ("", self.host) and p.network_id in self._tunnelled(networks)]
        return hosts, self._as_neighbours(far)

    # ports and rules

    def _pending(self, port_ids: Sequence[str] | None) -> list[Port]:
        """Ports (of these) that may move here."""
        to_be = {i for i, b in db.bindings_to(self.session, self.host, port_ids).items() if parts.is_wanted(b)}
        return self._ports(db.ports(self.session, to_be), pending=True) if to_be else []

    def _ports(self, found: Sequence[Any], *, pending: bool = False) -> list[Port]:
        ids = [p.id for p in found]
        self._load({p.network_id for p in found})
        self._read_addresses(ids)
        groups, stateless = db_groups.of_ports(self.session, ids)
        rules = self._rules({g for items in groups.values() for g in items})
        return [parts.port(p, self._addresses[p.id], [r for g in groups.get(p.id, ()) for r in rules.get(g, ())], pending=pending,
                           stateful=p.id not in groups or not stateless.issuperset(groups[p.id])) for p in found]

    def _rules(self, group_ids: set[str]) -> dict[str, list[SecurityRule]]:
        made: dict[str, list[SecurityRule]] = {}
        for group, items in db_groups.rules_of(self.session, sorted(group_ids), for_hosts=True).items():
            made[group] = [parts.rule(r) for r in items]
            self.sets.update(r.remote_set for r in made[group] if r.remote_set)
        return made

    def _sets(self, set_ids: Iterable[str]) -> list[AddressSet]:
        wanted = sorted(set(set_ids))
        if not wanted:
            return []
        members = db_ports.members(self.session, wanted)
        for group in rows.by_ids(self.session, models.AddressGroup, wanted):
            members[group.id] = list(group.addresses)
        return [AddressSet(i, tuple(members.get(i, ()))) for i in wanted]

    def _set_changes(self, asked: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """set id -> {"added", "removed"}: which of these addresses are members now, and which are not."""
        if not asked:
            return {}
        members = db_ports.still_members(self.session, asked)
        return {i: {"added": sorted(members[i]), "removed": sorted(set(ips) - members[i])} for i, ips in asked.items()}

    # services

    def _dhcp_hosts(self, found: Sequence[Any]) -> list[tuple[DhcpHost, Any]]:
        self._read_addresses([p.id for p in found])
        return [(parts.dhcp_host(p, self._addresses[p.id]), p) for p in found]

    def _hosts_in(self, network_ids: Iterable[str]) -> dict[str, list[DhcpHost]]:
        made: dict[str, list[DhcpHost]] = {n: [] for n in network_ids}
        for host, port in self._dhcp_hosts(db.ports_in(self.session, network_ids)):
            made[port.network_id].append(host)
        return made

    def _dhcps(self, network_ids: Iterable[str], bindings: Sequence[Any]) -> list[Dhcp]:
        by_id = {p.id: p for p in rows.by_ids(self.session, models.Port, [b.port_id for b in bindings if b.port_id])}
        served = [b for b in bindings if b.port_id in by_id and self._networks.get(b.network_id)]
        made_ports = {p.port_id: p for p in self._ports(list(by_id.values()))}
        mine = db.subnets(self.session, [b.network_id for b in served])
        routed = db.routed_subnets(self.session, [s.id for s in mine])
        made = []
        for item in served:
            network = self._networks[item.network_id]
            subnets = [parts.dhcp_subnet(s, routed) for s in mine if s.network_id == item.network_id]
            made.append(Dhcp(network_id=item.network_id, port=made_ports[item.port_id], subnets=tuple(subnets),
                             mtu=network.mtu,
                             dns_domain=(network.dns_domain or self.domain).strip(".")))
        return made

    def _routers(self, found: Sequence[Any]) -> list[Router]:
        links = db_routers.links_of(self.session, [r.id for r in found])
        by_id = {p.id: p for p in rows.by_ids(self.session, models.Port, [x.port_id for x in links])}
        self._load({p.network_id for p in by_id.values()})
        self.shown.update(p.network_id for p in by_id.values())
        made_ports = {p.port_id: p for p in self._ports(list(by_id.values()))}
        subnets = {s.id: s for s in db.subnets(self.session, {p.network_id for p in by_id.values()})}
        floating: dict[str, list[FloatingIp]] = {}
        mapped = db_routers.floating_ips_of(self.session, [r.id for r in found])
        forwarded = db_routers.forwardings(self.session, [f.id for f in mapped if not f.fixed_port_id])
        for item in mapped:
            floating.setdefault(item.router_id, []).append(FloatingIp(
                item.floating_ip_address, item.fixed_ip_address, parts.forwardings(forwarded.get(item.id, ()))))
        return [self._router(r, [x for x in links if x.router_id == r.id], made_ports, subnets, floating.get(r.id, []))
                for r in found]

    def _router(self, r: Any, links: Sequence[Any], ports: dict[str, Port], all_subnets: Mapping[str, Any],
                floating: list[FloatingIp]) -> Router:
        interfaces, gateway = [], None
        for link in sorted(links, key=lambda x: str(x.port_id)):
            port = ports[link.port_id]
            network = self._networks[port.network_id]
            subnets = [all_subnets[ip.subnet_id] for ip in port.fixed_ips]
            if link.kind == "gateway":
                gateway = RouterGateway(port, tuple(s.gateway_ip for s in subnets if s.gateway_ip), r.enable_snat, network.mtu)
            else:
                six = next((s for s in subnets if s.ip_version == 6), None)
                interfaces.append(RouterInterface(port, network.mtu, six.ipv6_ra_mode if six else None,
                                                  tuple(six.dns_nameservers) if six else ()))
        return Router(router_id=r.id, interfaces=tuple(interfaces), gateway=gateway, floating_ips=tuple(floating),
                      routes=parts.routes(r.routes), admin_state_up=r.admin_state_up, project_id=r.project_id)


def _served(dhcps: Sequence[Dhcp], routers: Sequence[Router]) -> set[str]:
    """Networks of which the host must know every port."""
    return {*(d.network_id for d in dhcps), *(i.port.network_id for r in routers for i in r.interfaces)}
