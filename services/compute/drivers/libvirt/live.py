"""Live migration: libvirt's own protocol and QEMU's streams, each through a UNIX socket that the agents carry between hosts.

libvirtd of the source talks to libvirtd of the destination through `libvirt.sock`, QEMU sends memory through `migrate.sock`
and disks through `nbd.sock`; all three stand in a folder whose name nobody can guess and that is the same on both hosts,
since libvirt gives one path to both ends. No daemon listens on a network for it.
"""

import contextlib
import hashlib
import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET

import libvirt

from common import ids
from services.compute.drivers.base import DriverError, MigrationAborted, ServerNotFound, Unsupported, Watcher
from services.compute.drivers.libvirt import (
    bridges,
    consoles,
    devices,
    devices_xml,
    domain_xml,
    layout,
    local_disks,
    qemu_img,
    swap,
)
from services.compute.drivers.libvirt.host import Host, program_errors, volume_of
from services.compute.drivers.libvirt.lifecycle import Lifecycle
from services.compute.drivers.libvirt.progress import Progress
from services.compute.objects.report import ServerReport
from services.compute.objects.server import ServerSpec

LOG = logging.getLogger(__name__)
SOCKETS = "/run/altostack-moves"
_LIBVIRT_SOCKETS = ("/run/libvirt/virtqemud-sock", "/run/libvirt/libvirt-sock")
_FLAGS = (libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_PEER2PEER | libvirt.VIR_MIGRATE_UNDEFINE_SOURCE
          | libvirt.VIR_MIGRATE_PERSIST_DEST | libvirt.VIR_MIGRATE_ABORT_ON_ERROR)


_HANDED_OVER = (libvirt.VIR_DOMAIN_EVENT_SUSPENDED, libvirt.VIR_DOMAIN_EVENT_SUSPENDED_MIGRATED)


