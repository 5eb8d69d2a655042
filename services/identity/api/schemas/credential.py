"""Bodies of credentials."""

from typing import Any

from common.http.validation import Schema
from services.identity.api.schemas import TEXT, TEXT_OR_NULL, wrap

_CREDENTIAL: dict[str, Any] = {"blob": TEXT, "project_id": TEXT_OR_NULL, "type": TEXT, "user_id": TEXT, "id": TEXT}
CREATE = wrap("credential", _CREDENTIAL, ("blob", "type", "user_id"))
UPDATE = wrap("credential", {"blob": TEXT}, ("blob",), additional=False)
_SIGNED: dict[str, Any] = {
    "type": "object", "required": ["access", "signature"], "properties": {
        "access": {"type": "string", "minLength": 1}, "signature": {"type": "string", "minLength": 1},
        "host": {"type": "string"}, "verb": {"type": "string"}, "path": {"type": "string"}, "body_hash": {"type": "string"},
        "params": {"type": "object"}, "headers": {"type": "object"}, "token": {"type": "string"},
    },
}
EC2_TOKEN = Schema({
    "type": "object", "properties": {"credentials": _SIGNED, "ec2Credentials": _SIGNED},
    "anyOf": [{"required": ["credentials"]}, {"required": ["ec2Credentials"]}],
})
S3_TOKEN = Schema({"type": "object", "properties": {
    "credentials": {**_SIGNED, "required": ["access", "signature", "token"]}}, "required": ["credentials"]})
