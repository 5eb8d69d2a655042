"""Users as the API shows them."""

from typing import Any

from common import clock
from common.http.request import Request
from services.identity.api.listing import self_link
from services.identity.db.models import User
from services.identity.domain import user as users


def show(request: Request, row: User) -> dict[str, Any]:
    """One user; never anything of its password but when it ends."""
    body: dict[str, Any] = {
        **(row.extra or {}), "id": row.id, "name": row.name, "domain_id": row.domain_id,
        "enabled": users.is_enabled(request.app.conf, row), "password_expires_at": clock.iso_micro(row.password_expires_at),
        "options": row.options or {}, "links": self_link(request, "users", row.id),
    }
    if row.default_project_id is not None:
        body["default_project_id"] = row.default_project_id
    return body
