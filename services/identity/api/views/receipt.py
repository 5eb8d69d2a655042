"""Receipts as the API shows them."""

from typing import Any

from services.identity.api.views.token import moment
from services.identity.domain.receipt import Required


def show(error: Required) -> dict[str, Any]:
    """The body of the 401 that asks for more factors."""
    made, user = error.receipt, error.user_row
    return {
        "receipt": {
            "methods": list(made.methods), "user": {"id": user.id, "name": user.name, "domain": {
                "id": user.domain_id, "name": error.domain_row.name}},
            "expires_at": moment(made.expires_at), "issued_at": moment(made.issued_at),
        },
        "required_auth_methods": error.begun,
    }
