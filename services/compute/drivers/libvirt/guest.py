"""Asking the agent inside the guest, where the image brings one."""

import logging
from xml.etree import ElementTree as ET

import libvirt

from services.compute.drivers.base import DriverError
from services.compute.drivers.libvirt.host import Host

LOG = logging.getLogger(__name__)
CHANNEL = "org.qemu.guest_agent.0"
BOOT_TIMEOUT_S = 60
"""How long a guest that boots may take until its agent answers."""


class Guest:
    """See `base.Guest`."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def set_password(self, uuid: str, user: str, password: str) -> None:
        """See `base.Guest.set_password`."""
        domain = self._host.conn.domain(uuid)
        if self._channel(domain) is None:
            raise DriverError(f"Server {uuid} has no guest agent (image property hw_qemu_guest_agent).")
        if not self._host.conn.wait(lambda: self._has_agent(domain), BOOT_TIMEOUT_S):
            raise DriverError(f"The guest agent of server {uuid} does not answer.")
        with self._host.conn.errors("The guest's agent did not set the password"):
            domain.setUserPassword(user, password, 0)

    def freeze(self, uuid: str) -> bool:
        """See `base.Guest.freeze`."""
        domain = self._host.conn.domain(uuid)
        if not self._has_agent(domain):
            return False
        try:
            domain.fsFreeze()
        except libvirt.libvirtError as e:
            LOG.info("file systems of %s are not frozen: %s", uuid, e)
            return False
        return True

    def thaw(self, uuid: str) -> None:
        """See `base.Guest.thaw`."""
        domain = self._host.conn.domain(uuid)
        if self._has_agent(domain):
            try:
                domain.fsThaw()
            except libvirt.libvirtError as e:
                LOG.info("file systems of %s are not thawed: %s", uuid, e)

    def _has_agent(self, domain: libvirt.virDomain) -> bool:
        target = self._channel(domain)
        return target is not None and target.get("state") == "connected"

    def _channel(self, domain: libvirt.virDomain) -> ET.Element | None:
        """Where the agent of a running guest is spoken to, if there may be one."""
        if not self._host.active(domain):
            return None
        return self._host.xml(domain).find(f"devices/channel/target[@name='{CHANNEL}']")
