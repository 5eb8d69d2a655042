"""A back end in memory, for the embedded profile and for tests with thousands of volumes.

Delays and failures come from options. What is not zero of an image's content is kept (up to
`content_limit_mb`), so that an image uploaded from a volume is the one it was made from. With `journal_path`
the volumes (not their content) are known again after a restart.
"""

import dataclasses
import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from oslo_config import cfg

from common import clock, ids
from services.volume.drivers.base import AlreadyExists, BackendError, ImageUnacceptable, InUse, NoSpace, NotFound
from services.volume.objects.storage import GIB, Connector, PoolStats, StoredSnapshot, StoredVolume

_BLOCK_BYTES = 1024 * 1024
_ZEROS = bytes(_BLOCK_BYTES)
_RAW = {"raw", "iso", "ami", "ari", "aki"}


@dataclasses.dataclass
class _Disk:
    """A volume or snapshot: its size and its blocks that are not zero, by number."""

    size_gb: int
    blocks: dict[int, bytes] = dataclasses.field(default_factory=dict)
    origin: str | None = None
    connections: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)


class SimulatedDriver:
    """Implements every protocol of `base`."""

    VERSION = "1.0.0"

    def __init__(self, name: str, settings: cfg.ConfigOpts.GroupAttr) -> None:
        self.name = name
        self._settings = settings
        self._lock = threading.Lock()
        self._volumes: dict[str, _Disk] = {}
        self._snapshots: dict[str, _Disk] = {}

    # Backend

    def start(self) -> None:
        """See `Backend.start`."""
        path = self._settings.journal_path
        if not path or not os.path.exists(path):
            return
        with self._lock:
            with open(path) as journal:
                for line in journal:
                    self._replay(line)
            # Rewritten short: what was deleted needs no memory.
            with open(path + ".tmp", "w") as journal:
                for what, disks in (("volume", self._volumes), ("snapshot", self._snapshots)):
                    for key, disk in disks.items():
                        journal.write(json.dumps([what, key, disk.size_gb, disk.origin]) + "\n")
            os.replace(path + ".tmp", path)

    def stop(self) -> None:
        """Nothing to release."""

    # VolumeLifecycle

    def create_volume(self, volume_id: str, size_gb: int) -> None:
        """See `VolumeLifecycle.create_volume`."""
        self._act("create_volume")
        with self._lock:
            self._add(volume_id, size_gb, {})

    def delete_volume(self, volume_id: str) -> None:
        """See `VolumeLifecycle.delete_volume`."""
        self._act("delete_volume")
        with self._lock:
            disk = self._volumes.get(volume_id)
            if disk is not None and disk.connections:
                raise InUse(f"volume {volume_id} is exported to {', '.join(sorted(disk.connections))}")
            if self._volumes.pop(volume_id, None):
                self._remember("volume", volume_id, None)

    def extend_volume(self, volume_id: str, size_gb: int) -> None:
        """See `VolumeLifecycle.extend_volume`."""
        self._act("extend_volume")
        with self._lock:
            disk = self._volume(volume_id)
            if size_gb > disk.size_gb:
                self._require(size_gb - disk.size_gb)
                disk.size_gb = size_gb
                self._remember("volume", volume_id, size_gb)

    # Snapshots

    def create_snapshot(self, snapshot_id: str, volume_id: str) -> None:
        """See `Snapshots.create_snapshot`."""
        self._act("create_snapshot")
        with self._lock:
            source = self._volume(volume_id)
            if snapshot_id not in self._snapshots:
                self._snapshots[snapshot_id] = _Disk(source.size_gb, dict(source.blocks), volume_id)
                self._remember("snapshot", snapshot_id, source.size_gb, volume_id)

    def delete_snapshot(self, snapshot_id: str) -> None:
        """See `Snapshots.delete_snapshot`."""
        self._act("delete_snapshot")
        with self._lock:
            if self._snapshots.pop(snapshot_id, None):
                self._remember("snapshot", snapshot_id, None)

    def create_from_snapshot(self, volume_id: str, size_gb: int, snapshot_id: str) -> None:
        """See `Snapshots.create_from_snapshot`."""
        self._act("create_from_snapshot")
        with self._lock:
            self._copy(volume_id, size_gb, self._snapshot(snapshot_id))

    def clone_volume(self, volume_id: str, size_gb: int, source_volume_id: str) -> None:
        """See `Snapshots.clone_volume`."""
        self._act("clone_volume")
        with self._lock:
            self._copy(volume_id, size_gb, self._volume(source_volume_id))

    def revert_to_snapshot(self, volume_id: str, snapshot_id: str) -> None:
        """See `Snapshots.revert_to_snapshot`."""
        self._act("revert_to_snapshot")
        with self._lock:
            disk = self._volume(volume_id)
            if disk.connections:
                raise InUse(f"volume {volume_id} is exported")
            disk.blocks = dict(self._snapshot(snapshot_id).blocks)

    # ImageTransfer

    def create_from_image(self, volume_id: str, size_gb: int, chunks: Iterable[bytes], disk_format: str) -> None:
        """See `ImageTransfer.create_from_image`.

        Content is kept of formats whose bytes are the disk; others are read to the end, and the volume is empty,
        as nothing here could boot from it anyway.
        """
        self._act("create_from_image")
        if disk_format not in _RAW:
            for _ in chunks:
                pass
            chunks = ()
        blocks: dict[int, bytes] = {}
        pending, number = b"", 0
        for chunk in chunks:
            pending += chunk
            while len(pending) >= _BLOCK_BYTES:
                self._keep(blocks, number, pending[:_BLOCK_BYTES], size_gb)
                pending, number = pending[_BLOCK_BYTES:], number + 1
        if pending:
            self._keep(blocks, number, pending, size_gb)
        with self._lock:
            self._add(volume_id, size_gb, blocks)

    def read_image(self, volume_id: str, disk_format: str) -> Iterator[bytes]:
        """See `ImageTransfer.read_image`; only formats whose bytes are the disk."""
        self._act("read_image")
        if disk_format not in _RAW:
            raise ImageUnacceptable(f"a simulated volume cannot become a {disk_format} image")
        with self._lock:
            disk = self._volume(volume_id)
            size_gb, blocks = disk.size_gb, dict(disk.blocks)
        for number in range(size_gb * GIB // _BLOCK_BYTES):
            yield blocks.get(number, _ZEROS)

    # Export

    def connect(self, volume_id: str, attachment: str, connector: Connector, read_only: bool = False) -> dict[str, Any]:
        """See `Export.connect`."""
        self._act("connect")
        data = {
            "volume_id": volume_id, "attachment": attachment, "access_mode": "ro" if read_only else "rw",
            "host": connector.host, "encrypted": False, "qos_specs": None, "cacheable": False,
        }
        with self._lock:
            self._volume(volume_id).connections[attachment] = data | {"granted_at": clock.time()}
        return {"driver_volume_type": "simulated", "data": data}

    def disconnect(self, volume_id: str, attachment: str | None = None) -> None:
        """See `Export.disconnect`."""
        self._act("disconnect")
        with self._lock:
            disk = self._volumes.get(volume_id)
            if disk is not None and attachment is None:
                disk.connections.clear()
            elif disk is not None and attachment is not None:
                disk.connections.pop(attachment, None)

    def reconcile_exports(self, wanted: Mapping[str, Sequence[str]], min_age_s: float = 120.0) -> list[str]:
        """See `Export.reconcile_exports`; nothing is ever lost here, so nothing is repaired."""
        with self._lock:
            before = clock.time() - min_age_s
            for volume_id, disk in self._volumes.items():
                keep = wanted.get(volume_id, ())
                disk.connections = {
                    key: one for key, one in disk.connections.items() if key in keep or one["granted_at"] > before
                }
        return []

    # Capacity, Listing

    def stats(self) -> PoolStats:
        """See `Capacity.stats`."""
        with self._lock:
            volumes, snapshots = self._promised(self._volumes), self._promised(self._snapshots)
        total = self._settings.capacity_gb
        return PoolStats(
            volume_backend_name=self._settings.volume_backend_name or self.name, storage_protocol="simulated",
            driver_version=self.VERSION, total_capacity_gb=total,
            free_capacity_gb=max(0.0, total - volumes - snapshots), allocated_capacity_gb=volumes,
            provisioned_capacity_gb=volumes + snapshots,
            max_over_subscription_ratio=self._settings.max_over_subscription_ratio,
            reserved_percentage=self._settings.reserved_percentage,
            thin_provisioning_support=False, thick_provisioning_support=True,
            multiattach=True, online_extend_support=True, location_info="simulated",
        )

    def list_volumes(self) -> list[StoredVolume]:
        """See `Listing.list_volumes`."""
        with self._lock:
            found = sorted(self._volumes.items())
            return [StoredVolume(key, disk.size_gb * GIB, tuple(sorted(disk.connections))) for key, disk in found]

    def list_snapshots(self) -> list[StoredSnapshot]:
        """See `Listing.list_snapshots`."""
        with self._lock:
            return [StoredSnapshot(key, disk.size_gb * GIB, disk.origin) for key, disk in sorted(self._snapshots.items())]

    # Inner work

    def _act(self, operation: str) -> None:
        """The delay and the failures that options ask for."""
        if self._settings.delay_s:
            clock.sleep(self._settings.delay_s)
        rate = self._settings.failure_rate
        if operation in self._settings.fail_operations or (rate and ids.uniform(0, 1) < rate):
            raise BackendError(f"simulated failure of {operation}")

    def _volume(self, volume_id: str) -> _Disk:
        if volume_id not in self._volumes:
            raise NotFound(f"volume {volume_id} is not on {self.name}")
        return self._volumes[volume_id]

    def _snapshot(self, snapshot_id: str) -> _Disk:
        if snapshot_id not in self._snapshots:
            raise NotFound(f"snapshot {snapshot_id} is not on {self.name}")
        return self._snapshots[snapshot_id]

    def _add(self, volume_id: str, size_gb: int, blocks: dict[int, bytes]) -> None:
        old = self._volumes.get(volume_id)
        if old is not None and old.size_gb != size_gb:
            raise AlreadyExists(f"volume {volume_id} exists with another size")
        if old is None:
            self._require(size_gb)
            self._volumes[volume_id] = _Disk(size_gb, blocks)
            self._remember("volume", volume_id, size_gb)

    def _copy(self, volume_id: str, size_gb: int, source: _Disk) -> None:
        if source.size_gb > size_gb:
            raise BackendError(f"volume {volume_id} of {size_gb} GiB is smaller than its source")
        self._add(volume_id, size_gb, dict(source.blocks))

    def _require(self, size_gb: int) -> None:
        ratio = self._settings.max_over_subscription_ratio
        if self._promised(self._volumes) + size_gb > self._settings.capacity_gb * ratio:
            raise NoSpace(f"{self.name} has no room for {size_gb} GiB")

    def _keep(self, blocks: dict[int, bytes], number: int, block: bytes, size_gb: int) -> None:
        if number * _BLOCK_BYTES + len(block) > size_gb * GIB:
            raise ImageUnacceptable(f"the image has more than the {size_gb} GiB of the volume")
        if block == _ZEROS[: len(block)]:
            return
        with self._lock:
            # Blocks are shared by copies; each is counted once.
            kept = {id(one) for disk in [*self._volumes.values(), *self._snapshots.values()] for one in disk.blocks.values()}
        if len(kept) + len(blocks) >= self._settings.content_limit_mb:
            raise NoSpace(f"{self.name} keeps at most {self._settings.content_limit_mb} MiB of content (content_limit_mb)")
        blocks[number] = block.ljust(_BLOCK_BYTES, b"\0")

    @staticmethod
    def _promised(disks: Mapping[str, _Disk]) -> int:
        return sum(disk.size_gb for disk in disks.values())

    def _remember(self, what: str, key: str, size_gb: int | None, origin: str | None = None) -> None:
        if self._settings.journal_path:
            with open(self._settings.journal_path, "a") as journal:
                journal.write(json.dumps([what, key, size_gb, origin]) + "\n")

    def _replay(self, line: str) -> None:
        try:
            what, key, size_gb, origin = json.loads(line)
        except ValueError:
            return  # the last line, cut by a crash
        disks = self._volumes if what == "volume" else self._snapshots
        if size_gb is None:
            disks.pop(key, None)
        elif key in disks:
            disks[key].size_gb = size_gb
        else:
            disks[key] = _Disk(size_gb, origin=origin)
