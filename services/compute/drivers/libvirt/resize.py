"""Changing a server's flavor or host, with its old disks kept until somebody confirms.

`prepare` renames the server's folder to `<uuid>_resize`; `finish` builds the new one from a copy (same host) or from what
arrived in `<uuid>_receive` (another host). Every step finds out by itself how far an interrupted run got.
"""

import contextlib
import os
import shutil
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO

from services.compute.drivers.base import DriverError
from services.compute.drivers.libvirt import layout, local_disks, power
from services.compute.drivers.libvirt.host import Host, program_errors
from services.compute.drivers.libvirt.lifecycle import Lifecycle
from services.compute.objects.report import DiskFile, ServerReport
from services.compute.objects.server import ServerSpec


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
        suffix = local_disks.RESIZE if self._set_aside(uuid) else ""
        try:
            return open(os.path.join(self._host.disks.folder(uuid, suffix), local_disks.checked(name)), "rb")
        except FileNotFoundError:
            raise DriverError(f"Server {uuid} has no disk {name} on this host.") from None

    def expect(self, spec: ServerSpec, disks: Iterable[Mapping[str, Any]]) -> bool:
        """See `base.Resize.expect`."""
        host = self._host
        with host.locks.hold(spec.uuid):
            if self._set_aside(spec.uuid):
                return False
            if host.conn.find(spec.uuid) is not None:
                raise DriverError(f"Server {spec.uuid} exists on this host already.")
            for suffix in ("", local_disks.RECEIVE):
                host.disks.remove_folder(spec.uuid, suffix)
            host.disks.check_space(sum(int(d["size"]) for d in disks))
            os.makedirs(host.disks.folder(spec.uuid, local_disks.RECEIVE), mode=0o755)
            return True

    def known(self, spec: ServerSpec, name: str, size: int) -> bool:
        """See `base.Resize.known`."""
        return self._host.disks.link_known(spec, name, size, local_disks.RECEIVE)

    def receive(self, spec: ServerSpec, name: str, size: int, frames: Iterable[tuple[int, bytes]]) -> None:
        """See `base.Resize.receive`."""
        self._host.disks.store(spec.uuid, name, size, frames, local_disks.RECEIVE)

    def sees_disks(self, uuid: str) -> bool:
        """See `base.Resize.sees_disks`."""
        return os.path.exists(self._host.disks.path(uuid, layout.ROOT))

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

    def abandon(self, uuid: str) -> None:
        """See `base.Resize.abandon`."""
        with self._host.locks.hold(uuid):
            self._lifecycle.undefine(uuid)
            for suffix in ("", local_disks.RECEIVE, local_disks.PART):
                self._host.disks.remove_folder(uuid, suffix)

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

