"""A stand-alone copy of a server's root disk, while the guest runs or not.

A running guest's disk is copied by QEMU's own backup job: the copy is the disk as it was when the job began, whatever the
guest writes meanwhile, and no overlay has to be merged back afterwards.
"""

import contextlib
import os
from xml.etree import ElementTree as ET

import libvirt

from services.compute.drivers.base import DriverError, NotQuiesced, Unsupported
from services.compute.drivers.libvirt import layout, qemu_img
from services.compute.drivers.libvirt.devices_xml import sub, to_text
from services.compute.drivers.libvirt.guest import Guest
from services.compute.drivers.libvirt.host import Host
from services.compute.objects.report import DiskFile

FORMATS = ("qcow2", "raw")
JOB_TIMEOUT_S = 4 * 3600


def take(host: Host, uuid: str, path: str, disk_format: str, must_quiesce: bool = False) -> DiskFile:
    """See `base.Disks.snapshot`."""
    if disk_format not in FORMATS:
        raise Unsupported(
            f"Snapshots of format {disk_format} are not supported; use one of {', '.join(FORMATS)}."
        )
    source = host.disks.path(uuid, layout.ROOT)
    if not os.path.exists(source):
        raise DriverError(f"Server {uuid} has no root disk on this host.")
    domain = host.conn.domain(uuid)
    limits = qemu_img.Limits(host.conf.image_convert_memory_mb, host.conf.image_convert_cpu_s)
    try:
        if host.active(domain):
            if disk_format == "qcow2":
                _backup(host, uuid, domain, source, path, must_quiesce)
            else:
                _backup_raw(host, uuid, domain, source, path, must_quiesce, limits)
        else:
            qemu_img.convert(source, host.disks.root_format, path, disk_format, limits)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        raise
    info = qemu_img.info(path, disk_format)
    return DiskFile(path, disk_format, os.path.getsize(path), info.virtual_size, layout.ROOT)


def _backup_raw(
    host: Host,
    uuid: str,
    domain: libvirt.virDomain,
    source: str,
    path: str,
    must_quiesce: bool,
    limits: qemu_img.Limits,
) -> None:
    """Through a qcow2 file, since a backup job writes every zero of a raw one."""
    between = path + ".qcow2"
    try:
        _backup(host, uuid, domain, source, between, must_quiesce)
        qemu_img.convert(between, "qcow2", path, "raw", limits)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(between)


def _backup(
    host: Host, uuid: str, domain: libvirt.virDomain, source: str, path: str, must_quiesce: bool
) -> None:
    root, found = ET.Element("domainbackup", mode="push"), False
    disks = sub(root, "disks")
    for disk in host.xml(domain).findall("devices/disk"):
        target, file = disk.find("target"), disk.find("source")
        if target is None:
            continue
        if file is not None and file.get("file") == source:
            chosen = sub(disks, "disk", name=target.get("dev"), backup="yes", type="file")
            sub(chosen, "target", file=path)
            sub(chosen, "driver", type="qcow2")
            found = True
        else:
            sub(disks, "disk", name=target.get("dev"), backup="no")
    if not found:
        raise DriverError(f"The root disk of server {uuid} is not attached to its guest.")
    guest = Guest(host)
    if not guest.freeze(uuid) and must_quiesce:
        raise NotQuiesced(f"The file systems of server {uuid} could not be frozen (os_require_quiesce).")
    try:
        with host.conn.errors("The snapshot could not be started"):
            domain.backupBegin(to_text(root), None, 0)
    finally:
        guest.thaw(uuid)
    _wait(host, domain)


def _wait(host: Host, domain: libvirt.virDomain) -> None:
    def done() -> bool:
        with host.conn.errors("The snapshot failed"):
            return domain.jobInfo()[0] == libvirt.VIR_DOMAIN_JOB_NONE

    if not host.conn.wait(done, JOB_TIMEOUT_S):
        with host.conn.errors():
            domain.abortJob()
        raise DriverError(f"The snapshot took more than {JOB_TIMEOUT_S} s and was given up.")
    with host.conn.errors("The snapshot failed"):
        stats = domain.jobStats(libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED)
    if stats.get("type") != libvirt.VIR_DOMAIN_JOB_COMPLETED:
        raise DriverError(f"The snapshot failed: {stats.get('errmsg', 'the guest stopped meanwhile')}")
