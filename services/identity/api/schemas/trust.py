"""Bodies of trusts."""

from services.identity.api.schemas import BOOLEAN, ID_OR_NULL, TEXT_OR_NULL, wrap
from services.identity.api.schemas.application_credential import ROLES

CREATE = wrap("trust", {
    "trustor_user_id": {"type": "string"}, "trustee_user_id": {"type": "string"}, "impersonation": BOOLEAN,
    "project_id": ID_OR_NULL, "remaining_uses": {"type": ["integer", "null"], "minimum": 1}, "expires_at": TEXT_OR_NULL,
    "allow_redelegation": {"type": ["boolean", "null"]}, "redelegation_count": {"type": ["integer", "null"], "minimum": 0},
    "redelegated_trust_id": {"type": ["string", "null"]}, "roles": ROLES,
}, ("trustor_user_id", "trustee_user_id", "impersonation"))
