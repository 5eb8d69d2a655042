"""Servers as wholes: making a host equal to a spec, and leaving nothing behind when a server goes."""

import contextlib
import logging
from xml.etree import ElementTree as ET

import libvirt

from services.compute.drivers.base import DriverError, PowerListener
from services.compute.drivers.libvirt import bridges, consoles, devices, domain_xml, power
from services.compute.drivers.libvirt.connection import PREFIX
from services.compute.drivers.libvirt.host import Host, nic_of_tap, program_errors, taps, volume_devices
from services.compute.objects.report import HostServer, ServerReport
from services.compute.objects.server import ABSENT, CRASHED, PAUSED, RUNNING, STOPPED, ServerSpec

LOG = logging.getLogger(__name__)
_META = f"metadata/{{{domain_xml.NAMESPACE}}}server"
_UNDEFINE = (
    libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
    | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
)


class Lifecycle:
    """See `base.Lifecycle`."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._disks, self._nics = devices.Disks(host), devices.Nics(host)

    def ensure(self, spec: ServerSpec) -> ServerReport:
        """See `base.Lifecycle.ensure`."""
        host = self._host
        with host.locks.hold(spec.uuid), program_errors():
            domain = host.conn.find(spec.uuid)
            now = host.conn.power(domain) if domain is not None else ABSENT
            if (
                domain is not None
                and now in (RUNNING, PAUSED)
                and _rescued(host.xml(domain)) != bool(spec.rescue)
            ):
                power.stop(host, domain, self._timeout(spec))
                now = STOPPED
            if domain is not None and now in (RUNNING, PAUSED):
                self._sync_devices(spec, domain)
            elif domain is None or now in (STOPPED, CRASHED, ABSENT):
                domain = self._define(spec)
            power.bring(host, spec.uuid, domain, spec.power, self._timeout(spec))
            return self.report(spec.uuid)

    def destroy(self, uuid: str) -> None:
        """See `base.Lifecycle.destroy`. The guest is killed before waiting for whoever else works on this server."""
        host = self._host
        domain = host.conn.find(uuid)
        if domain is not None:
            power.kill(host, domain)
        with host.locks.hold(uuid):
            self.undefine(uuid)
            host.disks.remove(uuid)
        LOG.info("server %s destroyed", uuid)

    def forget(self, uuid: str) -> None:
        """See `base.Lifecycle.forget`."""
        if not self._host.conf.images_shared:
            self.destroy(uuid)
            return
        with self._host.locks.hold(uuid):
            self.undefine(uuid)

    def undefine(self, uuid: str) -> None:
        """Take away the domain with its secrets, firmware variables and saved state; files stay."""
        host = self._host
        domain = host.conn.find(uuid)
        if domain is None:
            return
        power.kill(host, domain)
        for volume_id in volume_devices(host.xml(domain, inactive=True)):
            devices.remove_secret(host, volume_id)
        with host.conn.errors("The domain could not be removed"):
            try:
                domain.undefineFlags(_UNDEFINE)
            except libvirt.libvirtError as e:
                if e.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
                    raise

    def set_power(self, uuid: str, wanted: str, timeout_s: float | None = None) -> ServerReport:
        """See `base.Lifecycle.set_power`."""
        host = self._host
        with host.locks.hold(uuid), program_errors():
            power.bring(
                host,
                uuid,
                host.conn.domain(uuid),
                wanted,
                host.conf.shutdown_timeout_s if timeout_s is None else timeout_s,
            )
            return self.report(uuid)

    def reboot(self, spec: ServerSpec, hard: bool) -> ServerReport:
        """See `base.Lifecycle.reboot`."""
        host = self._host
        with host.locks.hold(spec.uuid), program_errors():
            domain = host.conn.find(spec.uuid)
            if domain is not None and not hard and host.conn.power(domain) == RUNNING:
                if power.shut_down(host, domain, host.conf.soft_reboot_timeout_s):
                    power.start(host, spec.uuid, domain)
                    return self.report(spec.uuid)
                LOG.info("server %s ignores a soft reboot; rebooting it hard", spec.uuid)
            if domain is not None:
                power.stop(host, domain, 0)
            power.bring(host, spec.uuid, self._define(spec), RUNNING, 0)
            return self.report(spec.uuid)

    def interrupt(self, uuid: str) -> None:
        """See `base.Lifecycle.interrupt`."""
        with self._host.conn.errors("The guest could not be interrupted"):
            self._host.conn.domain(uuid).injectNMI(0)

    def report(self, uuid: str) -> ServerReport:
        """See `base.Lifecycle.report`."""
        host = self._host
        domain = host.conn.find(uuid)
        if domain is None:
            return ServerReport(uuid, ABSENT)
        now = host.conn.power(domain)
        xml = host.xml(domain)
        fault = "The guest crashed." if now == CRASHED else None
        root = xml.find("devices/disk/target")
        return ServerReport(
            uuid,
            now,
            node=_meta(xml, "node"),
            name=_meta(xml, "name"),
            fault=fault,
            consoles=consoles.endpoints(host, xml),
            devices=volume_devices(xml),
            taps=taps(xml),
            root_device="/dev/" + root.get("dev", "") if root is not None else None,
            rescued=_rescued(xml),
        )

    def servers(self) -> list[HostServer]:
        """See `base.Lifecycle.servers`."""
        host, out = self._host, {}
        with host.conn.errors():
            domains = host.conn.get().listAllDomains(0)
        for domain in domains:
            with contextlib.suppress(DriverError):  # gone between the list and the look
                name, xml = domain.name(), host.xml(domain)
                if name.startswith(PREFIX) and xml.find(_META) is not None:
                    uuid = name[len(PREFIX) :]
                    out[uuid] = HostServer(
                        uuid, host.conn.power(domain), _meta(xml, "node"), _meta(xml, "name")
                    )
        for uuid in set() if host.conf.images_shared else host.disks.servers() - set(out):
            out[uuid] = HostServer(uuid, ABSENT, host.conf.node_name or "", leftover=True)
        return list(out.values())

    def listen(self, listener: PowerListener) -> None:
        """See `base.Lifecycle.listen`."""
        self._host.conn.listen(listener)

    def close(self) -> None:
        """See `base.Lifecycle.close`."""
        self._host.conn.close()

    def _define(self, spec: ServerSpec) -> libvirt.virDomain:
        """Make files, secrets and bridges, and define the (stopped) domain anew."""
        host = self._host
        port = consoles.free_port(host) if host.conf.serial_console_enabled else None
        folder = host.disks.folder(spec.uuid)
        xml = domain_xml.build(
            spec, host.platform, folder, port
        )  # first, since it refuses what cannot be had
        host.disks.prepare(spec)
        for volume in spec.volumes:
            devices.define_secret(host, volume)
        for card in spec.nics:
            bridges.ensure(card.bridge, card.mtu)
        with host.conn.errors("The domain could not be defined"):
            return host.conn.get().defineXML(xml)

    def _sync_devices(self, spec: ServerSpec, domain: libvirt.virDomain) -> None:
        """Plug and unplug what differs between a running domain and its spec."""
        xml = self._host.xml(domain)
        for volume_id in set(volume_devices(xml)) - {v.volume_id for v in spec.volumes}:
            self._disks.detach(spec.uuid, volume_id)
        for volume in spec.volumes:
            if volume.volume_id not in volume_devices(xml):
                self._disks.attach(spec.uuid, volume)
        for tap in set(taps(xml)) - {card.tap for card in spec.nics}:
            self._nics.detach_tap(spec.uuid, tap)
        for card in spec.nics:
            if nic_of_tap(xml, card.tap) is None:
                self._nics.attach(spec.uuid, card)

    def _timeout(self, spec: ServerSpec) -> float:
        return power.shutdown_timeout_s(self._host, spec.properties.get("os_shutdown_timeout"))


def _meta(xml: ET.Element, tag: str) -> str:
    return xml.findtext(f"{_META}/{{{domain_xml.NAMESPACE}}}{tag}") or ""


def _rescued(xml: ET.Element) -> bool:
    return _meta(xml, "rescued") == "yes"
