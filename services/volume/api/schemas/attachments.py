"""Bodies of attachments."""

from services.volume.api.schemas.base import ANYTHING, CONNECTOR, OPTIONAL_UUID, UUID, body

_NEW = {"instance_uuid": OPTIONAL_UUID, "volume_uuid": UUID, "connector": CONNECTOR}
CREATE = {
    "3.27": body("attachment", _NEW, required=("volume_uuid",)),
    "3.54": body("attachment", {**_NEW, "mode": {"type": "string", "enum": ["rw", "ro"]}}, required=("volume_uuid",)),
}
UPDATE = body("attachment", {"connector": {"type": "object", "minProperties": 1}}, required=("connector",))
COMPLETE = ANYTHING
