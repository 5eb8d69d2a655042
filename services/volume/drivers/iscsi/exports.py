"""Who was granted access to which volume, kept beside the volumes.

tgtd forgets everything when it ends; these records (0600, they hold secrets) bring every target back with the
secrets that running hypervisors already use, without asking anybody.
"""

import dataclasses
import json
import os

from services.volume.drivers.base import BackendError


@dataclasses.dataclass(frozen=True)
class Connection:
    """One granted attachment: its CHAP account, whom it is for, and when it was granted (seconds since the epoch)."""

    user: str
    password: str
    initiator: str | None
    ip: str | None
    host: str | None
    read_only: bool
    granted_at: float


@dataclasses.dataclass
class Record:
    """The connections of one volume by attachment key."""

    volume_id: str
    connections: dict[str, Connection] = dataclasses.field(default_factory=dict)


class Records:
    """The folder of records; one file for each exported volume."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def prepare(self) -> None:
        """Make the folder and remove what a crash left half written."""
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        for entry in os.listdir(self._folder):
            if entry.endswith(".tmp"):
                os.unlink(os.path.join(self._folder, entry))

    def get(self, volume_id: str) -> Record:
        """The record of a volume; an empty one when it is not exported."""
        record = Record(volume_id)
        try:
            with open(self._path(volume_id)) as stored:
                data = json.load(stored)
            record.connections = {key: Connection(**value) for key, value in data["connections"].items()}
        except FileNotFoundError:
            return record
        except (ValueError, KeyError, TypeError) as e:
            raise BackendError(f"the export record {self._path(volume_id)} is damaged: {e}") from e
        return record

    def put(self, record: Record) -> None:
        """Store a record atomically, or remove it when it has no connections."""
        path = self._path(record.volume_id)
        if not record.connections:
            if os.path.exists(path):
                os.unlink(path)
            return
        temporary = path + ".tmp"
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(fd, "w") as out:
            json.dump(dataclasses.asdict(record), out)
            out.flush()
            os.fsync(fd)
        os.replace(temporary, path)

    def volume_ids(self) -> list[str]:
        """The exported volumes."""
        return sorted(name[: -len(".json")] for name in os.listdir(self._folder) if name.endswith(".json"))

    def _path(self, volume_id: str) -> str:
        return os.path.join(self._folder, volume_id + ".json")
