"""The table of states: what may be done with a volume or snapshot when, and what it is meanwhile.

Deleting is accepted whatever runs (the running operation is cancelled and undone), except while somebody uses the
volume; `reserved`, `attaching`, `detaching` and `in-use` belong to whoever attaches.
"""

from dataclasses import dataclass

FAILED = ("error", "error_restoring", "error_extending", "error_managing", "error_deleting")
BUSY = ("creating", "downloading", "extending", "retyping", "uploading", "reverting", "restoring-backup", "backing-up")
IDLE = ("available", "in-use")
VOLUME_STATUSES = (
    "creating",
    "available",
    "deleting",
    "error",
    "error_deleting",
    "error_managing",
    "managing",
    "attaching",
    "in-use",
    "detaching",
    "maintenance",
    "restoring-backup",
    "error_restoring",
    "reserved",
    "awaiting-transfer",
    "backing-up",
    "error_backing-up",
    "error_extending",
    "downloading",
    "uploading",
    "retyping",
    "extending",
)
ATTACH_STATUSES = ("detached", "attached", "attaching", "detaching", "reserved", "error_attaching", "error_detaching", "deleted")
SNAPSHOT_STATUSES = ("available", "creating", "deleting", "deleted", "error", "error_deleting", "unmanaging", "backing-up")


@dataclass(frozen=True)
class Change:
    """An action: the statuses it may start from and the one it sets at once (None: none)."""

    allowed: tuple[str, ...]
    becomes: str | None


VOLUME: dict[str, Change] = {
    "delete": Change((*FAILED, "available", "maintenance", *BUSY, "deleting"), "deleting"),
    "extend": Change(("available",), "extending"),
    "extend_online": Change(("available", "in-use"), "extending"),
    "upload": Change(("available",), "uploading"),
    "upload_forced": Change(("available", "in-use"), "uploading"),
    "retype": Change(IDLE, "retyping"),
    "revert": Change(("available",), "reverting"),
    "reimage": Change(("available", "error", "reserved"), "downloading"),
    "transfer": Change(("available",), "awaiting-transfer"),
    "snapshot": Change(("available",), None),
    "snapshot_forced": Change(IDLE, None),
    "source": Change(("available", "in-use", "maintenance", "uploading", "extending", "reserved"), None),
    "reserve": Change(("available", "downloading"), "reserved"),
    "begin_detaching": Change(("in-use",), "detaching"),
    "roll_detaching": Change(("detaching",), "in-use"),
    "set_readonly": Change(("available",), None),
}
SNAPSHOT: dict[str, Change] = {
    "delete": Change(("available", "error", "error_deleting", "creating", "deleting"), "deleting"),
    "source": Change(("available",), None),
}
