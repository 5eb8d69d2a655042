"""The jobs an agent knows: each verb is one function (host, spec, args) -> result for the conductor.

All of them may be called again after a crash: the driver's methods are idempotent.
"""

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from oslo_utils.strutils import bool_from_string

from common import clock, context, errors
from services.compute.agent.images import Images
from services.compute.agent.tunnel import Listener
from services.compute.drivers.base import Driver, DriverError
from services.compute.objects.report import ServerReport
from services.compute.objects.server import ServerSpec, VolumeSpec

LOG = logging.getLogger(__name__)
ASK_EVERY_S = 2.0


@dataclass(frozen=True)
class Host:
    """What verbs work with; `scratch` is a folder for files on their way, `name` the host's.

    `listener` is where servers of other hosts come in, `conductor` who hears how a move goes.
    """

    driver: Driver
    images: Images
    scratch: str
    name: str
    listener: Listener | None = None
    conductor: Any = None


Verb = Callable[[Host, str, ServerSpec | None, Mapping[str, Any]], tuple[ServerReport | None, dict[str, Any]]]


def wanted(spec: ServerSpec | None, server_id: str) -> ServerSpec:
    """The spec; DriverError when the server is not meant for this host."""
    if spec is None:
        raise DriverError(f"server {server_id} is not meant for this host")
    return spec


def ensure(host: Host, server_id: str, spec: ServerSpec | None, args: Mapping[str, Any]) -> Any:
    """Make the server what it should be."""
    return host.driver.lifecycle.ensure(wanted(spec, server_id)), {}


def destroy(host: Host, server_id: str, spec: ServerSpec | None, args: Mapping[str, Any]) -> Any:
    """Remove it with everything it has here."""
    host.driver.lifecycle.destroy(server_id)
    return None, {}


def power(host: Host, server_id: str, spec: ServerSpec | None, args: Mapping[str, Any]) -> Any:
    """Bring it to a power state; a server that lost its domain is built anew first."""
    found = wanted(spec, server_id)
    if host.driver.lifecycle.report(server_id).power == "absent" or args["power"] == "running":
        return host.driver.lifecycle.ensure(found), {}
    return host.driver.lifecycle.set_power(server_id, args["power"], args.get("timeout_s")), {}


def reboot(host: Host, server_id: str, spec: ServerSpec | None, args: Mapping[str, Any]) -> Any:
    """Restart the guest."""
    return host.driver.lifecycle.reboot(wanted(spec, server_id), bool(args.get("hard"))), {}


def rebuild(host: Host, server_id: str, spec: ServerSpec | None, args: Mapping[str, Any]) -> Any:
    """New disks from the image its spec names now."""
    found = wanted(spec, server_id)
    host.driver.lifecycle.destroy(server_id)
    return host.driver.lifecycle.ensure(found), {}


def snapshot(host: Host, server_id: str, spec: ServerSpec | None, args: Mapping[str, Any]) -> Any:
    """Copy the root disk into an image that waits for its data."""
    os.makedirs(host.scratch, mode=0o700, exist_ok=True)
    path = os.path.join(host.scratch, f"{args['image_id']}.snapshot")
    if os.path.exists(path):
        os.unlink(path)
    must_quiesce = bool_from_string(wanted(spec, server_id).properties.get("os_require_quiesce"))
    disk = host.driver.disks.snapshot(server_id, path, args.get("disk_format") or "qcow2", must_quiesce)
    host.images.store(args["image_id"], path)
    return None, {"size": disk.size, "virtual_size": disk.virtual_size}


def freeze(host: Host, server_id: str, spec: ServerSpec | None, args: Mapping[str, Any]) -> Any:
    """Freeze the guest's file systems through its agent; {"frozen": False} where that cannot be done."""
    return None, {"frozen": host.driver.guest is not None and host.driver.guest.freeze(server_id)}


def thaw(host: Host, server_id: str, spec: ServerSpec | None, args: Mapping[str, Any]) -> Any:
    """Undo `freeze`."""
    if host.driver.guest is not None:
        host.driver.guest.thaw(server_id)
    return None, {}


def attach_volume(host: Host, server_id: str, spec: ServerSpec | None, args: Mapping[str, Any]) -> Any:
    """Plug a volume of the spec."""
    volume = next((v for v in wanted(spec, server_id).volumes if v.volume_id == args["volume_id"]), None)
    if volume is None:
        raise DriverError(f"volume {args['volume_id']} is not connected")
    return None, {"device": host.driver.disks.attach(server_id, volume)}


def detach_volume(host: Host, server_id: str, spec: ServerSpec | None, args: Mapping[str, Any]) -> Any:
    """Unplug a volume."""
    host.driver.disks.detach(server_id, args["volume_id"])
    return None, {}


def extend_volume(host: Host, server_id: str, spec: ServerSpec | None, args: Mapping[str, Any]) -> Any:
    """Give the guest all of a volume that has grown."""
    host.driver.disks.extend(server_id, args["volume_id"], args["size_bytes"])
    return None, {}


