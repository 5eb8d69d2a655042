"""Assembling the libvirt driver from configuration and from what the host can do."""

import os
import socket

from oslo_config import cfg

from services.compute.drivers import base
from services.compute.drivers.libvirt import consoles, devices, kvm, qemu_img
from services.compute.drivers.libvirt.connection import Connection
from services.compute.drivers.libvirt.diagnostics import DiagnosticsSource
from services.compute.drivers.libvirt.domain_xml import Platform
from services.compute.drivers.libvirt.guest import Guest
from services.compute.drivers.libvirt.host import Host
from services.compute.drivers.libvirt.image_cache import ImageCache
from services.compute.drivers.libvirt.inventory import Inventory
from services.compute.drivers.libvirt.lifecycle import Lifecycle
from services.compute.drivers.libvirt.live import Live
from services.compute.drivers.libvirt.local_disks import LocalDisks
from services.compute.drivers.libvirt.resize import Resize
from services.compute.objects.server import ImageSpec


class Housekeeping:
    """See `base.Housekeeping`."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def prefetch(self, image: ImageSpec) -> None:
        """See `base.Housekeeping.prefetch`."""
        self._host.disks.cache.prefetch(image)

    def sweep(self) -> list[str]:
        """See `base.Housekeeping.sweep`."""
        consoles.trim(self._host)
        return self._host.disks.cache.sweep()


def build(conf: cfg.ConfigOpts, fetch_image: base.ImageFetcher) -> base.Driver:
    """The libvirt driver for the `[libvirt]` section `conf`; libvirtd need not answer yet."""
    os.makedirs(conf.images_path, exist_ok=True)
    limits = qemu_img.Limits(conf.image_convert_memory_mb, conf.image_convert_cpu_s)
    cache = ImageCache(conf.images_path, fetch_image, limits, conf.image_cache_age_s)
    disks = LocalDisks(conf.images_path, cache, conf.images_type, limits)
    host = Host(conf, Connection(conf.uri), disks, platform(conf))
    lifecycle = Lifecycle(host)
    return base.Driver(
        name="libvirt",
        lifecycle=lifecycle,
        inventory=Inventory(host),
        consoles=consoles.Consoles(host),
        disks=devices.Disks(host),
        nics=devices.Nics(host),
        resize=Resize(host, lifecycle),
        guest=Guest(host),
        diagnostics=DiagnosticsSource(host),
        housekeeping=Housekeeping(host),
        live=Live(host, lifecycle),
    )


def platform(conf: cfg.ConfigOpts) -> Platform:
    """What guests get on this host: probes where the configuration says `auto`."""
    virt_type = conf.virt_type
    if virt_type == "auto":
        virt_type = "kvm" if kvm.works(conf.kvm_probe_timeout_s) else "qemu"
    hardware = virt_type == "kvm"
    cpu_mode = ("host-model" if hardware else "maximum") if conf.cpu_mode == "auto" else conf.cpu_mode
    if cpu_mode == "custom" and not conf.cpu_model:
        raise base.DriverError("[libvirt] cpu_mode is custom but cpu_model is not set.")
    cache = conf.disk_cache
    if cache == "auto":
        cache = "none" if qemu_img.supports_direct_io(conf.images_path) else "writeback"
    return Platform(
        virt_type=virt_type,
        machine=("q35" if hardware else "pc") if conf.machine_type == "auto" else conf.machine_type,
        cpu_mode=cpu_mode,
        cpu_model=conf.cpu_model,
        root_format=conf.images_type,
        cache=cache,
        vnc_listen=str(conf.vnc_listen) if conf.vnc_enabled else None,
        hotplug_ports=conf.hotplug_ports,
        stats_period_s=conf.stats_period_s,
        rng=conf.rng,
        initiator=conf.initiator_name or _initiator(),
    )


def _initiator() -> str:
    """This host's iSCSI name: the one of its iSCSI tools, else one made of its host name."""
    try:
        with open("/etc/iscsi/initiatorname.iscsi") as f:
            for line in f:
                key, _, value = line.partition("=")
                if key.strip() == "InitiatorName" and value.strip():
                    return value.strip()
    except OSError:
        pass
    return "iqn.2026-11.org.altostack:" + socket.gethostname().lower()
