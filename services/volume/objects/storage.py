"""What a storage back end tells the rest of the service about itself."""

import dataclasses
from typing import Any

GIB = 1024**3


@dataclasses.dataclass(frozen=True)
class StoredVolume:
    """One volume found on a back end; `connections` are the attachment keys it is exported to."""

    volume_id: str
    size_bytes: int
    connections: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class StoredSnapshot:
    """One snapshot found on a back end; `volume_id` is None where the back end does not remember its origin."""

    snapshot_id: str
    size_bytes: int
    volume_id: str | None = None


@dataclasses.dataclass(frozen=True)
class PoolStats:
    """Capacity and abilities of one pool; sizes in GiB, `provisioned` counts promised, `allocated` all volumes."""

    volume_backend_name: str
    storage_protocol: str
    driver_version: str
    total_capacity_gb: float
    free_capacity_gb: float
    allocated_capacity_gb: float
    provisioned_capacity_gb: float
    max_over_subscription_ratio: float
    reserved_percentage: int
    thin_provisioning_support: bool
    thick_provisioning_support: bool
    multiattach: bool
    online_extend_support: bool
    vendor_name: str = "Open Source"
    location_info: str = ""

    def capabilities(self) -> dict[str, Any]:
        """The `capabilities` of one pool as block storage lists it (get_pools with details)."""
        shown = dataclasses.asdict(self)
        shown |= {
            "pool_name": self.volume_backend_name,
            # The API shows the ratio as a text.
            "max_over_subscription_ratio": f"{self.max_over_subscription_ratio:.1f}",
            "QoS_support": False,
            "consistencygroup_support": False,
            "consistent_group_snapshot_enabled": False,
            "replication_enabled": False,
            "backend_state": "up",
            "filter_function": None,
            "goodness_function": None,
        }
        return shown


@dataclasses.dataclass(frozen=True)
class Connector:
    """Who wants to use a volume: the host's name, address and iSCSI initiator name, as compute reports them."""

    host: str | None = None
    ip: str | None = None
    initiator: str | None = None

    @classmethod
    def from_dict(cls, connector: dict[str, Any]) -> "Connector":
        """The known keys of a connector as the API receives it; the rest is not needed."""
        return cls(host=connector.get("host"), ip=connector.get("ip"), initiator=connector.get("initiator"))