class _StillWanted:
    """Whether the conductor still has an open job `swap_volume` for a server; asked every two seconds at most."""

    def __init__(self, host: Host, server_id: str) -> None:
        self._host, self._server_id, self._asked_s, self._answer = host, server_id, clock.monotonic(), True

    def __call__(self) -> bool:
        now = clock.monotonic()
        if now - self._asked_s >= ASK_EVERY_S and self._host.conductor is not None:
            self._asked_s = now
            try:
                found = self._host.conductor.work(context.internal(), self._host.name, [self._server_id])
                self._answer = any(job["verb"] == "swap_volume" for item in found for job in item["jobs"])
            except errors.Transient as e:
                LOG.info("not known whether the swap of a volume of %s is wanted: %s", self._server_id, e)
        return self._answer


def swap_volume(host: Host, server_id: str, spec: ServerSpec | None, args: Mapping[str, Any]) -> Any:
    """Give the guest another volume in the place of one, with its content."""
    host.driver.disks.swap(server_id, args["old_volume_id"], VolumeSpec.from_dict(args["volume"]), args.get("size_bytes"),
                           _StillWanted(host, server_id))
    return None, {}


def unswap_volume(host: Host, server_id: str, spec: ServerSpec | None, args: Mapping[str, Any]) -> Any:
    """End a swap that is under way; {"swapped": True}, and nothing done, when the guest has the other volume already."""
    volume = VolumeSpec.from_dict(args["volume"])
    return None, {"swapped": host.driver.disks.unswap(server_id, args["old_volume_id"], volume)}


def attach_interface(host: Host, server_id: str, spec: ServerSpec | None, args: Mapping[str, Any]) -> Any:
    """Plug a card of the spec."""
    nic = next((n for n in wanted(spec, server_id).nics if n.port_id == args["port_id"]), None)
    if nic is None:
        raise DriverError(f"port {args['port_id']} is not a card of the server")
    host.driver.nics.attach(server_id, nic)
    return None, {}


def detach_interface(host: Host, server_id: str, spec: ServerSpec | None, args: Mapping[str, Any]) -> Any:
    """Unplug a card."""
    host.driver.nics.detach(server_id, args["port_id"])
    return None, {}


def password(host: Host, server_id: str, spec: ServerSpec | None, args: Mapping[str, Any]) -> Any:
    """Set the administrator's password through the guest's agent."""
    if host.driver.guest is None:
        raise DriverError("this hypervisor cannot set passwords")
    found = wanted(spec, server_id)
    host.driver.guest.set_password(server_id, str(found.properties.get("os_admin_user") or "root"), found.admin_pass or "")
    return None, {}


def crash_dump(host: Host, server_id: str, spec: ServerSpec | None, args: Mapping[str, Any]) -> Any:
    """Interrupt the guest, so that its kernel writes a crash dump."""
    host.driver.lifecycle.interrupt(server_id)
    return None, {}


def resize_prepare(host: Host, server_id: str, spec: ServerSpec | None, args: Mapping[str, Any]) -> Any:
    """Stop the server and put its disks aside."""
    if host.driver.resize is None:
        raise DriverError("this hypervisor cannot resize")
    disks = host.driver.resize.prepare(server_id)
    return None, {"disks": [{"name": d.name, "size": d.size} for d in disks]}


def resize_finish(host: Host, server_id: str, spec: ServerSpec | None, args: Mapping[str, Any]) -> Any:
    """Build the server of the new size from its disks, which are here (those of another host were sent: agent.moves)."""
    if host.driver.resize is None:
        raise DriverError("this hypervisor cannot resize")
    report = host.driver.resize.finish(wanted(spec, server_id))
    if host.listener is not None:
        host.listener.close(server_id)
    return report, {}


def resize_confirm(host: Host, server_id: str, spec: ServerSpec | None, args: Mapping[str, Any]) -> Any:
    """Drop what was put aside."""
    if host.driver.resize is None:
        raise DriverError("this hypervisor cannot resize")
    host.driver.resize.confirm(server_id)
    return None, {}


def resize_revert(host: Host, server_id: str, spec: ServerSpec | None, args: Mapping[str, Any]) -> Any:
    """Bring back what was put aside."""
    if host.driver.resize is None:
        raise DriverError("this hypervisor cannot resize")
    return host.driver.resize.revert(wanted(spec, server_id)), {}


VERBS: Mapping[str, Verb] = {
    "ensure": ensure, "destroy": destroy, "power": power, "reboot": reboot, "rebuild": rebuild, "snapshot": snapshot,
    "freeze": freeze, "thaw": thaw,
    "attach_volume": attach_volume, "detach_volume": detach_volume, "attach_interface": attach_interface,
    "detach_interface": detach_interface, "password": password, "crash_dump": crash_dump, "resize_prepare": resize_prepare,
    "resize_finish": resize_finish, "resize_confirm": resize_confirm, "resize_revert": resize_revert,
    "extend_volume": extend_volume, "swap_volume": swap_volume, "unswap_volume": unswap_volume,
}
