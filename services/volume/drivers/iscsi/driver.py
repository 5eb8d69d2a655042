"""The iSCSI back end: files for data, tgtd for access. See the package docstring."""

import errno
import functools
import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar

from oslo_config import cfg

from common import clock, ids
from services.volume.drivers import images
from services.volume.drivers.base import BackendError, ImageUnacceptable, InUse, InvalidConnector, NoSpace
from services.volume.drivers.iscsi.exports import Connection, Record, Records
from services.volume.drivers.iscsi.files import Files, remove, zero_and_remove
from services.volume.drivers.iscsi.tgt import Target, Tgt
from services.volume.drivers.tasks import Task, Tasks
from services.volume.objects.storage import GIB, Connector, PoolStats, StoredSnapshot, StoredVolume

LOG = logging.getLogger(__name__)
P = ParamSpec("P")
R = TypeVar("R")


def _disk_errors(function: Callable[P, R]) -> Callable[P, R]:
    """Turn what the file system refuses into a BackendError."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except OSError as e:
            kind = NoSpace if e.errno in (errno.ENOSPC, errno.EDQUOT) else BackendError
            raise kind(f"{function.__name__}: {e.strerror} {e.filename or ''}".strip()) from e

    return call


class IscsiDriver:
    """Implements every protocol of `base`."""

    VERSION = "1.0.0"

    def __init__(self, name: str, settings: cfg.ConfigOpts.GroupAttr) -> None:
        self.name = name
        self._settings = settings
        self._files = Files(settings.volumes_dir)
        self._records = Records(os.path.join(settings.volumes_dir, "exports"))
        self._portal = _portal(settings.target_ip, settings.target_port)
        self._tgt = Tgt(
            settings.control_port, _portal(settings.listen_ip or settings.target_ip, settings.target_port),
            os.path.join(settings.volumes_dir, "tgtd.pid"), settings.io_threads, settings.start_tgtd,
        )
        self._tasks = Tasks()
        # tgtd takes one request at a time anyway, and target numbers must not race.
        self._tgt_lock = threading.RLock()

    # Backend

    @_disk_errors
    def start(self) -> None:
        """See `Backend.start`."""
        self._files.prepare()
        self._records.prepare()
        for path in self._files.unfinished_clearings():
            zero_and_remove(path)
        self._restore(self._records.volume_ids())

    def stop(self) -> None:
        """Nothing to release: tgtd serves on."""

    def shut_down(self) -> None:
        """End the own tgtd with all exports, for taking the back end away; the records stay."""
        with self._tgt_lock:
            self._tgt.shut_down()

    # VolumeLifecycle

    @_disk_errors
    def create_volume(self, volume_id: str, size_gb: int) -> None:
        """See `VolumeLifecycle.create_volume`."""
        path = self._files.volume(volume_id)
        with self._tasks.begin(volume_id):
            if not self._files.already(path, size_gb):
                self._files.create(path, size_gb)

    @_disk_errors
    def delete_volume(self, volume_id: str) -> None:
        """See `VolumeLifecycle.delete_volume`."""
        with self._tasks.begin(volume_id, cancel_others=True):
            with self._tgt_lock:
                record = self._records.get(volume_id)
                if record.connections:
                    raise InUse(f"volume {volume_id} is exported to {', '.join(sorted(record.connections))}")
            self._files.discard(self._files.volume(volume_id), self._settings.volume_clear)

    @_disk_errors
    def extend_volume(self, volume_id: str, size_gb: int) -> None:
        """See `VolumeLifecycle.extend_volume`.

        tgtd reads a file's size once, so the target is made again; initiators log in again by themselves
        and repeat what was under way.
        """
        path = self._files.volume(volume_id)
        with self._tasks.begin(volume_id):
            if self._files.size(path) < size_gb * GIB:
                os.truncate(path, size_gb * GIB)
            with self._tgt_lock:
                record = self._records.get(volume_id)
                if record.connections:
                    self._ensure_tgtd()
                    self._publish(record, self._tgt.targets())

    # Snapshots

    @_disk_errors
    def create_snapshot(self, snapshot_id: str, volume_id: str) -> None:
        """See `Snapshots.create_snapshot`."""
        path = self._files.snapshot(snapshot_id)
        with self._tasks.begin(snapshot_id) as task:
            if not os.path.exists(path):
                self._files.copy(self._files.volume(volume_id), path, 0, task, self._settings.copy_timeout_s)

    @_disk_errors
    def delete_snapshot(self, snapshot_id: str) -> None:
        """See `Snapshots.delete_snapshot`."""
        with self._tasks.begin(snapshot_id, cancel_others=True):
            self._files.discard(self._files.snapshot(snapshot_id), self._settings.volume_clear)

    @_disk_errors
    def create_from_snapshot(self, volume_id: str, size_gb: int, snapshot_id: str) -> None:
        """See `Snapshots.create_from_snapshot`."""
        self._copy_to_volume(volume_id, size_gb, self._files.snapshot(snapshot_id))

    @_disk_errors
    def clone_volume(self, volume_id: str, size_gb: int, source_volume_id: str) -> None:
        """See `Snapshots.clone_volume`."""
        self._copy_to_volume(volume_id, size_gb, self._files.volume(source_volume_id))

    @_disk_errors
    def revert_to_snapshot(self, volume_id: str, snapshot_id: str) -> None:
        """See `Snapshots.revert_to_snapshot`."""
        path = self._files.volume(volume_id)
        with self._tasks.begin(volume_id) as task:
            if self._records.get(volume_id).connections:
                raise InUse(f"volume {volume_id} is exported")
            size = self._files.size(path)
            self._files.copy(self._files.snapshot(snapshot_id), path, size, task, self._settings.copy_timeout_s)

    # ImageTransfer

    @_disk_errors
    def create_from_image(self, volume_id: str, size_gb: int, chunks: Iterable[bytes], disk_format: str) -> None:
        """See `ImageTransfer.create_from_image`."""
        path, limit = self._files.volume(volume_id), size_gb * GIB
        raw = images.qemu_format(disk_format) == "raw"
        with self._tasks.begin(volume_id) as task:
            if self._files.already(path, size_gb):
                return
            temporary, downloaded = self._files.new(path), self._files.new(path + ".image")
            try:
                images.write_sparse(temporary if raw else downloaded, chunks, limit if raw else 2 * limit, task)
                if not raw:
                    needed = images.examine(downloaded, disk_format)
                    if needed > limit:
                        raise ImageUnacceptable(f"the image needs {needed} bytes, the volume has {limit}")
                    self._convert(downloaded, disk_format, temporary, task)
                task.check()
                self._files.finish(temporary, path, limit)
            finally:
                remove(temporary)
                remove(downloaded)

    def read_image(self, volume_id: str, disk_format: str) -> Iterator[bytes]:
        """See `ImageTransfer.read_image`."""
        path = self._files.volume(volume_id)
        self._files.size(path)
        if images.qemu_format(disk_format) == "raw":
            yield from images.read_chunks(path)
            return
        key = f"image-{ids.uuid()}"
        temporary = self._files.new(f"{path}.{key}")
        try:
            with self._tasks.begin(key) as task:
                images.convert_from_raw(path, disk_format, temporary, task, self._settings.copy_timeout_s)
            yield from images.read_chunks(temporary)
        finally:
            remove(temporary)

    # Export

    @_disk_errors
    def connect(self, volume_id: str, attachment: str, connector: Connector, read_only: bool = False) -> dict[str, Any]:
        """See `Export.connect`; the volume is unit 1 of its own target, with a CHAP account for this attachment."""
        if not connector.initiator and not connector.ip:
            raise InvalidConnector("the connector has neither an initiator name nor an address")
        with self._tgt_lock:
            self._files.size(self._files.volume(volume_id))
            record = self._records.get(volume_id)
            old = record.connections.get(attachment)
            granted = Connection(
                user=old.user if old else _secret(15), password=old.password if old else _secret(12),
                initiator=connector.initiator, ip=connector.ip, host=connector.host, read_only=read_only,
                granted_at=clock.time(),
            )
            record.connections[attachment] = granted
            # Stored first: whatever happens next, a restart knows the export.
            self._records.put(record)
            self._ensure_tgtd()
            self._publish(record, self._tgt.targets())
        return {"driver_volume_type": "iscsi", "data": self._connection_data(volume_id, granted)}

    @_disk_errors
    def disconnect(self, volume_id: str, attachment: str | None = None) -> None:
        """See `Export.disconnect`."""
        with self._tgt_lock:
            record = self._records.get(volume_id)
            if attachment is None:
                record.connections.clear()
            else:
                record.connections.pop(attachment, None)
            self._ensure_tgtd()
            if record.connections:
                self._publish(record, self._tgt.targets())
            else:
                self._withdraw(record)
            # Stored last: a crash in between repeats the withdrawal.
            self._records.put(record)

    @_disk_errors
    def reconcile_exports(self, wanted: Mapping[str, Sequence[str]], min_age_s: float = 120.0) -> list[str]:
        """See `Export.reconcile_exports`."""
        with self._tgt_lock:
            before = clock.time() - min_age_s
            for volume_id in self._records.volume_ids():
                try:
                    self._withdraw_unwanted(volume_id, wanted.get(volume_id, ()), before)
                except BackendError as e:
                    LOG.error("exports of volume %s could not be reconciled: %s", volume_id, e)
            return self._restore(self._records.volume_ids())

    # Capacity, Listing

    @_disk_errors
    def stats(self) -> PoolStats:
        """See `Capacity.stats`."""
        disk = os.statvfs(self._files.folder)
        volumes = sum(size for _, size in self._files.listing("volume-"))
        snapshots = sum(size for _, size in self._files.listing("snapshot-"))
        return PoolStats(
            volume_backend_name=self._settings.volume_backend_name or self.name, storage_protocol="iSCSI",
            driver_version=self.VERSION,
            total_capacity_gb=round(disk.f_blocks * disk.f_frsize / GIB, 2),
            free_capacity_gb=round(disk.f_bavail * disk.f_frsize / GIB, 2),
            allocated_capacity_gb=volumes // GIB, provisioned_capacity_gb=round((volumes + snapshots) / GIB, 2),
            max_over_subscription_ratio=self._settings.max_over_subscription_ratio,
            reserved_percentage=self._settings.reserved_percentage,
            thin_provisioning_support=True, thick_provisioning_support=False,
            multiattach=True, online_extend_support=True, location_info=f"files:{self._files.folder}",
        )

    @_disk_errors
    def list_volumes(self) -> list[StoredVolume]:
        """See `Listing.list_volumes`."""
        exported = set(self._records.volume_ids())
        return [
            StoredVolume(one, size, tuple(sorted(self._records.get(one).connections)) if one in exported else ())
            for one, size in self._files.listing("volume-")
        ]

    @_disk_errors
    def list_snapshots(self) -> list[StoredSnapshot]:
        """See `Listing.list_snapshots`."""
        return [StoredSnapshot(one, size) for one, size in self._files.listing("snapshot-")]

    # Inner work

    def _copy_to_volume(self, volume_id: str, size_gb: int, source: str) -> None:
        path = self._files.volume(volume_id)
        with self._tasks.begin(volume_id) as task:
            if self._files.already(path, size_gb):
                return
            if self._files.size(source) > size_gb * GIB:
                raise BackendError(f"volume {volume_id} of {size_gb} GiB is smaller than its source")
            self._files.copy(source, path, size_gb * GIB, task, self._settings.copy_timeout_s)

    def _convert(self, source: str, disk_format: str, path: str, task: Task) -> None:
        images.convert_to_raw(source, disk_format, path, task, self._settings.copy_timeout_s)

    def _target_name(self, volume_id: str) -> str:
        return f"{self._settings.iqn_prefix}volume-{volume_id}"

    def _connection_data(self, volume_id: str, granted: Connection) -> dict[str, Any]:
        return {
            "target_discovered": False, "target_iqn": self._target_name(volume_id), "target_portal": self._portal,
            "target_lun": 1, "volume_id": volume_id, "auth_method": "CHAP", "auth_username": granted.user,
            "auth_password": granted.password, "access_mode": "ro" if granted.read_only else "rw",
            "discard": True, "encrypted": False, "qos_specs": None, "cacheable": False,
        }

    def _ensure_tgtd(self) -> None:
        if self._tgt.ensure_running():
            self._restore(self._records.volume_ids())

    def _restore(self, volume_ids: Sequence[str]) -> list[str]:
        """Publish the recorded exports that tgtd does not have as recorded; the ids that needed work."""
        repaired = []
        with self._tgt_lock:
            self._tgt.ensure_running()
            present = self._tgt.targets()
            for volume_id in volume_ids:
                try:
                    if self._publish(self._records.get(volume_id), present):
                        repaired.append(volume_id)
                except BackendError as e:
                    # One broken export must not keep the others from being served.
                    LOG.error("volume %s could not be exported again: %s", volume_id, e)
            known = {self._target_name(volume_id) for volume_id in self._records.volume_ids()}
            for name, target in present.items():
                if name.startswith(self._target_name("")) and name not in known:
                    LOG.warning("remove target %s, which belongs to no export", name)
                    self._tgt.delete_target(target.tid)
        return repaired

    def _withdraw_unwanted(self, volume_id: str, keep: Sequence[str], before: float) -> None:
        """Take away the attachments that are not in `keep` and were granted `before` (seconds since the epoch)."""
        for attachment, granted in self._records.get(volume_id).connections.items():
            if attachment not in keep and granted.granted_at <= before:
                LOG.warning("withdraw volume %s from attachment %s, which is gone", volume_id, attachment)
                self.disconnect(volume_id, attachment)

    def _publish(self, record: Record, present: Mapping[str, Target]) -> bool:
        """Make the target of a volume as its record says; true when something had to be changed."""
        name, path = self._target_name(record.volume_id), self._files.volume(record.volume_id)
        target, changed = present.get(name), False
        read_only = all(one.read_only for one in record.connections.values())
        size_mb = self._files.size(path) / 1e6
        lun = target.luns.get(1) if target is not None else None
        if target is not None and (lun is None or lun.path != path or abs(lun.size_mb - size_mb) > 1):
            # Half made, or the volume has grown.
            self._withdraw(record)
            target = None
        elif target is not None and lun is not None and lun.read_only != read_only:
            changed = True
            self._tgt.set_read_only(target.tid, read_only)
        if target is None:
            changed = True
            target = Target(self._tgt.create_target(name), name)
            self._tgt.add_lun(target.tid, path, record.volume_id.replace("-", "")[:20], read_only)
        granted = list(record.connections.values())
        if self._tgt.set_accounts(target, {one.user: one.password for one in granted}):
            changed = True
        acl = set().union(*(self._who(one) for one in granted))
        for who in sorted(target.acl - acl):
            changed = True
            self._tgt.forbid(target.tid, who)
            for session, connection, initiator in target.sessions:
                if initiator == who:
                    self._tgt.end_session(target.tid, session, connection)
        for who in sorted(acl - target.acl):
            changed = True
            self._tgt.allow(target.tid, who)
        return changed

    def _who(self, granted: Connection) -> set[str]:
        """What the target's access list holds for one attachment."""
        if granted.initiator and not self._settings.bind_address:
            return {granted.initiator}
        return {who for who in (granted.initiator, granted.ip) if who}

    def _withdraw(self, record: Record) -> None:
        """Remove the target of a volume, its sessions and the accounts bound to it."""
        target = self._tgt.targets().get(self._target_name(record.volume_id))
        if target is None:
            return
        self._tgt.delete_target(target.tid)
        for user in self._tgt.accounts().intersection(target.accounts):
            self._tgt.delete_account(user)


def _secret(n_bytes: int) -> str:
    """A secret without the dash, which would look like an option when it comes first."""
    return ids.secret(n_bytes).replace("-", "0")


def _portal(ip: str, port: int) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
