"""Bodies and queries of everything but servers themselves, by microversion."""

from typing import Any

from common.http.schema_pieces import by_metadata_key
from common.http.validation import Schema
from services.compute.api.schemas.types import (
    ADDRESS,
    BOOLEAN,
    HOSTNAME,
    METADATA,
    NAME,
    NAME_OR_NONE,
    NON_NEGATIVE,
    POSITIVE,
    SIZE_OR_NONE,
    TAG,
    TEXT,
    UUID,
    array,
    obj,
    query,
    under,
)

# what hangs on a server

METADATA_ALL = under("metadata", METADATA)
METADATA_ONE = under("meta", {**METADATA, "minProperties": 1, "maxProperties": 1})
TAGS = under("tags", array(TAG, maxItems=50))
_DEVICE = {"type": ["string", "null"], "minLength": 1, "maxLength": 255, "pattern": "^(/dev/)?[a-zA-Z0-9._-]+$"}


def _attach(minor: int) -> Schema:
    fields: dict[str, Any] = {"volumeId": UUID, "device": _DEVICE}
    if minor >= 49:
        fields["tag"] = TAG
    if minor >= 79:
        fields["delete_on_termination"] = BOOLEAN
    return under("volumeAttachment", obj(fields, ("volumeId",)))


ATTACH = {"2.1": _attach(1), "2.49": _attach(49), "2.79": _attach(79)}
UPDATE_ATTACHMENT = {
    "2.1": under("volumeAttachment", obj({"volumeId": UUID}, ("volumeId",))),
    "2.85": under(
        "volumeAttachment",
        obj(
            {"volumeId": UUID, "device": _DEVICE, "tag": TAG, "delete_on_termination": BOOLEAN, "serverId": UUID, "id": UUID},
            ("volumeId",),
        ),
    ),
}


def _interface(tagged: bool) -> Schema:
    fields: dict[str, Any] = {
        "net_id": UUID,
        "port_id": UUID,
        "fixed_ips": array(obj({"ip_address": ADDRESS}, ("ip_address",)), minItems=1, maxItems=1),
    }
    if tagged:
        fields["tag"] = TAG
    return Schema(obj({"interfaceAttachment": obj(fields)}))


INTERFACE = {"2.1": _interface(False), "2.49": _interface(True)}
REMOTE_CONSOLE = {
    v: under(
        "remote_console",
        obj({"protocol": {"type": "string", "enum": p}, "type": {"type": "string", "enum": t}}, ("protocol", "type")),
    )
    for v, p, t in (
        ("2.6", ["vnc", "spice", "rdp", "serial"], ["novnc", "xvpvnc", "rdp-html5", "spice-html5", "serial"]),
        ("2.8", ["vnc", "spice", "rdp", "serial", "mks"], ["novnc", "xvpvnc", "rdp-html5", "spice-html5", "serial", "webmks"]),
        (
            "2.99",
            ["vnc", "spice", "rdp", "serial", "mks"],
            ["novnc", "xvpvnc", "rdp-html5", "spice-html5", "spice-direct", "serial", "webmks"],
        ),
    )
}

# flavors

