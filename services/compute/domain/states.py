"""The one table of what may be done to a server in which state.

Each row of ACTIONS names the states in which an action is accepted, the task state that it sets and the saga
that carries it out. Nothing else in the service decides by state. Sources: upstream's documented server states and
API reference (409 conditions).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common import errors

ACTIVE, BUILDING, PAUSED, SUSPENDED, STOPPED = "active", "building", "paused", "suspended", "stopped"
RESCUED, RESIZED, SOFT_DELETED, DELETED, ERROR = "rescued", "resized", "soft-delete", "deleted", "error"
SHELVED, SHELVED_OFFLOADED = "shelved", "shelved_offloaded"

SCHEDULING, BLOCK_DEVICE_MAPPING, NETWORKING, SPAWNING = "scheduling", "block_device_mapping", "networking", "spawning"
SNAPSHOT, SNAPSHOT_PENDING, SNAPSHOT_UPLOADING = "image_snapshot", "image_snapshot_pending", "image_uploading"
IMAGE_BACKUP, UPDATING_PASSWORD = "image_backup", "updating_password"
RESIZE_PREP, RESIZE_MIGRATING, RESIZE_MIGRATED, RESIZE_FINISH = (
    "resize_prep",
    "resize_migrating",
    "resize_migrated",
    "resize_finish",
)
RESIZE_REVERTING, RESIZE_CONFIRMING = "resize_reverting", "resize_confirming"
REBOOTING, REBOOT_PENDING, REBOOT_STARTED = "rebooting", "reboot_pending", "reboot_started"
REBOOTING_HARD, REBOOT_PENDING_HARD, REBOOT_STARTED_HARD = "rebooting_hard", "reboot_pending_hard", "reboot_started_hard"
PAUSING, UNPAUSING, SUSPENDING, RESUMING = "pausing", "unpausing", "suspending", "resuming"
POWERING_OFF, POWERING_ON, RESCUING, UNRESCUING = "powering-off", "powering-on", "rescuing", "unrescuing"
REBUILDING, REBUILD_BLOCK_DEVICE_MAPPING, REBUILD_SPAWNING = ("rebuilding", "rebuild_block_device_mapping", "rebuild_spawning")
MIGRATING, DELETING, SOFT_DELETING, RESTORING = "migrating", "deleting", "soft-deleting", "restoring"
SHELVING, SHELVING_OFFLOADING, UNSHELVING = "shelving", "shelving_offloading", "unshelving"

NOSTATE, RUNNING, POWER_PAUSED, SHUTDOWN, CRASHED, POWER_SUSPENDED = 0, 1, 3, 4, 6, 7
POWER = {
    "running": RUNNING,
    "paused": POWER_PAUSED,
    "stopped": SHUTDOWN,
    "crashed": CRASHED,
    "suspended": POWER_SUSPENDED,
    "absent": NOSTATE,
}
"""power_state numbers of clients by the agent's words."""

_RESIZE = dict.fromkeys((RESIZE_PREP, RESIZE_MIGRATING, RESIZE_MIGRATED, RESIZE_FINISH), "RESIZE")
_REBUILD = dict.fromkeys((REBUILDING, REBUILD_BLOCK_DEVICE_MAPPING, REBUILD_SPAWNING), "REBUILD")
_STATUS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    ACTIVE: (
        "ACTIVE",
        {
            **dict.fromkeys((REBOOTING, REBOOT_PENDING, REBOOT_STARTED), "REBOOT"),
            **dict.fromkeys((REBOOTING_HARD, REBOOT_PENDING_HARD, REBOOT_STARTED_HARD), "HARD_REBOOT"),
            UPDATING_PASSWORD: "PASSWORD",
            MIGRATING: "MIGRATING",
            **_REBUILD,
            **_RESIZE,
        },
    ),
    BUILDING: ("BUILD", {}),
    STOPPED: ("SHUTOFF", {**_RESIZE, **_REBUILD}),
    RESIZED: ("VERIFY_RESIZE", {RESIZE_REVERTING: "REVERT_RESIZE"}),
    PAUSED: ("PAUSED", {MIGRATING: "MIGRATING"}),
    SUSPENDED: ("SUSPENDED", {}),
    RESCUED: ("RESCUE", {}),
    ERROR: ("ERROR", _REBUILD),
    DELETED: ("DELETED", {}),
    SOFT_DELETED: ("SOFT_DELETED", {}),
    SHELVED: ("SHELVED", {}),
    SHELVED_OFFLOADED: ("SHELVED_OFFLOADED", {}),
}


def status(vm_state: str, task_state: str | None) -> str:
    """The `status` that clients see."""
    default, by_task = _STATUS.get(vm_state, ("UNKNOWN", {}))
    return by_task.get(task_state, default) if task_state else default


def from_status(word: str) -> tuple[list[str], list[str]]:
    """(vm states, task states) in which a server may have the status `word`; task states empty: any. For filters."""
    vms, tasks = [], []
    for vm, (default, by_task) in _STATUS.items():
        if default == word.upper():
            vms.append(vm)
        elif word.upper() in by_task.values():
            vms.append(vm)
            tasks += [t for t, s in by_task.items() if s == word.upper()]
    return vms, sorted(set(tasks))


ANY = None
"""In `tasks`: whatever is going on."""
IDLE: frozenset[str | None] = frozenset((None,))


@dataclass(frozen=True)
class Action:
    """One thing to do to a server.

    wire      the word in conflict texts and what os-instance-actions shows
    states    vm states in which it is accepted
    tasks     task states in which it is accepted (ANY: all)
    sets      task state while it lasts (None: unchanged)
    saga      kind of saga that does it ("": it is done at once)
    launched  the server must have run before
    """

    wire: str
    states: frozenset[str]
    saga: str
    sets: str | None = None
    tasks: frozenset[str | None] | None = IDLE
    launched: bool = False
    shown: str = ""

    @property
    def recorded(self) -> str:
        """The name in os-instance-actions."""
        return self.shown or self.wire


