"""Asking the agent inside the guest, where the image brings one."""

import logging

import libvirt

from services.compute.drivers.base import DriverError
from services.compute.drivers.libvirt.host import Host

LOG = logging.getLogger(__name__)


class Guest:
    """See `base.Guest`."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def set_password(self, uuid: str, user: str, password: str) -> None:
        """See `base.Guest.set_password`."""
        domain = self._host.conn.domain(uuid)
        if not self._has_agent(domain):
            raise DriverError(f"Server {uuid} has no guest agent (image property hw_qemu_guest_agent).")
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
        if not self._host.active(domain):
            return False
        targets = self._host.xml(domain).findall("devices/channel/target")
        return any(
            t.get("name") == "org.qemu.guest_agent.0" and t.get("state") == "connected" for t in targets
        )
