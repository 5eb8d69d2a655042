"""Reading the filters of a list of servers."""

from typing import Any

from common import errors
from common.http import paging
from common.http.paging import Page
from common.http.request import Request, boolean
from services.compute.api.base import until, when
from services.compute.api.schemas.servers import SORT_KEYS
from services.compute.db.servers import Filter
from services.compute.domain import states

_TENANT = {
    "reservation_id",
    "name",
    "display_name",
    "status",
    "image",
    "flavor",
    "ip",
    "ip6",
    "changes-since",
    "tags",
    "tags-any",
    "not-tags",
    "not-tags-any",
    "limit",
    "marker",
    "sort_key",
    "sort_dir",
}
_TENANT_283 = {
    "availability_zone",
    "config_drive",
    "key_name",
    "created_at",
    "launched_at",
    "terminated_at",
    "power_state",
    "task_state",
    "vm_state",
    "progress",
    "user_id",
    "locked",
    "changes-before",
}
_EXACT = {
    "user_id": "user_id",
    "launch_index": "launch_index",
    "image": "image_id",
    "image_ref": "image_id",
    "kernel_id": "kernel_id",
    "ramdisk_id": "ramdisk_id",
    "key_name": "key_name",
    "task_state": "task_state",
    "host": "host",
    "node": "node",
    "flavor": "flavorid",
    "reservation_id": "reservation_id",
    "availability_zone": "availability_zone",
    "locked_by": "locked_by",
    "uuid": "id",
    "root_device_name": "root_device_name",
    "access_ip_v4": "access_ip_v4",
    "access_ip_v6": "access_ip_v6",
}
_REGEXPS = {
    "name": "name",
    "display_name": "name",
    "description": "description",
    "display_description": "description",
    "hostname": "hostname",
}
_TIMES = {"created_at": "created_at", "launched_at": "launched_at", "terminated_at": "terminated_at"}
_NUMBERS = {"power_state": "power_state", "progress": "progress"}


def read(request: Request, *, detail: bool) -> tuple[Filter | None, Page]:
    """(which servers, which page); no filter: nothing can match. errors: BadRequest, Forbidden."""
    page = paging.read(request, keys=tuple(SORT_KEYS), aliases=SORT_KEYS)
    given = {k: v[-1] for k, v in request.query.items() if v}
    project = _project(request, given, detail)
    if not request.allowed("os_compute_api:servers:allow_all_filters"):
        allowed = _TENANT | (_TENANT_283 if request.at_least("2.83") else {"locked"} if request.at_least("2.73") else set())
        if request.at_least("2.66"):
            allowed = allowed | {"changes-before"}
        if given.get("deleted") and boolean(given["deleted"], "deleted") is False:
            allowed = allowed | {"deleted"}
        given = {k: v for k, v in given.items() if k in allowed}
    deleted: bool | None = None if "changes-since" in given else False
    if "deleted" in given:
        deleted = boolean(given["deleted"], "deleted")
    values: dict[str, Any] = {"project_id": project, "equal": {}, "any_of": {}, "regexps": {}}
    _plain(request, given, values)
    if "status" in given and not _status(request, values):
        return None, page
    if "status" in given and values.pop("shows_deleted", False):
        deleted = True
    for name in ("tags", "tags-any", "not-tags", "not-tags-any"):
        if name in given and request.at_least("2.26"):
            values[name.replace("-", "_")] = given[name].split(",")
    if "changes-since" in given:
        values["changes_since"] = when(given["changes-since"], "changes-since")
    if "changes-before" in given and request.at_least("2.66"):
        values["changes_before"] = until(given["changes-before"], "changes-before")
        if values.get("changes_since") is not None and values["changes_since"] > values["changes_before"]:
            raise errors.BadRequest("The value of changes-since must be less than or equal to changes-before.")
    return Filter(deleted=deleted, **values), page


def _project(request: Request, given: dict[str, str], detail: bool) -> str | None:
    """The project whose servers are listed; None: all."""
    text = given.pop("all_tenants", given.pop("all_projects", None))
    everything = text is not None and (text == "" or boolean(text, "all_tenants"))
    wanted = given.pop("project_id", None) or given.pop("tenant_id", None)
    if everything:
        policy = "os_compute_api:servers:detail:get_all_tenants" if detail else "os_compute_api:servers:index:get_all_tenants"
        request.authorize(None, policy)
        return wanted
    return str(request.context.project_id)


def _plain(request: Request, given: dict[str, str], values: dict[str, Any]) -> None:
    for name, text in given.items():
        if name in _EXACT:
            values["equal"][_EXACT[name]] = None if name == "task_state" and text == "None" else text
        elif name in _REGEXPS:
            values["regexps"][_REGEXPS[name]] = text
        elif name in _TIMES:
            values["equal"][_TIMES[name]] = when(text, name)
        elif name in _NUMBERS:
            values["equal"][_NUMBERS[name]] = _number(text, name)
        elif name in ("config_drive", "auto_disk_config"):
            values["equal"][name] = boolean(text, name)
        elif name == "locked" and request.at_least("2.73"):
            values["equal"]["locked"] = boolean(text, "locked")
        elif name in ("ip", "ip6"):
            values[name] = text
    words = request.query.get("vm_state")
    if words and "vm_state" in given:
        values["any_of"]["vm_state"] = words


def _number(text: str, name: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise errors.BadRequest(f"Invalid value for {name}: {text}") from None


def _status(request: Request, values: dict[str, Any]) -> bool:
    """Turn `status` words into states; False when no server can have one of them."""
    vms: set[str] = set()
    tasks: set[str] = set()
    for word in request.query.get("status", ()):
        found, doing = states.from_status(word)
        vms.update(found)
        tasks.update(doing)
    if not vms:
        return False
    if "deleted" in vms and not request.context.has_admin_role:
        raise errors.Forbidden("Only administrators may list deleted instances")
    values["any_of"]["vm_state"] = sorted(vms)
    if tasks:
        values["any_of"]["task_state"] = [None, *sorted(tasks)] if len(request.query["status"]) > 1 else sorted(tasks)
    if "deleted" in vms:
        values["shows_deleted"] = True
    return True
