"""What a hypervisor driver can do: one small protocol per capability, and the errors they raise.

A driver is a `Driver`: a record with one object per capability. A capability that a driver lacks is None, and the agent
answers "not supported" from that alone; no method exists only to refuse. The package's docstring says how to use them.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any, BinaryIO, Protocol

from services.compute.objects.report import (
    Diagnostics,
    DiskFile,
    Endpoint,
    HostServer,
    NodeReport,
    ServerReport,
)
from services.compute.objects.server import ImageSpec, NicSpec, ServerSpec, VolumeSpec

ImageFetcher = Callable[[str, str], None]
"""(image id, path): stream the image's data into the file `path`; what goes wrong is a DriverError or OSError."""

PowerListener = Callable[[str, str], None]
"""(server uuid, power): the guest changed by itself or otherwise; called on the driver's own thread, must be quick."""


class DriverError(Exception):
    """The hypervisor could not do what was asked; the text is fit for a server's fault.

    `retryable` says whether the same call may succeed later with nothing changed but time.
    """

    retryable = False


class HypervisorDown(DriverError):
    """The hypervisor daemon does not answer."""

    retryable = True


class ServerNotFound(DriverError):
    """No such server on this host."""


class Unsupported(DriverError):
    """The server asks for something that this driver cannot give (a flavor extra, an image property, a volume type)."""


class ImageRefused(DriverError):
    """The image is unusable or dangerous: backing file, wrong format, wrong checksum, larger than the disk."""


class NoSpace(DriverError):
    """The host's disk is too full."""


class DeviceBusy(DriverError):
    """The guest does not give up a device that is to be detached."""

    retryable = True


class NotQuiesced(DriverError):
    """The guest's file systems could not be frozen, and the image says that they must be (os_require_quiesce)."""


class MigrationAborted(DriverError):
    """A live migration was stopped because somebody asked for it; the guest goes on where it was."""


class SimulatedFailure(DriverError):
    """The simulated driver was told to fail here."""


class Lifecycle(Protocol):
    """Servers as wholes. Every method is idempotent and safe to repeat after a crash at any point."""

    def ensure(self, spec: ServerSpec) -> ServerReport:
        """Make the server exist as `spec` says: disks, domain, devices and power state. Blocks until it is so."""

    def destroy(self, uuid: str) -> None:
        """Remove the server with all its files and secrets, at once; nothing happens when there is none."""

    def forget(self, uuid: str) -> None:
        """Remove what this host has of a server that lives elsewhere or nowhere: `destroy`, but for files on shared storage."""

    def set_power(self, uuid: str, wanted: str, timeout_s: float | None = None) -> ServerReport:
        """Bring an existing server to running, stopped, paused or suspended.

        Stopping asks the guest first and pulls the plug after `timeout_s` (None: the configured time, 0: at once).
        """

    def reboot(self, spec: ServerSpec, hard: bool) -> ServerReport:
        """Restart the guest: soft asks it and falls back to hard; hard builds the domain anew from `spec`."""

    def interrupt(self, uuid: str) -> None:
        """Send a running guest a non-maskable interrupt, on which its kernel may write a crash dump."""

    def report(self, uuid: str) -> ServerReport:
        """The real state now; power `absent` when there is no such server."""

    def servers(self) -> list[HostServer]:
        """Every server of ours on this host, orphans and left-over files included; others' domains are not listed."""

    def listen(self, listener: PowerListener) -> None:
        """Have `listener` called whenever a server's power state changes."""

    def close(self) -> None:
        """Let go of the hypervisor; servers go on running."""


class Inventory(Protocol):
    """What the host has."""

    def nodes(self) -> list[str]:
        """Names of the nodes this driver manages (one for a real hypervisor)."""

    def connector(self, name: str) -> dict[str, Any]:
        """How a node reaches volumes, as block storage wants it for an attachment (host, ip, initiator, …)."""

    def node(self, name: str) -> NodeReport:
        """Capacity, traits and usage of one node; ServerNotFound when it is not ours."""