_FLAVOR: dict[str, Any] = {
    "name": NAME,
    "id": {"type": ["string", "number", "null"], "minLength": 0, "maxLength": 255},
    "ram": POSITIVE,
    "vcpus": POSITIVE,
    "disk": NON_NEGATIVE,
    "OS-FLV-EXT-DATA:ephemeral": NON_NEGATIVE,
    "swap": NON_NEGATIVE,
    "rxtx_factor": {"type": ["number", "string"], "pattern": r"^[0-9]+(\.[0-9]+)?$", "exclusiveMinimum": 0},
    "os-flavor-access:is_public": BOOLEAN,
}
_FLAVOR_255 = {**_FLAVOR, "description": {"type": ["string", "null"], "maxLength": 65535}}
FLAVOR = {
    "2.1": under("flavor", obj(_FLAVOR, ("name", "ram", "vcpus", "disk"))),
    "2.55": under("flavor", obj(_FLAVOR_255, ("name", "ram", "vcpus", "disk"))),
    "2.102": under("flavor", obj({k: v for k, v in _FLAVOR_255.items() if k != "rxtx_factor"}, ("name", "ram", "vcpus", "disk"))),
}
FLAVOR_UPDATE = under("flavor", obj({"description": _FLAVOR_255["description"]}, ("description",)))
_SPECS = by_metadata_key("string", "number")
SPECS = under("extra_specs", _SPECS)
SPEC = Schema({**_SPECS, "minProperties": 1, "maxProperties": 1})
TENANT = Schema(obj({"tenant": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[a-zA-Z0-9-]*$"}}, ("tenant",)))
FLAVORS = query("limit", "marker", "is_public", "minRam", "minDisk", "sort_key", "sort_dir", "name", strict_from="2.75")

# users and projects

_KEY: dict[str, Any] = {"name": {"type": "string", "minLength": 1, "maxLength": 255}, "public_key": {"type": "string"}}
_KEY_22 = {**_KEY, "type": {"type": "string", "enum": ["ssh", "x509"]}}
_KEY_210 = {**_KEY_22, "user_id": {"type": "string", "minLength": 1, "maxLength": 255}}
KEYPAIR = {
    "2.1": under("keypair", obj(_KEY, ("name",))),
    "2.2": under("keypair", obj(_KEY_22, ("name",))),
    "2.10": under("keypair", obj(_KEY_210, ("name",))),
    "2.92": under("keypair", obj(_KEY_210, ("name", "public_key"))),
}
KEYPAIRS = query("user_id", "limit", "marker", strict_from="2.75")
_POLICIES = ["anti-affinity", "affinity", "soft-anti-affinity", "soft-affinity"]


def _group(policies: list[str]) -> Schema:
    return under(
        "server_group",
        obj(
            {"name": NAME, "policies": array({"type": "string", "enum": policies}, minItems=1, maxItems=1)}, ("name", "policies")
        ),
    )


SERVER_GROUP = {
    "2.1": _group(_POLICIES[:2]),
    "2.15": _group(_POLICIES),
    "2.64": under(
        "server_group",
        obj(
            {"name": NAME, "policy": {"type": "string", "enum": _POLICIES}, "rules": obj({"max_server_per_host": POSITIVE})},
            ("name", "policy"),
        ),
    ),
}
_LIMIT = {"type": ["integer", "string"], "pattern": "^-?[0-9]+$", "minimum": -1, "maximum": 2147483647}
_QUOTA_NAMES = (
    "instances",
    "cores",
    "ram",
    "metadata_items",
    "key_pairs",
    "server_groups",
    "server_group_members",
    "injected_files",
    "injected_file_content_bytes",
    "injected_file_path_bytes",
    "floating_ips",
    "fixed_ips",
    "security_groups",
    "security_group_rules",
)
_QUOTAS_236 = tuple(n for n in _QUOTA_NAMES if n not in ("floating_ips", "fixed_ips", "security_groups", "security_group_rules"))
_QUOTAS_257 = tuple(n for n in _QUOTAS_236 if not n.startswith("injected"))


def _quotas(key: str, names: tuple[str, ...], **more: Any) -> Schema:
    return under(key, {**obj({n: _LIMIT for n in names} | more), "minProperties": 1 if key == "quota_class_set" else 0})


_FORCE = {"force": BOOLEAN, "tenant_id": {"type": "string"}}
QUOTA = {
    "2.1": _quotas("quota_set", (*_QUOTA_NAMES, "networks"), **_FORCE),
    "2.36": _quotas("quota_set", _QUOTAS_236, **_FORCE),
    "2.57": _quotas("quota_set", _QUOTAS_257, **_FORCE),
}
QUOTA_CLASS = {
    "2.1": _quotas("quota_class_set", (*_QUOTA_NAMES, "networks")),
    "2.50": _quotas("quota_class_set", _QUOTAS_236),
    "2.57": _quotas("quota_class_set", _QUOTAS_257),
}
QUOTAS = query("user_id", strict_from="2.75")
LIMITS = query("tenant_id", "reserved", strict_from="2.75")
USAGE = query("detailed", "start", "end", "limit", "marker", strict_from="2.75")

# hosts

_STATUS = {
    "status": {"type": "string", "enum": ["enabled", "disabled"]},
    "disabled_reason": {"type": "string", "minLength": 1, "maxLength": 255},
    "forced_down": BOOLEAN,
}
SERVICE = Schema(obj(_STATUS))
SERVICE_OLD = Schema(obj({"host": HOSTNAME, "binary": {"type": "string", "minLength": 1, "maxLength": 255}}, ("host", "binary")))
SERVICE_REASON = Schema(
    obj(
        {"host": HOSTNAME, "binary": {"type": "string"}, "disabled_reason": _STATUS["disabled_reason"]},
        ("host", "binary", "disabled_reason"),
    )
)
SERVICE_DOWN = Schema(
    obj({"host": HOSTNAME, "binary": {"type": "string"}, "forced_down": BOOLEAN}, ("host", "binary", "forced_down"))
)
SERVICES = query("host", "binary", strict_from="2.75")
HYPERVISORS = query("limit", "marker", "hypervisor_hostname_pattern", "with_servers", strict_from="2.53")
_ZONE = {**NAME_OR_NONE, "pattern": r"^[^:\s]$|^[^:\s][^:]*[^:\s]$"}
AGGREGATE = under("aggregate", obj({"name": NAME, "availability_zone": _ZONE}, ("name",)))
AGGREGATE_UPDATE = under("aggregate", {**obj({"name": NAME, "availability_zone": _ZONE}), "minProperties": 1})
AGGREGATE_HOST = Schema(obj({"host": HOSTNAME}, ("host",)))
AGGREGATE_METADATA = under("metadata", by_metadata_key("string", "null"))
SHARE = under("share", obj({
    "share_id": UUID, "tag": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[a-zA-Z0-9-]*$"}}, ("share_id",)))
AGGREGATE_IMAGES = Schema(obj({"cache": array(obj({"id": UUID}, ("id",)), minItems=1)}, ("cache",)))
_ASSISTED = {name: {"type": "string", "minLength": 1} for name in ("snapshot_id", "new_file", "id")}
ASSISTED_SNAPSHOT = under("snapshot", obj({
    "volume_id": {"type": "string", "minLength": 1},
    "create_info": obj({**_ASSISTED, "type": {"enum": ["qcow2"]}}, ("snapshot_id", "type", "new_file")),
}, ("volume_id", "create_info")))
HOST_UPDATE = Schema(
    {
        **obj(
            {
                "status": {"type": "string", "enum": ["enable", "disable", "Enable", "Disable", "ENABLE", "DISABLE"]},
                "maintenance_mode": {"type": "string", "enum": ["enable", "disable", "Enable", "Disable", "ENABLE", "DISABLE"]},
            }
        ),
        "minProperties": 1,
    }
)

# other services

_EVENTS = ["network-changed", "network-vif-plugged", "network-vif-unplugged", "network-vif-deleted"]


def _events(names: list[str]) -> Schema:
    item = obj(
        {
            "server_uuid": UUID,
            "name": {"type": "string", "enum": names},
            "tag": {"type": "string", "maxLength": 255},
            "status": {"type": "string", "enum": ["failed", "completed", "in-progress"]},
        },
        ("server_uuid", "name"),
    )
    return under("events", array(item, minItems=1))


EVENTS = {
    "2.1": _events(_EVENTS),
    "2.51": _events([*_EVENTS, "volume-extended"]),
    "2.76": _events([*_EVENTS, "volume-extended", "power-update"]),
    "2.82": _events([*_EVENTS, "volume-extended", "power-update", "accelerator-request-bound"]),
    "2.93": _events([*_EVENTS, "volume-extended", "power-update", "accelerator-request-bound", "volume-reimaged"]),
}
SECURITY_GROUP = under("security_group", obj({"name": {**TEXT, "minLength": 1}, "description": TEXT}, ("name",), extra=True))
SECURITY_RULE = under(
    "security_group_rule",
    obj(
        {
            "parent_group_id": {"type": ["string", "null"]},
            "ip_protocol": {"type": ["string", "null"]},
            "from_port": {"type": ["string", "integer", "null"]},
            "to_port": {"type": ["string", "integer", "null"]},
            "cidr": {"type": ["string", "null"]},
            "group_id": {"type": ["string", "null"]},
        },
        extra=True,
    ),
)
FLOATING = Schema({**obj({"pool": {"type": ["string", "null"]}}), "type": ["object", "null"]})
VOLUME = under(
    "volume",
    obj(
        {
            "volume_type": {"type": "string"},
            "metadata": METADATA,
            "snapshot_id": {"type": "string"},
            "size": SIZE_OR_NONE,
            "availability_zone": {"type": "string"},
            "display_name": {"type": "string"},
            "display_description": {"type": "string"},
        },
        extra=True,
    ),
)
SNAPSHOT = under(
    "snapshot",
    obj(
        {
            "volume_id": {"type": "string"},
            "force": BOOLEAN,
            "display_name": {"type": "string"},
            "display_description": {"type": "string"},
        },
        ("volume_id",),
    ),
)
