"""The libvirt domain of a server, as a pure function of its spec and of the host's platform."""

import dataclasses
import os
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

from services.compute.drivers.base import Unsupported
from services.compute.drivers.libvirt import devices_xml, layout
from services.compute.drivers.libvirt.devices_xml import sub
from services.compute.objects.server import ServerSpec

NAMESPACE = "https://altostack.org/xmlns/compute/1"
VIDEO_MODELS = ("vga", "cirrus", "qxl", "virtio", "bochs", "vmvga", "none")
WATCHDOG_ACTIONS = ("disabled", "reset", "poweroff", "pause", "none")
_REFUSED = {
    "hw:numa_nodes": "NUMA topologies",
    "pci_passthrough:alias": "PCI devices",
    "resources:VGPU": "virtual GPUs",
    "hw:mem_encryption": "memory encryption",
    "hw:pmem": "persistent memory",
    "hw:cpu_realtime": "real-time CPUs",
    "hw:mem_page_size": "huge pages",
}
ET.register_namespace("altostack", NAMESPACE)


@dataclasses.dataclass(frozen=True)
class Platform:
    """What the host gives every guest; from configuration and probes."""

    virt_type: str
    machine: str
    cpu_mode: str
    cpu_model: str | None
    root_format: str
    cache: str
    vnc_listen: str | None
    hotplug_ports: int
    stats_period_s: int
    rng: bool
    initiator: str | None = None
    arch: str = "x86_64"


def build(spec: ServerSpec, platform: Platform, folder: str, serial_port: int | None = None) -> str:
    """The domain's XML. `folder` is the server's own; `serial_port` makes its serial console interactive over TCP.

    Unsupported when the flavor or the image asks for what cannot be given: never silently less.
    """
    _refuse(spec)
    machine = machine_of(spec, platform)
    root = ET.Element("domain", type=platform.virt_type)
    sub(root, "name", "instance-" + spec.uuid)
    sub(root, "uuid", spec.uuid)
    _metadata(root, spec)
    sub(root, "memory", spec.flavor.ram_mb * 1024, unit="KiB")
    sub(root, "currentMemory", spec.flavor.ram_mb * 1024, unit="KiB")
    # merged pages would let a guest measure what is in another's memory, so they stay apart whatever the kernel may merge
    sub(sub(root, "memoryBacking"), "nosharepages")
    sub(root, "vcpu", spec.flavor.vcpus, placement="static")
    _cputune(root, spec.flavor.extra_specs)
    _os(root, spec, platform, machine, folder)
    _features(root, spec)
    _cpu(root, spec, platform)
    _clock(root, spec, platform)
    for event, action in (("on_poweroff", "destroy"), ("on_reboot", "restart"), ("on_crash", "destroy")):
        sub(root, event, action)
    devices = sub(root, "devices")
    _disks(devices, spec, platform, machine, folder)
    _controllers(devices, spec, platform, machine)
    for card in spec.nics:
        devices.append(devices_xml.nic(card, spec.properties, spec.flavor))
    _consoles(devices, spec, platform, folder, serial_port)
    _extras(devices, spec, platform)
    return devices_xml.to_text(root)


def machine_of(spec: ServerSpec, platform: Platform) -> str:
    """The machine type: the image's wish, else the host's."""
    return str(spec.properties.get("hw_machine_type") or platform.machine)


def truthy(value: Any) -> bool:
    """How image properties and flavor extras spell yes."""
    return str(value).strip().lower() in ("1", "true", "yes", "on", "t", "y")


def _refuse(spec: ServerSpec) -> None:
    extra = spec.flavor.extra_specs
    for key, what in _REFUSED.items():
        if extra.get(key) and not (key == "hw:mem_page_size" and extra[key] in ("any", "small")):
            raise Unsupported(f"The flavor asks for {what} ({key}), which this hypervisor does not offer.")
    if extra.get("hw:cpu_policy", "shared") != "shared":
        raise Unsupported(
            "The flavor asks for dedicated CPUs (hw:cpu_policy), which this hypervisor does not offer."
        )


def _metadata(root: ET.Element, spec: ServerSpec) -> None:
    server = ET.SubElement(sub(root, "metadata"), f"{{{NAMESPACE}}}server")
    for tag, value in (
        ("name", spec.name),
        ("node", spec.node),
        ("project", spec.project_id),
        ("user", spec.user_id),
        ("flavor", spec.flavor.name),
        ("image", spec.image.id if spec.image else ""),
        ("rescued", "yes" if spec.rescue else "no"),
    ):
        ET.SubElement(server, f"{{{NAMESPACE}}}{tag}").text = value