class Consoles(Protocol):
    """Looking at and typing into a guest."""

    def output(self, uuid: str, lines: int | None) -> str:
        """The last `lines` lines (None: all, at most 100 KiB) the guest wrote on its serial console."""

    def endpoint(self, uuid: str, kind: str) -> Endpoint:
        """Where the `vnc` or `serial` console listens; DriverError when the server has none or is off."""


class Disks(Protocol):
    """Volumes and the root disk of existing servers."""

    def attach(self, uuid: str, volume: VolumeSpec) -> str:
        """Attach a volume, hot when the guest runs; returns its device name (`/dev/vdb`). Attached already: the same."""

    def detach(self, uuid: str, volume_id: str) -> None:
        """Detach a volume; waits for the guest to let go, DeviceBusy if it does not. Not attached: nothing."""

    def swap(self, uuid: str, old_id: str, volume: VolumeSpec, size_bytes: int | None, wanted: Callable[[], bool]) -> None:
        """Copy an attached volume to `volume`, which is as large at least, and give it to the running guest in its place.

        The guest goes on. `size_bytes` is the old one's size where the new one is larger: the guest has no more of it until its
        domain is built anew. `wanted` is asked again and again while it is copied; a DriverError leaves the guest with the old
        one. Swapped already: nothing.
        """

    def unswap(self, uuid: str, old_id: str, volume: VolumeSpec) -> bool:
        """End a swap that is under way. True, and nothing done, when the guest has `volume` already."""

    def extend(self, uuid: str, volume_id: str, size_bytes: int) -> None:
        """Tell a running guest that a volume became `size_bytes` large."""

    def snapshot(self, uuid: str, path: str, disk_format: str, must_quiesce: bool = False) -> DiskFile:
        """Write a stand-alone copy of the root disk to the new file `path` (qcow2 or raw), consistent in time.

        A running guest goes on; its file systems are frozen for the moment of the copy when its agent answers, and
        NotQuiesced is raised when `must_quiesce` and it does not.
        """


class Nics(Protocol):
    """Network cards of existing servers."""

    def attach(self, uuid: str, nic: NicSpec) -> None:
        """Plug a card, hot when the guest runs. Plugged already: nothing."""

    def detach(self, uuid: str, port_id: str) -> None:
        """Unplug a card; waits for the guest, DeviceBusy if it does not let go. Not plugged: nothing."""


class Resize(Protocol):
    """Changing a server's size or host, with the way back kept open until it is confirmed.

    On the source: `prepare`, then (`confirm` | `revert`). On the destination: for another host, `expect`, then `receive` each
    disk that `prepare` listed, then `finish`; to undo there, `abandon` (the same host: `revert` alone does both).
    """

    def prepare(self, uuid: str, timeout_s: float | None = None) -> tuple[DiskFile, ...]:
        """Stop the server, take its domain away and put its disks aside; returns them. Repeating returns them again."""

    def open_disk(self, uuid: str, name: str) -> BinaryIO:
        """Read a file of a server, of what was put aside if something was, for sending it to another host."""

    def expect(self, spec: ServerSpec, disks: Iterable[Mapping[str, Any]]) -> bool:
        """Get ready to receive `disks` (`name` and `size` in bytes of each) with nothing left of an earlier try; NoSpace.

        False when the disks that the other host put aside are seen from here, so that nothing has to be sent.
        """

    def known(self, spec: ServerSpec, name: str, size: int) -> bool:
        """Whether a file need not be sent, since this host has it, too (an image's base); it is put in its place then."""

    def receive(self, spec: ServerSpec, name: str, size: int, frames: Iterable[tuple[int, bytes]]) -> None:
        """Store a disk that another host sends as (offset, bytes); complete or absent."""

    def sees_disks(self, uuid: str) -> bool:
        """Whether the server's own disks are here, as on storage that hosts share when their host is lost."""

    def finish(self, spec: ServerSpec) -> ServerReport:
        """Build the server of the new size from the disks put aside or received; root grows, never shrinks."""

    def abandon(self, uuid: str) -> None:
        """Remove what was received and what `finish` made of it, but nothing that was put aside."""

    def confirm(self, uuid: str) -> None:
        """Drop what `prepare` put aside."""

    def revert(self, spec: ServerSpec) -> ServerReport:
        """Bring back what `prepare` put aside, replacing what `finish` made on this host, as the old `spec` says."""


