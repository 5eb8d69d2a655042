"""Values of the keys of `POST /servers/{id}/action`, by microversion."""

from common.http.validation import Schema
from services.compute.api.schemas.types import BOOLEAN, HOSTNAME, METADATA, NAME, NAME_OR_NONE, NON_NEGATIVE, UUID, obj

REBOOT = Schema(obj({"type": {"type": "string", "enum": ["HARD", "Hard", "hard", "SOFT", "Soft", "soft"]}}, ("type",)))
RESIZE = Schema(
    obj(
        {
            "flavorRef": {"type": ["string", "integer"], "minLength": 1},
            "OS-DCF:diskConfig": {"type": "string", "enum": ["AUTO", "MANUAL"]},
        },
        ("flavorRef",),
    )
)
CREATE_IMAGE = Schema(obj({"name": NAME, "metadata": METADATA}, ("name",)))
CREATE_BACKUP = Schema(
    obj(
        {"name": NAME, "backup_type": {"type": "string"}, "rotation": NON_NEGATIVE, "metadata": METADATA},
        ("name", "backup_type", "rotation"),
    )
)
RESCUE = Schema({**obj({"adminPass": {"type": "string"}, "rescue_image_ref": UUID}), "type": ["object", "null"]})
PASSWORD = Schema(obj({"adminPass": {"type": "string"}}, ("adminPass",)))
_ANYTHING = Schema({})
LOCK = {
    "2.1": _ANYTHING,
    "2.73": Schema({**obj({"locked_reason": {"type": "string", "minLength": 1, "maxLength": 255}}), "type": ["object", "null"]}),
}
RESET = Schema(obj({"state": {"type": "string", "enum": ["active", "error"]}}, ("state",)))
UNSHELVE = {
    "2.1": _ANYTHING,
    "2.77": Schema({**obj({"availability_zone": NAME}, ("availability_zone",)), "type": ["object", "null"]}),
    "2.91": Schema(
        {**obj({"availability_zone": NAME_OR_NONE, "host": HOSTNAME}), "type": ["object", "null"], "minProperties": 1}
    ),
}
MIGRATE = {"2.1": _ANYTHING, "2.56": Schema({**obj({"host": HOSTNAME}), "type": ["object", "null"]})}
_HOST = {"anyOf": [HOSTNAME, {"type": "null"}]}
LIVE = {
    "2.1": Schema(
        obj(
            {"host": _HOST, "block_migration": BOOLEAN, "disk_over_commit": BOOLEAN},
            ("host", "block_migration", "disk_over_commit"),
        )
    ),
    "2.25": Schema(obj({"host": _HOST, "block_migration": {"enum": [*BOOLEAN["enum"], "auto"]}}, ("host", "block_migration"))),
    "2.30": Schema(
        obj(
            {"host": _HOST, "block_migration": {"enum": [*BOOLEAN["enum"], "auto"]}, "force": BOOLEAN},
            ("host", "block_migration"),
        )
    ),
    "2.68": Schema(obj({"host": _HOST, "block_migration": {"enum": [*BOOLEAN["enum"], "auto"]}}, ("host", "block_migration"))),
}
EVACUATE = {
    "2.1": Schema(obj({"host": HOSTNAME, "onSharedStorage": BOOLEAN, "adminPass": {"type": "string"}}, ("onSharedStorage",))),
    "2.14": Schema(obj({"host": HOSTNAME, "adminPass": {"type": "string"}})),
    "2.29": Schema(obj({"host": HOSTNAME, "adminPass": {"type": "string"}, "force": BOOLEAN})),
    "2.68": Schema(obj({"host": HOSTNAME, "adminPass": {"type": "string"}})),
}
CONSOLE_OUTPUT = Schema(
    {
        **obj({"length": {"type": ["integer", "string", "null"], "pattern": "^-?[0-9]+$", "minimum": -1}}),
        "type": ["object", "null"],
    }
)


def _console(*kinds: str) -> Schema:
    return Schema(obj({"type": {"type": "string", "enum": list(kinds)}}, ("type",)))


VNC, SPICE, RDP, SERIAL = _console("novnc", "xvpvnc"), _console("spice-html5"), _console("rdp-html5"), _console("serial")
GROUP = Schema(obj({"name": {"type": "string", "minLength": 1}}, ("name",), extra=True))
ADD_FIXED = Schema(obj({"networkId": {"type": ["string", "integer"]}}, ("networkId",)))
REMOVE_FIXED = Schema(obj({"address": {"type": "string", "format": "ip-address"}}, ("address",)))
ADD_FLOATING = Schema(
    obj(
        {"address": {"type": "string", "format": "ip-address"}, "fixed_address": {"type": "string", "format": "ip-address"}},
        ("address",),
    )
)
REMOVE_FLOATING = Schema(obj({"address": {"type": "string", "format": "ip-address"}}, ("address",)))
CRASH = Schema({"type": "null"})
ANYTHING = _ANYTHING
