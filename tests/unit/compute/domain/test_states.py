"""The table of states: what clients see, what is accepted."""

from types import SimpleNamespace

import pytest

from common import errors
from services.compute.domain import states


def server(vm_state="active", task_state=None, **more):
    return SimpleNamespace(id="s", vm_state=vm_state, task_state=task_state, launched_at=1, locked=False, **more)


@pytest.mark.parametrize("vm,task,status", [
    ("active", None, "ACTIVE"), ("active", "rebooting", "REBOOT"), ("active", "reboot_started_hard", "HARD_REBOOT"),
    ("active", "resize_prep", "RESIZE"), ("stopped", "rebuilding", "REBUILD"), ("resized", None, "VERIFY_RESIZE"),
    ("resized", "resize_reverting", "REVERT_RESIZE"), ("building", "spawning", "BUILD"), ("error", "deleting", "ERROR"),
    ("active", "powering-off", "ACTIVE"), ("shelved_offloaded", None, "SHELVED_OFFLOADED"), ("nonsense", None, "UNKNOWN")])
def test_status(vm, task, status):
    assert states.status(vm, task) == status


def test_from_status_is_the_reverse():
    assert states.from_status("active") == (["active"], [])
    assert states.from_status("REBOOT") == (["active"], ["reboot_pending", "reboot_started", "rebooting"])
    assert states.from_status("nonsense") == ([], [])


@pytest.mark.parametrize("name", [n for n in states.ACTIONS if "delete" not in n or "meta" in n])
def test_every_action_refuses_a_building_server(name):
    with pytest.raises(errors.Conflict, match="vm_state building"):
        states.check(name, server("building", "spawning"))


@pytest.mark.parametrize("vm", ["active", "building", "error", "resized", "shelved_offloaded", "rescued"])
def test_delete_is_accepted_in_every_state(vm):
    assert states.check("delete", server(vm, "anything")).saga == "server_delete"


def test_tasks_exclude_each_other_but_a_hard_reboot_breaks_a_soft_one():
    with pytest.raises(errors.Conflict, match="Cannot 'os-migrateLive' instance s while it is in task_state rebooting"):
        states.check("live_migrate", server(task_state="rebooting"))
    assert states.check("reboot_hard", server(task_state="rebooting")).sets == "rebooting_hard"
    with pytest.raises(errors.Conflict):
        states.check("reboot_hard", server(task_state="spawning"))


def test_lock_holds_for_all_but_operators():
    locked = SimpleNamespace(id="s", locked=True)
    with pytest.raises(errors.Conflict, match="Instance s is locked"):
        states.check_lock(locked, False)
    states.check_lock(locked, True)