Watcher = Callable[[Mapping[str, int]], str | None]
"""Called again and again with a live migration's counters (`memory_total`, `disk_remaining` … in bytes): what to do now,
`abort`, `force_complete` or nothing."""


class Live(Protocol):
    """Moving a server while it runs. Source: `probe`, `send`, `clean`; destination: `receive`, then `arrive` or `abandon`.

    What `probe` finds goes to the destination, what `receive` plans comes back; both are JSON objects that only drivers of
    one kind read. `plan["files"]` are names that the source is to send first (`Resize.open_disk`, `receive` below), and
    `plan["channels"]` {name: UNIX socket} are streams that the agents pass between the hosts while `send` runs:
    on the source they are listened on, on the destination connected to, at `plan["ends"]`.
    """

    def probe(self, uuid: str) -> dict[str, Any]:
        """What the destination must know; DriverError when the server cannot be moved while it runs."""

    def receive(self, spec: ServerSpec, found: Mapping[str, Any], block: bool | None, full_size: bool) -> dict[str, Any]:
        """Get ready here for the server that `probe` found. `block`: whether disks are to be copied (None: if they must be).

        `full_size`: refuse (NoSpace) unless copied disks have room here to become as large as their guest may make them.
        """

    def known(self, spec: ServerSpec, name: str, size: int) -> bool:
        """As `Resize.known`."""

    def store(self, spec: ServerSpec, name: str, size: int, frames: Iterable[tuple[int, bytes]]) -> None:
        """As `Resize.receive`."""

    def make_way(self, plan: Mapping[str, Any]) -> None:
        """On the source, make the folder in which the plan's channels are to be listened on."""

    def send(self, uuid: str, plan: Mapping[str, Any], watch: Watcher, switching: Callable[[], None]) -> dict[str, Any]:
        """Move the guest; returns what `arrive` needs when it runs there, raises while it runs here.

        `switching` is called when the guest stands still here, for the last of it to cross (it may go on here still).

        MigrationAborted when `watch` said so. A guest that is not here (any more) is no error: {"gone": True}.
        """

    def arrive(self, spec: ServerSpec, state: Mapping[str, Any], found: Mapping[str, Any]) -> ServerReport:
        """The guest runs here now; ServerNotFound when it does not."""

    def arrived(self, uuid: str) -> bool:
        """Whether a domain on the destination is the guest itself, and not one that waits for it."""

    def clean(self, uuid: str, found: Mapping[str, Any], plan: Mapping[str, Any] | None) -> None:
        """On the source, remove what is left of a server that moved (`plan`), or of the attempt (no plan)."""

    def abandon(self, uuid: str, found: Mapping[str, Any]) -> None:
        """On the destination, remove everything that `receive` made, for the guest does not come."""


class Guest(Protocol):
    """What needs an agent inside the guest (image property `hw_qemu_guest_agent`)."""

    def set_password(self, uuid: str, user: str, password: str) -> None:
        """Set a user's password; DriverError when no agent of the guest answers (one that boots is waited for)."""

    def freeze(self, uuid: str) -> bool:
        """Flush and freeze its file systems; false when there is no agent."""

    def thaw(self, uuid: str) -> None:
        """Undo `freeze`; harmless when nothing is frozen."""


class DiagnosticsSource(Protocol):
    """Counters of running servers."""

    def read(self, uuid: str) -> Diagnostics:
        """Counters now; DriverError when the server does not run."""


class Housekeeping(Protocol):
    """What a host does for itself, on the agent's periodic pass."""

    def prefetch(self, image: ImageSpec) -> None:
        """Have an image ready for a later boot."""

    def sweep(self) -> list[str]:
        """Remove cached images nobody uses, cut overlong logs; returns what was removed."""


@dataclasses.dataclass(frozen=True, slots=True)
class Driver:
    """A hypervisor, as the sum of its capabilities; an optional one is None where it is missing."""

    name: str
    lifecycle: Lifecycle
    inventory: Inventory
    consoles: Consoles
    disks: Disks
    nics: Nics
    resize: Resize | None
    guest: Guest | None
    diagnostics: DiagnosticsSource | None
    housekeeping: Housekeeping | None
    live: Live | None
