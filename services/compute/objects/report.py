"""What a host says about itself and its servers."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from common.wire import Wire


@dataclasses.dataclass(frozen=True, slots=True)
class Endpoint(Wire):
    """Where a console of a server listens, seen from the console proxy."""

    type: str
    host: str
    port: int


@dataclasses.dataclass(frozen=True, slots=True)
class ServerReport(Wire):
    """The real state of one server.

    `power` is running, stopped, paused, suspended, crashed or absent. `devices` maps volume ids to device names
    (`/dev/vdb`), `root_device` is where the root disk is. `rescued` tells whether it runs from a rescue image; `fault`
    why the guest is not as wanted, when the hypervisor knows.
    """

    uuid: str
    power: str
    node: str = ""
    name: str = ""
    fault: str | None = None
    consoles: tuple[Endpoint, ...] = ()
    devices: Mapping[str, str] = dataclasses.field(default_factory=dict)
    taps: tuple[str, ...] = ()
    root_device: str | None = None
    rescued: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class HostServer(Wire):
    """One server found on a node, whether anybody wants it or not; `leftover` means only files, no domain."""

    uuid: str
    power: str
    node: str
    name: str = ""
    leftover: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class NodeReport(Wire):
    """Capacity and nature of one node. Memory in MiB, disk in GiB, uptime in the form of uptime(1).

    `used` values are what the host itself consumes now (not what is allocated). `hypervisor_version` is an integer,
    1000000 * major + 1000 * minor + micro.
    """

    node: str
    vcpus: int
    memory_mb: int
    disk_gb: int
    memory_mb_used: int
    disk_gb_used: int
    disk_available_least: int
    hypervisor_type: str
    hypervisor_version: int
    host_ip: str
    uptime: str | None
    running_servers: int
    cpu_info: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    supported: tuple[tuple[str, ...], ...] = ()
    traits: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class DiskFile(Wire):
    """A disk image in a file: `size` and `virtual_size` in bytes."""

    path: str
    disk_format: str
    size: int
    virtual_size: int
    name: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Diagnostics(Wire):
    """Counters of a running server, `standard` in the form of compute API 2.48 and `legacy` in the one before."""

    standard: Mapping[str, Any]
    legacy: Mapping[str, Any]


def connector(node: str, ip: str, initiator: str) -> dict[str, Any]:
    """The connector document of a node, in block storage's form."""
    return {
        "host": node,
        "ip": ip,
        "initiator": initiator,
        "multipath": False,
        "platform": "x86_64",
        "os_type": "linux",
    }
