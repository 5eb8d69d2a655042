"""What an agent can be asked to do with its back end: one function for each verb of a job.

Every verb may run again after a crash, as drivers promise.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from services.volume.agent.images import Images
from services.volume.drivers.base import VolumeDriver

Job = dict[str, Any]


@dataclass
class Backend:
    """One back end: `host` is host@backend; `zone` its availability zone."""

    host: str
    zone: str
    driver: VolumeDriver
    images: Images

    @property
    def pool(self) -> str:
        """The name of its only pool."""
        return f"{self.host}#{self.driver.stats().volume_backend_name}"


def create_volume(backend: Backend, job: Job) -> None:
    """Make a volume: empty, or with the content of a snapshot, a volume or an image."""
    args, volume_id, driver = job["args"], job["volume_id"], backend.driver
    if args.get("image_id"):
        driver.create_from_image(volume_id, args["size"], backend.images.read(job["id"]), args["disk_format"])
    elif args.get("snapshot_id"):
        driver.create_from_snapshot(volume_id, args["size"], args["snapshot_id"])
    elif args.get("source_volume_id"):
        driver.clone_volume(volume_id, args["size"], args["source_volume_id"])
    else:
        driver.create_volume(volume_id, args["size"])


def delete_volume(backend: Backend, job: Job) -> None:
    """Take away all access, then the volume."""
    backend.driver.disconnect(job["volume_id"])
    backend.driver.delete_volume(job["volume_id"])


def extend_volume(backend: Backend, job: Job) -> None:
    """Grow a volume."""
    backend.driver.extend_volume(job["volume_id"], job["args"]["size"])


def create_snapshot(backend: Backend, job: Job) -> None:
    """Make a snapshot."""
    backend.driver.create_snapshot(job["args"]["snapshot_id"], job["volume_id"])


def delete_snapshot(backend: Backend, job: Job) -> None:
    """Remove a snapshot."""
    backend.driver.delete_snapshot(job["args"]["snapshot_id"])


def revert_volume(backend: Backend, job: Job) -> None:
    """Put a volume back to a snapshot."""
    backend.driver.revert_to_snapshot(job["volume_id"], job["args"]["snapshot_id"])


def upload_image(backend: Backend, job: Job) -> None:
    """Stream a volume into an image."""
    backend.images.write(job["id"], backend.driver.read_image(job["volume_id"], job["args"]["disk_format"]))


def reimage_volume(backend: Backend, job: Job) -> None:
    """Write an image over a volume."""
    args, volume_id = job["args"], job["volume_id"]
    backend.driver.delete_volume(volume_id)
    backend.driver.create_from_image(volume_id, args["size"], backend.images.read(job["id"]), args["disk_format"])


VERBS: dict[str, Callable[[Backend, Job], None]] = {
    f.__name__: f
    for f in (
        create_volume,
        delete_volume,
        extend_volume,
        create_snapshot,
        delete_snapshot,
        revert_volume,
        upload_image,
        reimage_volume,
    )
}
