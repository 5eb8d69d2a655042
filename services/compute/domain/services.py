"""Daemons as operators see them: on, off, forced down, removed."""

from typing import Any

from common import errors
from common.clients.base import RemoteError
from common.db.session import Session
from services.compute.db import hosts, migrations, servers
from services.compute.domain.deps import Deps


def find(deps: Deps, *, service_id: str | None = None, host: str | None = None, binary: str | None = None) -> Any:
    """A daemon's row; errors.NotFound in upstream's words."""
    with deps.db.read() as session:
        row = hosts.service(session, service_id=service_id, host=host, binary=binary)
    if row is None:
        raise errors.NotFound(
            f"Service {service_id} could not be found." if service_id else f"Could not find binary {binary} on host {host}."
        )
    return row


def change(deps: Deps, row: Any, **values: Any) -> Any:
    """Set `disabled`, `disabled_reason` or `forced_down` of a daemon; its new row. errors.BadRequest for what is no agent."""
    if row.binary != hosts.COMPUTE:
        raise errors.BadRequest(f"Updating a {row.binary} service is not supported. Only nova-compute services can be updated.")
    deps.db.transaction(hosts.change_service, row.id, **values)
    return find(deps, service_id=row.uuid)


def delete(deps: Deps, row: Any) -> None:
    """Forget a daemon, and a host's providers in Placement, so that it may come back under its name.

    errors.Conflict when servers are on the host, on their way from or to it, or when its providers are in use.
    """
    if row.binary == hosts.COMPUTE:
        with deps.db.read() as session:
            _idle(session, row.host)
            nodes = hosts.nodes(session, host=row.host)
        # before the rows: if this does not go, they are still there to try again with
        for node in nodes:
            _drop_provider(deps, node.uuid)

    def work(session: Session) -> None:
        if row.binary == hosts.COMPUTE:
            _idle(session, row.host)
        hosts.delete_service(session, row)

    deps.db.transaction(work)


def _idle(session: Session, host: str) -> None:
    """errors.Conflict when the host has to do with any server."""
    if servers.of_hosts(session, [host]):
        raise errors.Conflict(
            "Unable to delete compute service that is hosting instances. Migrate or delete the instances first."
        )
    if migrations.touching(session, host):
        raise errors.Conflict("Unable to delete compute service that has in-progress migrations. "
                              "Complete the migrations or delete the instances first.")


def _drop_provider(deps: Deps, uuid: str) -> None:
    try:
        deps.placement.delete_provider(uuid)
    except RemoteError as e:
        if e.status != 409:
            raise
        raise errors.Conflict(f"Unable to delete compute service whose resource provider {uuid} is in use: {e.message}") from e