class Live:
    """See `base.Live`."""

    def __init__(self, host: Host, lifecycle: Lifecycle) -> None:
        self._host, self._lifecycle = host, lifecycle

    # source, before

    def probe(self, uuid: str) -> dict[str, Any]:
        """See `base.Live.probe`. A marker in the disks' folder tells the destination whether it sees the same folder."""
        host = self._host
        with host.locks.hold(uuid):
            domain = host.conn.domain(uuid)
            if not host.active(domain):
                raise DriverError(f"Server {uuid} does not run.")
            xml, folder = host.xml(domain), host.disks.folder(uuid)
            block = {os.path.basename(path): target for path, target in _writable_files(xml, folder)}
            found: dict[str, Any] = {"folder": folder, "marker": self._mark(uuid), "disks": [], "machine": _machine(xml)}
            if os.path.isdir(folder):
                for disk in host.disks.files(uuid, "", everything=True):
                    item = {"name": disk.name, "size": disk.size, "block": disk.name in block}
                    if item["block"]:
                        item |= {"target": block[disk.name], "format": disk.disk_format, "size": disk.virtual_size}
                        base = disk.path + local_disks.BASE
                        if os.path.exists(base):
                            item["base"] = "raw" if local_disks.virtual_size_of(base) is None else "qcow2"
                    found["disks"].append(item)
            return found

    def _mark(self, uuid: str) -> str:
        path, secret = self._marker(uuid), ids.secret(32)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as f:
            f.write(secret)
        return secret

    def _marker(self, uuid: str) -> str:
        return os.path.join(self._host.disks.root, f".moving-{uuid}")

    def _shared(self, uuid: str, found: Mapping[str, Any]) -> bool:
        try:
            with open(self._marker(uuid)) as f:
                return f.read() == found["marker"]
        except FileNotFoundError:
            return False

    # destination, before

    def receive(self, spec: ServerSpec, found: Mapping[str, Any], block: bool | None, full_size: bool) -> dict[str, Any]:
        """See `base.Live.receive`."""
        host, shared = self._host, self._shared(spec.uuid, found)
        copied = [d for d in found["disks"] if d["block"]]
        if shared and block:
            raise DriverError("Block migration can not be used with shared storage.")
        if copied and not shared and block is False:
            raise DriverError("The hosts have no shared storage: the server's disks must be copied (block migration).")
        domain_xml.build(spec, host.platform, host.disks.folder(spec.uuid))  # first, since it refuses what cannot be had
        with host.locks.hold(spec.uuid), program_errors():
            if host.conn.find(spec.uuid) is not None:
                raise DriverError(f"Server {spec.uuid} exists on this host already.")
            if not shared:
                host.disks.check_space(sum(int(d["size"]) for d in found["disks"] if full_size or not d["block"]))
                self._make_disks(spec.uuid, copied)
            for volume in spec.volumes:
                devices.define_secret(host, volume)
            for card in spec.nics:
                bridges.ensure(card.bridge, card.mtu)
            folder = _socket_folder(found)
            _make_socket_folder(folder)
            names = {name: os.path.join(folder, name + ".sock") for name in ("libvirt", "migrate", "nbd")}
            return {
                "shared": shared, "folder": host.disks.folder(spec.uuid), "node": spec.node,
                "files": [] if shared else [d["name"] for d in found["disks"] if not d["block"]],
                "copied": [] if shared else [d["target"] for d in copied],
                "channels": names, "ends": {**names, "libvirt": self._libvirt_socket()},
                "listen": host.platform.vnc_listen,
                "serial_port": consoles.free_port(host) if host.conf.serial_console_enabled else None,
                "volumes": {v.volume_id: self._volume(spec, v) for v in spec.volumes},
            }

    def _make_disks(self, uuid: str, copied: list[Mapping[str, Any]]) -> None:
        """Empty disks of the same sizes and formats, on the same bases, for QEMU to fill."""
        disks = self._host.disks
        disks.remove(uuid)
        os.makedirs(disks.folder(uuid), mode=0o755)
        for disk in copied:
            path = disks.path(uuid, local_disks.checked(disk["name"]))
            base = (disk["name"] + local_disks.BASE, disk["base"]) if disk.get("base") else None
            qemu_img.create(path, int(disk["size"]), disk["format"], base)
            os.chmod(path, 0o600)

    def _volume(self, spec: ServerSpec, volume: Any) -> str:
        bus = layout.bus_of_volume(volume, spec.properties)
        slot = layout.Slot("", volume.target or "", bus, "raw", device=volume.device_type, volume=volume)
        return devices_xml.to_text(devices_xml.volume_disk(slot, self._host.platform.initiator))

    def _libvirt_socket(self) -> str:
        """Where this host's libvirtd listens locally."""
        named = parse_qs(urlsplit(self._host.conf.uri).query).get("socket")
        known = [*named] if named else [path for path in _LIBVIRT_SOCKETS if os.path.exists(path)]
        if not known:
            raise Unsupported(f"libvirtd's socket is not known: [libvirt] uri is {self._host.conf.uri}.")
        return known[0]

    def known(self, spec: ServerSpec, name: str, size: int) -> bool:
        """See `base.Resize.known`."""
        return self._host.disks.link_known(spec, name, size, "")

    def store(self, spec: ServerSpec, name: str, size: int, frames: Iterable[tuple[int, bytes]]) -> None:
        """See `base.Resize.receive`."""
        self._host.disks.store(spec.uuid, name, size, frames, "")

    # source, the move

    def make_way(self, plan: Mapping[str, Any]) -> None:
        """See `base.Live.make_way`."""
        _make_socket_folder(os.path.dirname(next(iter(plan["channels"].values()))))

    def send(self, uuid: str, plan: Mapping[str, Any], watch: Watcher, switching: Callable[[], None]) -> dict[str, Any]:
        """See `base.Live.send`."""
        host = self._host
        with host.locks.hold(uuid):
            domain = host.conn.find(uuid)
            if domain is None or not host.active(domain):
                return {"gone": True}
            with host.conn.errors():
                live = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_MIGRATABLE | libvirt.VIR_DOMAIN_XML_SECURE)
                kept = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_MIGRATABLE
                                      | libvirt.VIR_DOMAIN_XML_SECURE)
            source_folder = host.disks.folder(uuid)
            params: dict[str, Any] = {
                libvirt.VIR_MIGRATE_PARAM_DEST_XML: at_destination(live, plan, source_folder),
                libvirt.VIR_MIGRATE_PARAM_PERSIST_XML: at_destination(kept, plan, source_folder),
                libvirt.VIR_MIGRATE_PARAM_URI: "unix://" + plan["channels"]["migrate"],
            }
            flags = _FLAGS
            if plan["copied"]:
                flags |= libvirt.VIR_MIGRATE_NON_SHARED_INC
                params[libvirt.VIR_MIGRATE_PARAM_DISKS_URI] = "unix://" + plan["channels"]["nbd"]
                params[libvirt.VIR_MIGRATE_PARAM_MIGRATE_DISKS] = list(plan["copied"])
            if host.conf.live_migration_bandwidth_mib:
                params[libvirt.VIR_MIGRATE_PARAM_BANDWIDTH] = host.conf.live_migration_bandwidth_mib
            if host.conf.live_migration_auto_converge:
                flags |= libvirt.VIR_MIGRATE_AUTO_CONVERGE
            with self._telling(domain, switching):
                self._migrate(uuid, domain, "qemu+unix:///system?socket=" + plan["channels"]["libvirt"], params, flags, watch)
            return {"gone": False}

    @contextlib.contextmanager
    def _telling(self, domain: Any, switching: Callable[[], None]) -> Iterator[None]:
        """Call `switching`, on a thread of its own, when libvirt says that the guest stands still to be handed over."""
        told = threading.Event()

        def changed(_conn: Any, _domain: Any, event: int, detail: int, _opaque: Any) -> None:
            if (event, detail) == _HANDED_OVER and not told.is_set():
                told.set()
                threading.Thread(target=switching, name="switching", daemon=True).start()

        conn = self._host.conn.get()
        with self._host.conn.errors():
            callback = conn.domainEventRegisterAny(domain, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, changed, None)
        try:
            yield
        finally:
            with contextlib.suppress(libvirt.libvirtError):
                conn.domainEventDeregisterAny(callback)

    def _migrate(self, uuid: str, domain: Any, uri: str, params: dict[str, Any], flags: int, watch: Watcher) -> None:
        progress = Progress(self._host, domain, watch)
        watcher = threading.Thread(target=progress.run, name=f"migration-{uuid}", daemon=True)
        watcher.start()
        try:
            domain.migrateToURI3(uri, params, flags)
        except libvirt.libvirtError as e:
            LOG.warning("server %s does not move: %s", uuid, e)
            if self._host.conn.find(uuid) is None:
                return
            if progress.aborted:
                raise MigrationAborted(f"The live migration was aborted: {progress.aborted}.") from e
            raise DriverError(f"The live migration failed: {e}") from e
        finally:
            progress.done.set()
            watcher.join(10)

    # afterwards

    def arrive(self, spec: ServerSpec, state: Mapping[str, Any], found: Mapping[str, Any]) -> ServerReport:
        """See `base.Live.arrive`."""
        host = self._host
        with host.locks.hold(spec.uuid):
            if host.conn.find(spec.uuid) is None:
                raise ServerNotFound(f"Server {spec.uuid} did not arrive on this host.")
            shutil.rmtree(_socket_folder(found), ignore_errors=True)
            return self._lifecycle.report(spec.uuid)

    def arrived(self, uuid: str) -> bool:
        """See `base.Live.arrived`."""
        domain = self._host.conn.find(uuid)
        if domain is None:
            return False
        with self._host.conn.errors():
            state, reason = domain.state()
        return state == libvirt.VIR_DOMAIN_RUNNING or (
            state == libvirt.VIR_DOMAIN_PAUSED and reason == libvirt.VIR_DOMAIN_PAUSED_USER)

    def clean(self, uuid: str, found: Mapping[str, Any], plan: Mapping[str, Any] | None) -> None:
        """See `base.Live.clean`."""
        host = self._host
        with host.locks.hold(uuid):
            shutil.rmtree(_socket_folder(found), ignore_errors=True)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._marker(uuid))
            if plan is None:
                return
            domain = host.conn.find(uuid)
            if domain is not None and host.active(domain):
                raise DriverError(f"Server {uuid} runs on this host still; its files are kept.")
            self._lifecycle.undefine(uuid)
            for volume_id in plan["volumes"]:
                devices.remove_secret(host, volume_id)
            if not plan["shared"]:
                host.disks.remove(uuid)

    def abandon(self, uuid: str, found: Mapping[str, Any]) -> None:
        """See `base.Live.abandon`."""
        host = self._host
        with host.locks.hold(uuid):
            shutil.rmtree(_socket_folder(found), ignore_errors=True)
            self._lifecycle.undefine(uuid)
            if not self._shared(uuid, found):
                host.disks.remove(uuid)