def _cputune(root: ET.Element, extra: Mapping[str, str]) -> None:
    wanted = {
        "shares": extra.get("quota:cpu_shares"),
        "period": extra.get("quota:cpu_period"),
        "quota": extra.get("quota:cpu_quota"),
    }
    if any(wanted.values()):
        tune = sub(root, "cputune")
        for tag, value in wanted.items():
            if value:
                sub(tune, tag, value)


def _os(root: ET.Element, spec: ServerSpec, platform: Platform, machine: str, folder: str) -> None:
    properties = spec.properties
    firmware = properties.get("hw_firmware_type")
    if firmware not in (None, "bios", "uefi"):
        raise Unsupported(f"Image property hw_firmware_type={firmware} is not supported.")
    element = sub(root, "os", firmware="efi" if firmware == "uefi" else None)
    sub(element, "type", "hvm", arch=platform.arch, machine=machine)
    if firmware == "uefi":
        sub(element, "loader", secure="yes" if properties.get("os_secure_boot") == "required" else "no")
    if properties.get("kernel_id") and not spec.rescue:
        sub(element, "kernel", os.path.join(folder, layout.KERNEL))
        if properties.get("ramdisk_id"):
            sub(element, "initrd", os.path.join(folder, layout.RAMDISK))
        sub(
            element,
            "cmdline",
            properties.get("os_command_line") or "root=/dev/vda console=tty0 console=ttyS0",
        )
    if truthy(properties.get("hw_boot_menu") or spec.flavor.extra_specs.get("hw:boot_menu")):
        sub(element, "bootmenu", enable="yes", timeout=5000)
    sub(element, "smbios", mode="sysinfo")
    info = ET.Element("sysinfo", type="smbios")
    system = sub(info, "system")
    for name, value in (
        ("manufacturer", "Altostack"),
        ("product", "OpenStack Compute"),
        ("serial", spec.uuid),
        ("uuid", spec.uuid),
        ("family", "Virtual Machine"),
    ):
        sub(system, "entry", value, name=name)
    root.append(info)


def _features(root: ET.Element, spec: ServerSpec) -> None:
    features = sub(root, "features")
    sub(features, "acpi")
    sub(features, "apic")
    if spec.properties.get("os_secure_boot") == "required":
        sub(features, "smm", state="on")
    if truthy(
        spec.properties.get("img_hide_hypervisor_id") or spec.flavor.extra_specs.get("hide_hypervisor_id")
    ):
        sub(sub(features, "kvm"), "hidden", state="on")
    if spec.properties.get("os_type") == "windows":
        hyperv = sub(features, "hyperv")
        sub(hyperv, "relaxed", state="on")
        sub(hyperv, "vapic", state="on")
        sub(hyperv, "spinlocks", state="on", retries=8191)


def _cpu(root: ET.Element, spec: ServerSpec, platform: Platform) -> None:
    if platform.cpu_mode == "none":
        cpu = sub(root, "cpu")
    elif platform.cpu_mode == "custom":
        cpu = sub(root, "cpu", mode="custom", match="exact")
        sub(cpu, "model", platform.cpu_model, fallback="allow")
    else:
        cpu = sub(root, "cpu", mode=platform.cpu_mode)
    sub(cpu, "topology", **topology(spec))


def topology(spec: ServerSpec) -> dict[str, int]:
    """Sockets, cores and threads that make the flavor's vCPUs, by its extras (`hw:cpu_*`) or the image's `hw_cpu_*`."""

    def wish(name: str) -> int | None:
        value = spec.flavor.extra_specs.get(f"hw:cpu_{name}") or spec.properties.get(f"hw_cpu_{name}")
        return int(value) if value else None

    vcpus, threads = spec.flavor.vcpus, wish("threads") or 1
    sockets, cores = wish("sockets"), wish("cores")
    if sockets is None:
        sockets = vcpus // ((cores or 1) * threads)
    if cores is None:
        cores = vcpus // max(1, sockets * threads)
    if sockets * cores * threads != vcpus:
        raise Unsupported(f"{sockets} sockets x {cores} cores x {threads} threads do not make {vcpus} vCPUs.")
    return {"sockets": sockets, "cores": cores, "threads": threads}


