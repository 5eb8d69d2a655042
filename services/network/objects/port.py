"""A port as its host must realise it, and the address sets that its rules refer to."""

import dataclasses

from common.wire import Wire

INGRESS, EGRESS = "ingress", "egress"
SERVICE_OWNER = "network:"


@dataclasses.dataclass(frozen=True, slots=True)
class FixedIp(Wire):
    """One address of a port; `prefixlen` is that of its subnet."""

    ip: str
    subnet_id: str = ""
    prefixlen: int = 24


@dataclasses.dataclass(frozen=True, slots=True)
class AddressPair(Wire):
    """A further source that the port may use; `ip` may be a CIDR; without `mac` the port's own."""

    ip: str
    mac: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class SecurityRule(Wire):
    """One allowed kind of traffic, already expanded.

    `direction` ingress or egress; `ethertype` IPv4 or IPv6; `protocol` a name, a number as text, or None for any;
    the port range is TCP/UDP/SCTP ports, or ICMP type and code. `remote_set` names an AddressSet (its group id);
    it and `remote_ip_prefix` exclude each other.
    """

    direction: str
    ethertype: str = "IPv4"
    protocol: str | None = None
    port_range_min: int | None = None
    port_range_max: int | None = None
    remote_ip_prefix: str | None = None
    remote_set: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class AddressSet(Wire):
    """The addresses (or CIDRs) of the members of one security or address group, IPv4 and IPv6 mixed."""

    set_id: str
    members: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Port(Wire):
    """A port bound to this host. `mtu` comes with its segment, not from here.

    `stateful` says whether what belongs to a known connection passes without a rule. A `pending` port may move here: it is
    wired, but its guest is still on another host.
    """

    port_id: str
    network_id: str
    mac: str
    fixed_ips: tuple[FixedIp, ...] = ()
    allowed_address_pairs: tuple[AddressPair, ...] = ()
    port_security_enabled: bool = True
    rules: tuple[SecurityRule, ...] = ()
    device_owner: str = ""
    device_id: str = ""
    project_id: str = ""
    admin_state_up: bool = True
    stateful: bool = True
    pending: bool = False

    @property
    def tap(self) -> str:
        """The host-side device: `tap` and the first 11 characters of the port id."""
        return f"tap{self.port_id[:11]}"

    @property
    def is_service(self) -> bool:
        """Whether the port is our own (DHCP, router): never filtered, made by us, not by a hypervisor."""
        return self.device_owner.startswith(SERVICE_OWNER)
