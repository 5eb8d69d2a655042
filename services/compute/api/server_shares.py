"""Shares of a server (2.97). No hypervisor here offers them (COMPUTE_STORAGE_VIRTIO_FS), so no server has any."""

from typing import Any, NoReturn

from common import errors
from common.http.request import Request
from services.compute.api.base import load_server
from services.compute.domain import states


def index(request: Request, server_id: str) -> dict[str, Any]:
    """200; 404."""
    load_server(request, server_id)
    return {"shares": []}


def show(request: Request, server_id: str, share_id: str) -> NoReturn:
    """404."""
    load_server(request, server_id)
    raise _not_found(share_id)


def create(request: Request, server_id: str) -> NoReturn:
    """404; 409 for a server that is not stopped, and for its host, which has no shares."""
    _load(request, server_id, "create share", states.STOPPED)
    raise errors.Conflict("Feature not supported because either compute or instance are not configured correctly.")


def delete(request: Request, server_id: str, share_id: str) -> NoReturn:
    """404; 409 for a server that is neither stopped nor in error."""
    _load(request, server_id, "delete share", states.STOPPED, states.ERROR)
    raise _not_found(share_id)


def _load(request: Request, server_id: str, action: str, *accepted: str) -> None:
    row = load_server(request, server_id)
    if row.vm_state not in accepted:
        raise errors.Conflict(f"Cannot '{action}' instance {row.id} while it is in vm_state {row.vm_state}")


def _not_found(share_id: str) -> errors.NotFound:
    return errors.NotFound(f"Share {share_id} could not be found.")
