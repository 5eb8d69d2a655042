"""What a network is on the wire: its segment, its tunnel peers, and who sits behind which host."""

import dataclasses

from common.wire import Wire

VXLAN, VLAN, FLAT = "vxlan", "vlan", "flat"


@dataclasses.dataclass(frozen=True, slots=True)
class Segment(Wire):
    """The layer-2 segment that carries one network.

    `kind` is vxlan, vlan or flat; `segmentation_id` the VNI or VLAN id; `physical_network` names
    an entry of the host's physical mapping (vlan, flat); `mtu` in bytes, as guests see it.
    """

    network_id: str
    kind: str
    segmentation_id: int | None = None
    physical_network: str | None = None
    mtu: int = 1500

    @property
    def bridge(self) -> str:
        """`brq` and the first 11 characters of the network id."""
        return f"brq{self.network_id[:11]}"


@dataclasses.dataclass(frozen=True, slots=True)
class TunnelPeers(Wire):
    """The tunnel addresses of the other hosts that have ports in this network: broadcast goes to each."""

    network_id: str
    hosts: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Neighbour(Wire):
    """A port on another host: frames to `mac` are tunnelled to the tunnel address `host`."""

    network_id: str
    mac: str
    host: str
    ips: tuple[str, ...] = ()
    port_id: str = ""
