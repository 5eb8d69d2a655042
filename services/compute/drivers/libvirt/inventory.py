"""What this host has, as the scheduler and the hypervisors API want to know it."""

import os
from typing import Any
from xml.etree import ElementTree as ET

from common import process
from services.compute.drivers.base import ServerNotFound
from services.compute.drivers.libvirt.host import Host
from services.compute.objects.report import NodeReport, connector

GIB = 1024**3
_TRAITS = (
    "COMPUTE_NODE",
    "COMPUTE_DEVICE_TAGGING",
    "COMPUTE_NET_ATTACH_INTERFACE",
    "COMPUTE_VOLUME_ATTACH_WITH_TAG",
    "COMPUTE_NET_ATTACH_INTERFACE_WITH_TAG",
    "COMPUTE_VOLUME_EXTEND",
    "COMPUTE_VOLUME_MULTI_ATTACH",
    "COMPUTE_RESCUE_BFV",
    "COMPUTE_IMAGE_TYPE_QCOW2",
    "COMPUTE_IMAGE_TYPE_RAW",
    "COMPUTE_IMAGE_TYPE_VMDK",
    "COMPUTE_IMAGE_TYPE_VDI",
    "COMPUTE_IMAGE_TYPE_VHD",
    "COMPUTE_IMAGE_TYPE_VHDX",
    "COMPUTE_IMAGE_TYPE_AMI",
    "COMPUTE_IMAGE_TYPE_AKI",
    "COMPUTE_IMAGE_TYPE_ARI",
    "COMPUTE_STORAGE_BUS_VIRTIO",
    "COMPUTE_STORAGE_BUS_SCSI",
    "COMPUTE_STORAGE_BUS_IDE",
    "COMPUTE_STORAGE_BUS_SATA",
    "COMPUTE_NET_VIF_MODEL_VIRTIO",
    "COMPUTE_NET_VIF_MODEL_E1000",
    "COMPUTE_NET_VIF_MODEL_RTL8139",
    "COMPUTE_GRAPHICS_MODEL_VGA",
    "COMPUTE_GRAPHICS_MODEL_VIRTIO",
    "COMPUTE_GRAPHICS_MODEL_CIRRUS",
)
_CPU_TRAITS = {
    "aes": "AESNI",
    "avx": "AVX",
    "avx2": "AVX2",
    "avx512f": "AVX512F",
    "bmi1": "BMI",
    "bmi2": "BMI2",
    "f16c": "F16C",
    "fma": "FMA3",
    "mmx": "MMX",
    "sha_ni": "SHA",
    "sse": "SSE",
    "sse2": "SSE2",
    "pni": "SSE3",
    "ssse3": "SSSE3",
    "sse4_1": "SSE41",
    "sse4_2": "SSE42",
    "svm": "SVM",
    "vmx": "VMX",
}


class Inventory:
    """See `base.Inventory`."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def nodes(self) -> list[str]:
        """See `base.Inventory.nodes`."""
        if self._host.conf.node_name:
            return [str(self._host.conf.node_name)]
        with self._host.conn.errors():
            return [self._host.conn.get().getHostname()]

    def connector(self, name: str) -> dict[str, Any]:
        """See `base.Inventory.connector`."""
        conf, initiator = self._host.conf, self._host.platform.initiator
        return connector(name, str(conf.console_address), initiator or "")

    def node(self, name: str) -> NodeReport:
        """See `base.Inventory.node`."""
        host = self._host
        if name not in self.nodes():
            raise ServerNotFound(f"{name} is not a node of this host.")
        with host.conn.errors("The host's inventory could not be read"):
            conn = host.conn.get()
            model, memory_mb, vcpus, mhz, _numa, sockets, cores, threads = conn.getInfo()
            version, running = conn.getVersion(), conn.numOfDomains()
            capabilities = ET.fromstring(conn.getCapabilities())
        flags = _cpu_flags()
        os.makedirs(host.disks.root, exist_ok=True)
        disk = os.statvfs(host.disks.root)
        total, free = disk.f_blocks * disk.f_frsize, disk.f_bavail * disk.f_frsize
        return NodeReport(
            node=name,
            vcpus=vcpus,
            memory_mb=memory_mb,
            disk_gb=total // GIB,
            memory_mb_used=_memory_used_mb(host, memory_mb),
            disk_gb_used=(total - free) // GIB,
            disk_available_least=(free - host.disks.overcommit()) // GIB,
            hypervisor_type="QEMU",
            hypervisor_version=version,
            host_ip=str(host.conf.console_address),
            uptime=_uptime(),
            running_servers=running,
            cpu_info=_cpu_info(capabilities, model, mhz, sockets, cores, threads, flags),
            supported=_supported(capabilities, host),
            traits=(
                *_TRAITS,
                *sorted("HW_CPU_X86_" + trait for flag, trait in _CPU_TRAITS.items() if flag in flags),
            ),
        )


def _cpu_info(
    capabilities: ET.Element, model: str, mhz: int, sockets: int, cores: int, threads: int, flags: set[str]
) -> dict[str, Any]:
    cpu = capabilities.find("host/cpu")
    assert cpu is not None
    return {
        "arch": cpu.findtext("arch") or model,
        "model": cpu.findtext("model") or model,
        "vendor": cpu.findtext("vendor") or "",
        "mhz": mhz,
        "topology": {"cells": 1, "sockets": sockets, "cores": cores, "threads": threads},
        "features": sorted(flags),
    }


def _supported(capabilities: ET.Element, host: Host) -> tuple[tuple[str, ...], ...]:
    """(architecture, virtualization type, `hvm`) of every guest this host can really run."""
    out = []
    for guest in capabilities.findall("guest"):
        arch = guest.find("arch")
        if arch is None:
            continue
        for domain in arch.findall("domain"):
            kind = domain.get("type", "")
            if kind == "qemu" or kind == host.platform.virt_type:
                out.append((arch.get("name", ""), kind, guest.findtext("os_type") or "hvm"))
    return tuple(out)


def _memory_used_mb(host: Host, total_mb: int) -> int:
    values = {}
    with open("/proc/meminfo") as f:
        for line in f:
            key, _, value = line.partition(":")
            values[key] = int(value.split()[0])
    return int(max(total_mb - values.get("MemAvailable", 0) // 1024, host.conf.reserved_host_memory_mb))


def _cpu_flags() -> set[str]:
    with open("/proc/cpuinfo") as f:
        return next((set(line.partition(":")[2].split()) for line in f if line.startswith("flags")), set())


def _uptime() -> str | None:
    try:
        return process.run(["uptime"]).strip()
    except process.CommandError:
        return None
