"""Daemons as operators see them: on, off, forced down, removed."""

from typing import Any

from common import errors
from common.db.session import Session
from services.compute.db import hosts, servers
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
    """Forget a daemon. errors.Conflict when servers are on its host."""

    def work(session: Session) -> None:
        if row.binary == hosts.COMPUTE and servers.of_hosts(session, [row.host]):
            raise errors.Conflict(
                "Unable to delete compute service that is hosting instances. Migrate or delete the instances first."
            )
        hosts.delete_service(session, row)

    deps.db.transaction(work)
