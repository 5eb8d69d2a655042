"""Bodies of snapshots and their actions."""

from services.volume.api.schemas.base import ANYTHING, BOOLEAN, DESCRIPTION, METADATA, NAME, OPTIONAL_UUID, body, value, wrapped
from services.volume.domain.states import SNAPSHOT_STATUSES

_PROPERTIES = {
    "name": NAME,
    "display_name": NAME,
    "description": DESCRIPTION,
    "display_description": DESCRIPTION,
    "volume_id": OPTIONAL_UUID,
    "force": BOOLEAN,
    "metadata": METADATA,
}
CREATE = body("snapshot", _PROPERTIES, required=("volume_id",))
UPDATE = wrapped(
    "snapshot",
    {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": False,
        "properties": {"name": NAME, "display_name": NAME, "description": DESCRIPTION, "display_description": DESCRIPTION},
    },
)
RESET = value({"status": {"type": "string", "enum": list(SNAPSHOT_STATUSES)}}, required=("status",))
FORCE_DELETE = ANYTHING
UPDATE_STATUS = value(
    {
        "status": {"type": "string", "enum": ["creating", "available", "deleting", "error", "error_deleting"]},
        "progress": {"type": ["string", "null"], "pattern": "^(?:100|[0-9]{1,2})%$"},
    },
    required=("status",),
)
