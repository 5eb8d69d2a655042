"""Counters of running servers, in both forms that the compute API has had."""

from typing import Any
from xml.etree import ElementTree as ET

import libvirt

from services.compute.drivers.base import DriverError
from services.compute.drivers.libvirt.host import Host
from services.compute.objects.report import Diagnostics
from services.compute.objects.server import PAUSED, RUNNING

_STATS = (
    libvirt.VIR_DOMAIN_STATS_STATE
    | libvirt.VIR_DOMAIN_STATS_CPU_TOTAL
    | libvirt.VIR_DOMAIN_STATS_BALLOON
    | libvirt.VIR_DOMAIN_STATS_VCPU
    | libvirt.VIR_DOMAIN_STATS_INTERFACE
    | libvirt.VIR_DOMAIN_STATS_BLOCK
)
_NIC = {
    "rx_octets": "rx.bytes",
    "rx_errors": "rx.errs",
    "rx_drop": "rx.drop",
    "rx_packets": "rx.pkts",
    "tx_octets": "tx.bytes",
    "tx_errors": "tx.errs",
    "tx_drop": "tx.drop",
    "tx_packets": "tx.pkts",
}
_DISK = {
    "read_bytes": "rd.bytes",
    "read_requests": "rd.reqs",
    "write_bytes": "wr.bytes",
    "write_requests": "wr.reqs",
    "errors_count": "errors",
}
_LEGACY_NIC = {
    "rx": "rx.bytes",
    "rx_packets": "rx.pkts",
    "rx_errors": "rx.errs",
    "rx_drop": "rx.drop",
    "tx": "tx.bytes",
    "tx_packets": "tx.pkts",
    "tx_errors": "tx.errs",
    "tx_drop": "tx.drop",
}
_LEGACY_DISK = {
    "read_req": "rd.reqs",
    "read": "rd.bytes",
    "write_req": "wr.reqs",
    "write": "wr.bytes",
    "errors": "errors",
}


class DiagnosticsSource:
    """See `base.DiagnosticsSource`."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def read(self, uuid: str) -> Diagnostics:
        """See `base.DiagnosticsSource.read`."""
        host = self._host
        domain = host.conn.domain(uuid)
        power = host.conn.power(domain)
        if power not in (RUNNING, PAUSED):
            raise DriverError(f"Server {uuid} is {power}; there are no diagnostics.")
        with host.conn.errors("Diagnostics could not be read"):
            stats: dict[str, Any] = host.conn.get().domainListGetStats([domain], _STATS)[0][1]
            uptime_s = stats.get("cpu.time", 0) // 10**9
        xml = host.xml(domain)
        return Diagnostics(standard(stats, xml, power, host.platform.virt_type, uptime_s), legacy(stats, xml))


def standard(
    stats: dict[str, Any], xml: ET.Element, power: str, hypervisor: str, uptime_s: int
) -> dict[str, Any]:
    """The form of microversion 2.48, from libvirt's bulk statistics (memory in MiB, CPU times in ns)."""
    macs = {
        t.get("dev"): m.get("address")
        for i in xml.findall("devices/interface")
        for t in i.findall("target")
        for m in i.findall("mac")
    }
    nics = [
        {
            "mac_address": macs.get(stats.get(f"net.{n}.name")),
            **_pick(stats, f"net.{n}.", _NIC),
            "rx_rate": None,
            "tx_rate": None,
        }
        for n in range(stats.get("net.count", 0))
    ]
    cpus = [
        {"id": n, "time": stats.get(f"vcpu.{n}.time"), "utilisation": None}
        for n in range(stats.get("vcpu.maximum", 0))
    ]
    disks = [_pick(stats, f"block.{n}.", _DISK) for n in range(stats.get("block.count", 0))]
    maximum, current = stats.get("balloon.maximum", 0), stats.get("balloon.current", 0)
    unused = stats.get("balloon.unused")
    return {
        "state": power,
        "driver": "libvirt",
        "hypervisor": hypervisor,
        "hypervisor_os": "linux",
        "uptime": uptime_s,
        "config_drive": xml.find("devices/disk[@device='cdrom']") is not None,
        "num_cpus": len(cpus),
        "num_nics": len(nics),
        "num_disks": len(disks),
        "cpu_details": cpus,
        "nic_details": nics,
        "disk_details": disks,
        "memory_details": {
            "maximum": maximum // 1024,
            "used": (current - unused if unused is not None else current) // 1024,
        },
    }


def legacy(stats: dict[str, Any], xml: ET.Element) -> dict[str, Any]:
    """The flat form before 2.48: keys made of device names, memory in KiB."""
    out: dict[str, Any] = {
        f"cpu{n}_time": stats.get(f"vcpu.{n}.time", 0) for n in range(stats.get("vcpu.maximum", 0))
    }
    out |= {
        "memory": stats.get("balloon.maximum", 0),
        "memory-actual": stats.get("balloon.current", 0),
        "memory-rss": stats.get("balloon.rss", 0),
    }
    for n in range(stats.get("net.count", 0)):
        out |= {
            f"{stats.get(f'net.{n}.name')}_{key}": stats.get(f"net.{n}.{name}", 0)
            for key, name in _LEGACY_NIC.items()
        }
    for n in range(stats.get("block.count", 0)):
        out |= {
            f"{stats.get(f'block.{n}.name')}_{key}": stats.get(f"block.{n}.{name}", -1)
            for key, name in _LEGACY_DISK.items()
        }
    return out


def _pick(stats: dict[str, Any], prefix: str, names: dict[str, str]) -> dict[str, Any]:
    return {key: stats.get(prefix + name, 0) for key, name in names.items()}