def at_destination(text: str, plan: Mapping[str, Any], folder: str) -> str:
    """A domain's description as it is to be on the destination: its folder, its volumes' connections, its ports."""
    root = ET.fromstring(text)
    for node in root.iter(f"{{{domain_xml.NAMESPACE}}}node"):
        node.text = plan["node"]
    for element in root.iter():
        path = element.get("file") or ""
        if os.path.dirname(path) == folder:
            element.set("file", os.path.join(plan["folder"], os.path.basename(path)))
        if element.tag in ("kernel", "initrd") and os.path.dirname(element.text or "") == folder:
            element.text = os.path.join(plan["folder"], os.path.basename(element.text or ""))
    for disk in root.findall("devices/disk"):
        wanted = plan["volumes"].get(volume_of(root, disk))
        if wanted:
            swap.reconnect(disk, ET.fromstring(wanted))
    if plan["listen"]:
        for graphics in root.findall("devices/graphics"):
            graphics.set("listen", plan["listen"])
            for listen in graphics.findall("listen[@type='address']"):
                listen.set("address", plan["listen"])
    for tag in ("serial", "console"):
        for source in root.findall(f"devices/{tag}[@type='tcp']/source"):
            if plan["serial_port"]:
                source.set("service", str(plan["serial_port"]))
            source.set("host", plan["listen"] or "127.0.0.1")
    return devices_xml.to_text(root)


def _writable_files(xml: ET.Element, folder: str) -> list[tuple[str, str]]:
    """(path, target) of the disks in a server's folder that its guest may write to."""
    found = []
    for disk in xml.findall("devices/disk"):
        source, target = disk.find("source"), disk.find("target")
        path = (source.get("file") or "") if source is not None else ""
        if os.path.dirname(path) == folder and target is not None and disk.find("readonly") is None:
            found.append((path, target.get("dev", "")))
    return found


def _machine(xml: ET.Element) -> str:
    element = xml.find("os/type")
    return element.get("machine", "") if element is not None else ""


def _socket_folder(found: Mapping[str, Any]) -> str:
    """The folder of a move's sockets: the same on both hosts, and known to nobody who does not know the marker."""
    return os.path.join(SOCKETS, hashlib.sha256(str(found["marker"]).encode()).hexdigest()[:24])


def _make_socket_folder(folder: str) -> None:
    """Open to QEMU's user, whoever that is; the folder above may be entered but not listed."""
    os.makedirs(SOCKETS, exist_ok=True)
    os.chmod(SOCKETS, 0o711)  # noqa: S103
    shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(folder)
    os.chmod(folder, 0o777)  # noqa: S103

