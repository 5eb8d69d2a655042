"""Bodies of trusts."""

from services.identity.api.schemas import BOOLEAN, CLOSED_FIRST, TEXT, TEXT_OR_NULL, wrap
from services.identity.api.schemas.application_credential import ROLES

CREATE = wrap("trust", {
    "trustor_user_id": TEXT, "trustee_user_id": TEXT, "impersonation": BOOLEAN, "project_id": TEXT_OR_NULL,
    "remaining_uses": {"type": ["integer", "null"], "minimum": 1}, "expires_at": {"type": ["null", "string"]},
    "allow_redelegation": {"type": ["boolean", "null"]}, "redelegation_count": {"type": ["integer", "null"], "minimum": 0},
    "redelegated_trust_id": TEXT_OR_NULL, "roles": ROLES,
}, ("trustor_user_id", "trustee_user_id", "impersonation"), root=CLOSED_FIRST)
