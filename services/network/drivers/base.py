"""What the host side of the network service can do: one small protocol per capability.

Every capability has the same verb: *make the host equal to this state*. The state is always the whole
`HostState`; a driver remembers what it has already realised and acts on the difference alone, so calling it
again with the same state runs nothing.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Protocol

from services.network.objects.host_state import HostState


class DriverError(Exception):
    """The host cannot be made equal to the state; the text says what is wrong and what to try."""


@dataclasses.dataclass
class Applied:
    """What one pass did.

    `changes` counts the things that were altered (0: the host already was as desired). `wired` are the ports whose
    device is on this host, in its bridge (layer 2) or has its rules loaded (firewall). `missing` are ports whose
    device does not exist yet (the hypervisor has not made it). `errors` maps a unit, as `port:ID`, `network:ID`,
    `router:ID` or `firewall`, to one line that says why it could not be realised; everything else was.
    """

    changes: int = 0
    wired: set[str] = dataclasses.field(default_factory=set)
    missing: set[str] = dataclasses.field(default_factory=set)
    errors: dict[str, str] = dataclasses.field(default_factory=dict)

    def merge(self, other: "Applied") -> None:
        """Add what another capability did; `wired` is kept apart by the caller."""
        self.changes += other.changes
        self.missing |= other.missing
        self.errors.update(other.errors)


class Capability(Protocol):
    """The one verb."""

    def apply(self, desired: HostState, *, full: bool = False) -> Applied:
        """Make the host equal to `desired`.

        Without `full`, the driver trusts what it remembers of the host. With `full` (also the first call of a process)
        it reads the host again, repairs what others changed, and removes what is ours and not desired.
        A unit that fails is reported in `errors` and tried again by the next call; DriverError is raised
        only when nothing at all can be done.
        """
        ...


class Layer2(Capability, Protocol):
    """Bridges, tunnels and uplinks; puts taps into their bridge. `wired`: ports that are in it, `missing`: no tap yet."""

    def forget_device(self, name: str) -> None:
        """A device appeared or vanished (link monitor): look at it again in the next pass."""
        ...


class Firewall(Capability, Protocol):
    """Security groups and anti-spoofing, deny by default. `wired`: ports whose rules are loaded."""

    def prepare(self) -> None:
        """Load the part that denies by default; to be called before any bridge exists. DriverError if it cannot be."""
        ...


class Dhcp(Capability, Protocol):
    """A DHCP server per network."""


class Routing(Capability, Protocol):
    """Routers: addresses, routes, SNAT, floating IPs, router advertisements."""


class MetadataProxy(Capability, Protocol):
    """Listeners in the DHCP and router namespaces that pass metadata requests on, saying who asks."""

    def close(self) -> None:
        """Stop listening and end the threads."""
        ...


class LinkWatch(Protocol):
    """Tells when a device comes or goes, so that an agent need not poll."""

    def start(self, callback: Callable[[str, bool], None]) -> None:
        """Call `callback(device name, present)` from a thread of its own for each tap that comes or goes."""
        ...

    def stop(self) -> None:
        """End the thread."""
        ...


@dataclasses.dataclass(frozen=True)
class DriverConfig:
    """What the drivers must be told about their host (an agent fills it from its options).

    `netns` is the name of the namespace that plays the host (None: where this process runs); `prefix` is put before
    the name of each namespace we make, so that several hosts can share one machine in tests. `physical_networks`
    maps a name to a device or a bridge of the host. `metadata_url` is where metadata requests go,
    `metadata_secret` signs them.
    """

    state_dir: str
    local_ip: str
    netns: str | None = None
    prefix: str = ""
    vxlan_port: int = 4789
    physical_networks: Mapping[str, str] = dataclasses.field(default_factory=dict)
    metadata_url: str = "http://127.0.0.1:8775"
    metadata_secret: str = ""
    metadata_threads: int = 8
    dhcp_lease_s: int = 86400
    dns_forwarders: tuple[str, ...] = ()
