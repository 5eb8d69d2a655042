"""What a server should be on its host: the whole desired state, as the conductor tells it to an agent.

A driver makes a host equal to a `ServerSpec`; nothing else is needed to build the server from nothing, so a spec holds
secrets (CHAP, admin password) and must not be logged.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from common.wire import Wire

RUNNING, STOPPED, PAUSED, SUSPENDED = "running", "stopped", "paused", "suspended"
CRASHED, ABSENT = "crashed", "absent"
WANTED = (RUNNING, STOPPED, PAUSED, SUSPENDED)


@dataclasses.dataclass(frozen=True, slots=True)
class FlavorSpec(Wire):
    """Sizes of a server: `ram_mb` and `swap_mb` in MiB, `root_gb` and `ephemeral_gb` in GiB (root 0: the image's size)."""

    vcpus: int
    ram_mb: int
    root_gb: int = 0
    ephemeral_gb: int = 0
    swap_mb: int = 0
    name: str = ""
    extra_specs: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class ImageSpec(Wire):
    """The image a root disk is made of; `checksum` is its MD5 and `os_hash_value` its multihash (None: not checked)."""

    id: str
    disk_format: str = "qcow2"
    min_disk: int = 0
    checksum: str | None = None
    os_hash_algo: str | None = None
    os_hash_value: str | None = None
    properties: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def of_record(cls, image: Mapping[str, Any]) -> "ImageSpec":
        """From what a server's request, or a message, remembers of an image."""
        return cls(id=image["id"], disk_format=image.get("disk_format") or "raw", min_disk=image.get("min_disk") or 0,
                   checksum=image.get("checksum"), os_hash_algo=image.get("os_hash_algo"),
                   os_hash_value=image.get("os_hash_value"), properties=image.get("properties") or {})


@dataclasses.dataclass(frozen=True, slots=True)
class NicSpec(Wire):
    """One network card, made for one port; `ips` are its fixed addresses."""

    port_id: str
    network_id: str
    mac: str
    ips: tuple[str, ...] = ()
    mtu: int = 1500
    vnic_type: str = "normal"
    tag: str | None = None

    @property
    def bridge(self) -> str:
        """The Linux bridge of the network on the host, shared with the network agent."""
        return "brq" + self.network_id[:11]

    @property
    def tap(self) -> str:
        """The tap device of the port on the host, filtered by the network agent."""
        return "tap" + self.port_id[:11]


@dataclasses.dataclass(frozen=True, slots=True)
class VolumeSpec(Wire):
    """One attached volume; `connection_info` is what block storage gives for this host (`driver_volume_type`, `data`).

    `device` is the name asked for or assigned before (`vdb` or `/dev/vdb`; None: the next free one).
    """

    volume_id: str
    connection_info: Mapping[str, Any]
    attachment_id: str | None = None
    device: str | None = None
    boot_index: int | None = None
    bus: str | None = None
    device_type: str = "disk"
    delete_on_termination: bool = False
    tag: str | None = None

    @property
    def target(self) -> str | None:
        """`device` without its directory: `vdb`."""
        return self.device.rpartition("/")[2] if self.device else None


@dataclasses.dataclass(frozen=True, slots=True)
class RescueSpec(Wire):
    """A server started from `image` with its own root disk as the second one."""

    image: ImageSpec
    admin_pass: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class ServerSpec(Wire):
    """The desired state of one server on one node.

    A server with a volume of `boot_index` 0 boots from it and has no root disk; its `image` may be None, or carry the
    properties that the volume was made with. `metadata` holds the documents of the
    configuration drive by name: `meta_data`, `network_data`, `vendor_data`, `vendor_data2` (OpenStack form) and `ec2`.
    `user_data` is base64, `files` maps absolute paths in the guest to base64 contents. `power` is one of WANTED.
    """

    uuid: str
    flavor: FlavorSpec
    name: str = ""
    hostname: str = ""
    node: str = ""
    project_id: str = ""
    user_id: str = ""
    image: ImageSpec | None = None
    nics: tuple[NicSpec, ...] = ()
    volumes: tuple[VolumeSpec, ...] = ()
    config_drive: bool = False
    admin_pass: str | None = None
    user_data: str | None = None
    metadata: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    files: Mapping[str, str] = dataclasses.field(default_factory=dict)
    power: str = RUNNING
    rescue: RescueSpec | None = None

    @property
    def properties(self) -> Mapping[str, Any]:
        """The properties of the image, empty when booted from a volume without them."""
        return self.image.properties if self.image else {}

    @property
    def boot_volume(self) -> VolumeSpec | None:
        """The volume that the server boots from, if any."""
        return next((v for v in self.volumes if v.boot_index == 0), None)
