"""Snapshots that block storage cannot take alone, because a hypervisor holds the volume's file open.

No backend of this cloud's block storage keeps volumes in such files: whatever a server has attached is a device on the network,
which only block storage itself can snapshot. Somebody who asks for it all the same is told so as upstream's agent does: the
snapshot gets a status that says that it failed.
"""

import logging
from typing import Any

from common import errors
from common.clients.base import RemoteError
from services.compute.db import server_parts, servers
from services.compute.domain import states
from services.compute.domain.deps import Deps

LOG = logging.getLogger(__name__)


def create(deps: Deps, context: Any, volume_id: str, snapshot_id: str) -> None:
    """Report that an attached volume cannot be snapshotted by its hypervisor. errors.BadRequest."""
    _server(deps, volume_id, "create")
    _tell(deps, context, snapshot_id, "error")


def delete(deps: Deps, context: Any, volume_id: str, snapshot_id: str, merging: bool) -> None:
    """Report that there is nothing to take out of an attached volume. `merging`: into a file other than the newest.

    errors.BadRequest.
    """
    server = _server(deps, volume_id, "delete")
    if merging and server.vm_state != states.ACTIVE:
        raise _refused(server, "vm_state", server.vm_state, "volume_snapshot_delete")
    _tell(deps, context, snapshot_id, "error_deleting")


def _server(deps: Deps, volume_id: str, verb: str) -> Any:
    """The one server that has the volume, on a host and idle."""
    with deps.db.read() as session:
        disks = server_parts.disks_of_volume(session, volume_id)
        found = servers.get_many(session, [d.server_id for d in disks])
    if not found:
        raise errors.BadRequest(f"No volume Block Device Mapping with id {volume_id}.")
    if len(found) > 1:
        raise errors.BadRequest(f"Block Device Mapping {volume_id} is a multi-attach volume and is not valid for this operation.")
    server = found[0]
    if not server.host:
        raise errors.BadRequest(f"Instance {server.id} is not ready")
    if server.task_state is not None:
        raise _refused(server, "task_state", server.task_state, f"do_volume_snapshot_{verb}")
    return server


def _refused(server: Any, attribute: str, state: str, method: str) -> errors.BadRequest:
    return errors.BadRequest(
        f"Instance {server.id} in {attribute} {state}. Cannot {method} while the instance is in this state."
    )


def _tell(deps: Deps, context: Any, snapshot_id: str, status: str) -> None:
    """As upstream, what block storage says to it is nobody's business but the log's."""
    try:
        deps.volume.as_user(context).set_snapshot_status(snapshot_id, status)
    except (RemoteError, errors.Transient) as e:
        LOG.warning("snapshot %s could not be set to %s: %s", snapshot_id, status, e)
