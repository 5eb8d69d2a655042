"""Server groups: which policies there are, and how many groups a project may have."""

from collections.abc import Mapping
from typing import Any

from common import errors, ids
from common.db.session import Session
from services.compute.db import server_groups as rows
from services.compute.domain import quotas
from services.compute.domain.deps import Deps


def create(deps: Deps, context: Any, name: str, policy: str, rules: Mapping[str, Any]) -> Any:
    """A new group; errors.BadRequest (rules without anti-affinity), Forbidden (quota)."""
    if rules and policy != "anti-affinity":
        raise errors.BadRequest("Only anti-affinity policy supports rules.")
    kept = {k: int(v) for k, v in rules.items()}

    def work(session: Session) -> Any:
        limit = quotas.limits(session, deps.conf, context.project_id, context.user_id)["server_groups"]
        if 0 <= limit <= rows.count(session, context.project_id):
            raise errors.Forbidden("Quota exceeded, too many server groups.")
        return rows.insert(session, {"id": ids.uuid(), "project_id": context.project_id, "user_id": context.user_id, "name": name,
                                     "policy": policy, "rules": kept})

    return deps.db.transaction(work)
