"""Changing a server's flavor or host, with its old disks kept until somebody confirms.

`prepare` renames the server's folder to `<uuid>_resize`; `finish` builds the new one from a copy (same host) or from what
arrived in `<uuid>_receive` (another host). Every step finds out by itself how far an interrupted run got.
"""

import contextlib
import errno
import os
import shutil
from typing import BinaryIO

from services.compute.drivers.base import DriverError, NoSpace
from services.compute.drivers.libvirt import layout, local_disks, power
from services.compute.drivers.libvirt.host import Host, program_errors
from services.compute.drivers.libvirt.lifecycle import Lifecycle
from services.compute.objects.report import DiskFile, ServerReport
from services.compute.objects.server import ServerSpec

_NAMES = {name + suffix for name in (layout.ROOT, layout.RESCUE) for suffix in ("", local_disks.BASE)} | {
    layout.EPHEMERAL,
    layout.SWAP,
    layout.CONFIG,
    layout.KERNEL,
    layout.RAMDISK,
}
_CHUNK = 1024**2


class Resize:
    """See `base.Resize`."""

    def __init__(self, host: Host, lifecycle: Lifecycle) -> None:
        self._host, self._lifecycle = host, lifecycle

    def prepare(self, uuid: str, timeout_s: float | None = None) -> tuple[DiskFile, ...]:
        """See `base.Resize.prepare`."""
        host = self._host
        with host.locks.hold(uuid), program_errors():
            if not self._set_aside(uuid):
                domain = host.conn.find(uuid)
                if domain is not None:
                    power.stop(host, domain, host.conf.shutdown_timeout_s if timeout_s is None else timeout_s)
                    self._lifecycle.undefine(uuid)
                if not os.path.isdir(host.disks.folder(uuid)):
                    raise DriverError(f"Server {uuid} has no disks on this host.")
                os.rename(host.disks.folder(uuid), host.disks.folder(uuid, local_disks.RESIZE))
            return host.disks.files(uuid, local_disks.RESIZE)

    def open_disk(self, uuid: str, name: str) -> BinaryIO:
        """See `base.Resize.open_disk`."""
        try:
            return open(os.path.join(self._host.disks.folder(uuid, local_disks.RESIZE), _checked(name)), "rb")
        except FileNotFoundError:
            raise DriverError(f"Server {uuid} has no disk {name} put aside on this host.") from None

    def receive(self, spec: ServerSpec, name: str, stream: BinaryIO) -> None:
        """See `base.Resize.receive`. Runs of zeros become holes, so that a sparse disk stays sparse."""
        folder = self._host.disks.folder(spec.uuid, local_disks.RECEIVE)
        os.makedirs(folder, mode=0o755, exist_ok=True)
        path = os.path.join(folder, _checked(name))
        try:
            with open(path + ".part", "wb") as f:
                while chunk := stream.read(_CHUNK):
                    if chunk.count(0) == len(chunk):
                        f.seek(len(chunk), os.SEEK_CUR)
                    else:
                        f.write(chunk)
                f.truncate(f.tell())
        except OSError as e:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path + ".part")
            kind = NoSpace if e.errno in (errno.ENOSPC, errno.EDQUOT) else DriverError
            raise kind(f"Disk {name} of server {spec.uuid} could not be stored: {e.strerror}") from e
        os.chmod(path + ".part", 0o644 if name.endswith(local_disks.BASE) else 0o600)
        os.rename(path + ".part", path)

    def finish(self, spec: ServerSpec) -> ServerReport:
        """See `base.Resize.finish`."""
        disks = self._host.disks
        with self._host.locks.hold(spec.uuid), program_errors():
            if not os.path.isdir(disks.folder(spec.uuid)):
                received = disks.folder(spec.uuid, local_disks.RECEIVE)
                if os.path.isdir(received):
                    os.rename(received, disks.folder(spec.uuid))
                elif self._set_aside(spec.uuid):
                    disks.copy_folder(spec.uuid, local_disks.RESIZE, "")
                elif spec.image and not spec.boot_volume:
                    raise DriverError(f"Server {spec.uuid} has no disks put aside on or sent to this host.")
            return self._lifecycle.ensure(spec)

    def confirm(self, uuid: str) -> None:
        """See `base.Resize.confirm`."""
        with self._host.locks.hold(uuid):
            self._host.disks.remove_folder(uuid, local_disks.RESIZE)

    def revert(self, spec: ServerSpec) -> ServerReport:
        """See `base.Resize.revert`."""
        disks = self._host.disks
        with self._host.locks.hold(spec.uuid), program_errors():
            if self._set_aside(spec.uuid):
                self._lifecycle.undefine(spec.uuid)
                with contextlib.suppress(FileNotFoundError):
                    shutil.rmtree(disks.folder(spec.uuid))
                os.rename(disks.folder(spec.uuid, local_disks.RESIZE), disks.folder(spec.uuid))
            return self._lifecycle.ensure(spec)

    def _set_aside(self, uuid: str) -> bool:
        return os.path.isdir(self._host.disks.folder(uuid, local_disks.RESIZE))


def _checked(name: str) -> str:
    """The name, if it is one that a server's disk can have; never a path."""
    if name not in _NAMES:
        raise DriverError(f"{name!r} is not the name of a server's disk.")
    return name
