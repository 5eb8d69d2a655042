"""Bodies of transfers."""

from services.volume.api.schemas.base import BOOLEAN, NAME, UUID, body

CREATE = {
    "3.0": body("transfer", {"volume_id": UUID, "name": NAME}, required=("volume_id",)),
    "3.55": body("transfer", {"volume_id": UUID, "name": NAME, "no_snapshots": BOOLEAN}, required=("volume_id",)),
}
ACCEPT = body("accept", {"auth_key": {"type": "string", "minLength": 1}}, required=("auth_key",))