def _a(wire: str, states: str, saga: str, sets: str | None = None, **more: Any) -> Action:
    return Action(wire, frozenset(states.split()), saga, sets, **more)


_HARD_TASKS: frozenset[str | None] = frozenset(
    (
        None,
        REBOOTING,
        REBOOT_PENDING,
        REBOOT_STARTED,
        REBOOTING_HARD,
        REBOOT_PENDING_HARD,
        REBOOT_STARTED_HARD,
        RESUMING,
        UNPAUSING,
        PAUSING,
        SUSPENDING,
    )
)
_ALL = " ".join(_STATUS)

ACTIONS: Mapping[str, Action] = {
    "start": _a("start", "stopped", "server_power", POWERING_ON),
    "stop": _a("stop", "active error", "server_power", POWERING_OFF, launched=True),
    "reboot_soft": _a("reboot", "active", "server_power", REBOOTING),
    "reboot_hard": _a("reboot", "active stopped paused suspended error", "server_power", REBOOTING_HARD, tasks=_HARD_TASKS),
    "pause": _a("pause", "active", "server_power", PAUSING),
    "unpause": _a("unpause", "paused", "server_power", UNPAUSING),
    "suspend": _a("suspend", "active", "server_power", SUSPENDING),
    "resume": _a("resume", "suspended", "server_power", RESUMING),
    "resize": _a("resize", "active stopped", "server_resize", RESIZE_PREP),
    "migrate": _a("migrate", "active stopped", "server_migrate", RESIZE_PREP),
    "confirm_resize": _a("confirmResize", "resized", "server_resize_confirm", RESIZE_CONFIRMING, shown="confirmResize"),
    "revert_resize": _a("revertResize", "resized", "server_resize_revert", RESIZE_REVERTING, shown="revertResize"),
    "rebuild": _a("rebuild", "active stopped error", "server_rebuild", REBUILDING),
    "snapshot": _a("createImage", "active stopped paused suspended", "server_snapshot", SNAPSHOT_PENDING),
    "backup": _a("createBackup", "active stopped paused suspended", "server_snapshot", IMAGE_BACKUP),
    "rescue": _a("rescue", "active stopped error", "server_rescue", RESCUING),
    "unrescue": _a("unrescue", "rescued", "server_unrescue", UNRESCUING),
    "shelve": _a("shelve", "active stopped paused suspended", "server_shelve", SHELVING),
    "shelve_offload": _a("shelveOffload", "shelved", "server_shelve_offload", SHELVING_OFFLOADING),
    "unshelve": _a("unshelve", "shelved shelved_offloaded", "server_unshelve", UNSHELVING),
    "live_migrate": _a("os-migrateLive", "active paused", "server_live_migrate", MIGRATING, shown="live-migration"),
    "evacuate": _a("evacuate", "active stopped error", "server_evacuate", REBUILDING, tasks=ANY),
    "change_password": _a("changePassword", "active", "server_password", UPDATING_PASSWORD),
    "crash_dump": _a("trigger_crash_dump", "active paused rescued resized error", "server_crash_dump", tasks=ANY),
    "attach_volume": _a(
        "attach_volume", "active paused stopped resized soft-delete shelved shelved_offloaded", "server_attach_volume"
    ),
    "detach_volume": _a(
        "detach_volume", "active paused stopped suspended resized soft-delete shelved shelved_offloaded", "server_detach_volume"
    ),
    "swap_volume": _a("swap_volume", "active paused resized", "server_swap_volume"),
    "attach_interface": _a("attach_interface", "active paused stopped", "server_attach_interface"),
    "detach_interface": _a("detach_interface", "active paused stopped", "server_detach_interface"),
    "restore": _a("restore", "soft-delete", "server_restore", RESTORING),
    "soft_delete": _a("delete", _ALL, "server_soft_delete", SOFT_DELETING, tasks=ANY),
    "delete": _a("delete", _ALL, "server_delete", DELETING, tasks=ANY),
    "force_delete": _a("forceDelete", _ALL, "server_delete", DELETING, tasks=ANY, shown="forceDelete"),
    "update_metadata": _a("update metadata", "active paused suspended stopped", "", tasks=ANY),
    "delete_metadata": _a("delete metadata", "active paused suspended stopped", "", tasks=ANY),
    "reset_network": _a("resetNetwork", "active paused suspended stopped", "", tasks=ANY),
}


def refuse(name: str, server_id: str, attribute: str, value: str | None) -> errors.Conflict:
    """The 409 that a state gives, in upstream's words."""
    wire = ACTIONS[name].wire
    return errors.Conflict(f"Cannot '{wire}' instance {server_id} while it is in {attribute} {value}")


def check(name: str, server: Any) -> Action:
    """The action when `server` (id, vm_state, task_state, launched_at) may take it; errors.Conflict otherwise."""
    action = ACTIONS[name]
    if server.vm_state not in action.states:
        raise refuse(name, server.id, "vm_state", server.vm_state)
    if action.tasks is not None and server.task_state not in action.tasks:
        raise refuse(name, server.id, "task_state", server.task_state)
    if action.launched and server.launched_at is None:
        raise errors.Conflict(f"Cannot '{action.wire}' instance {server.id} while it is not launched")
    return action


def check_lock(server: Any, is_admin: bool) -> None:
    """errors.Conflict when `server` is locked and the caller is no operator."""
    if server.locked and not is_admin:
        raise errors.Conflict(f"Instance {server.id} is locked")