def _clock(root: ET.Element, spec: ServerSpec, platform: Platform) -> None:
    windows = spec.properties.get("os_type") == "windows"
    element = sub(root, "clock", offset="localtime" if windows else "utc")
    if platform.virt_type == "kvm":
        sub(element, "timer", name="pit", tickpolicy="delay")
        sub(element, "timer", name="rtc", tickpolicy="catchup")
        if windows:
            sub(element, "timer", name="hypervclock", present="yes")
    sub(element, "timer", name="hpet", present="yes" if truthy(spec.properties.get("hw_time_hpet")) else "no")


def _disks(devices: ET.Element, spec: ServerSpec, platform: Platform, machine: str, folder: str) -> None:
    for slot in layout.slots(spec, machine, platform.root_format):
        if slot.volume:
            devices.append(devices_xml.volume_disk(slot, platform.initiator))
        else:
            devices.append(
                devices_xml.file_disk(slot, os.path.join(folder, slot.name), platform.cache, spec.flavor)
            )


def _controllers(devices: ET.Element, spec: ServerSpec, platform: Platform, machine: str) -> None:
    tablet = spec.properties.get("hw_pointer_model") == "usbtablet"
    usb_disk = "usb" in (layout.disk_bus(spec.properties), spec.properties.get("hw_cdrom_bus"))
    sub(devices, "controller", type="usb", index=0, model="qemu-xhci" if tablet or usb_disk else "none")
    if tablet:
        sub(devices, "input", type="tablet", bus="usb")
    if "q35" in machine:
        sub(devices, "controller", type="pci", index=0, model="pcie-root")
        for index in range(platform.hotplug_ports + 8):
            sub(devices, "controller", type="pci", index=index + 1, model="pcie-root-port")
    sub(
        devices,
        "controller",
        type="scsi",
        index=0,
        model=spec.properties.get("hw_scsi_model") or "virtio-scsi",
    )


def _consoles(
    devices: ET.Element, spec: ServerSpec, platform: Platform, folder: str, serial_port: int | None
) -> None:
    if serial_port is None:
        serial = sub(devices, "serial", type="pty")
    else:
        serial = sub(devices, "serial", type="tcp")
        sub(serial, "source", mode="bind", host=platform.vnc_listen or "127.0.0.1", service=serial_port)
        sub(serial, "protocol", type="raw")
    sub(serial, "log", file=os.path.join(folder, layout.CONSOLE_LOG), append="on")
    sub(serial, "target", port=0)
    model = str(spec.properties.get("hw_video_model") or ("vga" if platform.vnc_listen else "none"))
    if model not in VIDEO_MODELS:
        raise Unsupported(f"Image property hw_video_model={model} is not supported.")
    if platform.vnc_listen and model != "none":
        graphics = sub(devices, "graphics", type="vnc", port=-1, autoport="yes")
        sub(graphics, "listen", type="address", address=platform.vnc_listen)
    video = sub(devices, "video")
    memory_mb = spec.properties.get("hw_video_ram")
    sub(video, "model", type=model, vram=int(memory_mb) * 1024 if memory_mb and model != "none" else None)


def _extras(devices: ET.Element, spec: ServerSpec, platform: Platform) -> None:
    extra, properties = spec.flavor.extra_specs, spec.properties
    if truthy(properties.get("hw_qemu_guest_agent")):
        channel = sub(devices, "channel", type="unix")
        sub(channel, "source", mode="bind")
        sub(channel, "target", type="virtio", name="org.qemu.guest_agent.0")
    if platform.rng and truthy(extra.get("hw_rng:allowed", "true")):
        rng = sub(devices, "rng", model="virtio")
        if extra.get("hw_rng:rate_bytes"):
            sub(rng, "rate", bytes=extra["hw_rng:rate_bytes"], period=extra.get("hw_rng:rate_period", 1000))
        sub(rng, "backend", "/dev/urandom", model="random")
    balloon = sub(devices, "memballoon", model="virtio")
    if platform.stats_period_s:
        sub(balloon, "stats", period=platform.stats_period_s)
    action = str(properties.get("hw_watchdog_action") or extra.get("hw:watchdog_action") or "disabled")
    if action not in WATCHDOG_ACTIONS:
        raise Unsupported(f"Watchdog action {action} is not supported.")
    if action != "disabled":
        sub(devices, "watchdog", model="i6300esb", action=action)
