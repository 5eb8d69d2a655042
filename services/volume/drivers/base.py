"""The protocols a volume back end may implement, one small one for each capability.

All methods are synchronous, idempotent and safe to repeat after a crash: creating what is there with the
same size does nothing, deleting what is gone does nothing, and a half-made thing is never visible under its
final name. They may run in several threads at once for different volumes. Ids are those of the database
(the *name id* after a migration); sizes are in GiB unless a name says bytes. Only errors derived from
`BackendError` are raised for what an operator or tenant can cause.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from services.volume.objects.storage import Connector, PoolStats, StoredSnapshot, StoredVolume


class BackendError(Exception):
    """A back end could not do what was asked; the text says what and why, without secrets."""


class NotFound(BackendError):
    """The volume or snapshot is not on this back end."""


class AlreadyExists(BackendError):
    """Something else (another size) has this id."""


class InUse(BackendError):
    """The volume is exported to somebody, or something depends on it."""


class NoSpace(BackendError):
    """The back end is full."""


class InvalidConnector(BackendError):
    """The connector lacks what this back end needs to grant access."""


class ImageUnacceptable(BackendError):
    """The image is damaged, unsafe, of another format, or larger than the volume."""


class Cancelled(BackendError):
    """A long copy was ended because its volume is being deleted."""


@runtime_checkable
class Backend(Protocol):
    """What every driver has: a life of its own within the agent."""

    name: str

    def start(self) -> None:
        """Check the configuration, start what the driver owns, clean what a crash left, restore all exports."""

    def stop(self) -> None:
        """Release the agent's handles; exports and daemons go on, so that a restart disturbs no server."""


@runtime_checkable
class VolumeLifecycle(Protocol):
    """Empty volumes."""

    def create_volume(self, volume_id: str, size_gb: int) -> None:
        """Make an empty volume that reads as zeros."""

    def delete_volume(self, volume_id: str) -> None:
        """Remove a volume, cancelling a copy into it; InUse while it is exported."""

    def extend_volume(self, volume_id: str, size_gb: int) -> None:
        """Grow a volume to `size_gb`; never shrinks. Online where the capability table says so."""


@runtime_checkable
class Snapshots(Protocol):
    """Points in time of a volume, and volumes made from them."""

    def create_snapshot(self, snapshot_id: str, volume_id: str) -> None:
        """Keep the present content of a volume."""

    def delete_snapshot(self, snapshot_id: str) -> None:
        """Remove a snapshot; volumes made from it stay whole."""

    def create_from_snapshot(self, volume_id: str, size_gb: int, snapshot_id: str) -> None:
        """Make a volume with a snapshot's content, grown to `size_gb`."""

    def clone_volume(self, volume_id: str, size_gb: int, source_volume_id: str) -> None:
        """Make a volume with another volume's content, grown to `size_gb`."""

    def revert_to_snapshot(self, volume_id: str, snapshot_id: str) -> None:
        """Put a volume's content back to a snapshot, keeping the volume's size; InUse while exported."""


@runtime_checkable
class ImageTransfer(Protocol):
    """Between volumes and the image service."""

    def create_from_image(self, volume_id: str, size_gb: int, chunks: Iterable[bytes], disk_format: str) -> None:
        """Make a volume from an image's bytes in `disk_format`.

        ImageUnacceptable when the image refers to other files, is not what it says, or is larger than the volume.
        """

    def read_image(self, volume_id: str, disk_format: str) -> Iterator[bytes]:
        """The volume's content as an image of `disk_format` (raw, qcow2, vmdk, vhd, vhdx, vdi), in chunks."""


@runtime_checkable
class Export(Protocol):
    """Access of hosts to volumes. `attachment` is a key that names one connection: the attachment's id."""

    def connect(self, volume_id: str, attachment: str, connector: Connector, read_only: bool = False) -> dict[str, Any]:
        """Grant access; the answer is the API's `connection_info`: {"driver_volume_type": str, "data": dict}."""

    def disconnect(self, volume_id: str, attachment: str | None = None) -> None:
        """Take access away, ending live sessions; without `attachment`, of everybody."""

    def reconcile_exports(self, wanted: Mapping[str, Sequence[str]], min_age_s: float = 120.0) -> list[str]:
        """Make exports equal to `wanted` {volume id: attachment keys}; answers the volume ids that were repaired.

        Known exports are restored with their old secrets, exports that are not wanted are withdrawn, except
        those younger than `min_age_s`: whoever wrote `wanted` may not have known them yet. A wanted export that
        the back end never granted cannot be restored and is not in the answer.
        """


@runtime_checkable
class Capacity(Protocol):
    """What the scheduler asks."""

    def stats(self) -> PoolStats:
        """The pool's size and abilities now."""


@runtime_checkable
class Listing(Protocol):
    """What exists, so that orphans can be found."""

    def list_volumes(self) -> list[StoredVolume]:
        """All volumes of this back end."""

    def list_snapshots(self) -> list[StoredSnapshot]:
        """All snapshots of this back end."""


class VolumeDriver(Backend, VolumeLifecycle, Snapshots, ImageTransfer, Export, Capacity, Listing, Protocol):
    """A back end with every capability, as the shipped ones are."""
