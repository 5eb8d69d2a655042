"""Reading the two dialects of JSON patch that clients send, and what may be patched.

`application/openstack-images-v2.0-json-patch` is the fourth draft ({"replace": "/name", "value": …}), v2.1 the tenth
({"op": "replace", "path": "/name", "value": …}). Neither is the standard's JSON patch: only add, remove and replace.
"""

import re
from dataclasses import dataclass
from typing import Any

from common import errors

MEDIA_TYPES = {"application/openstack-images-v2.0-json-patch": 4, "application/openstack-images-v2.1-json-patch": 10}
OPERATIONS = ("add", "remove", "replace")
LINKS = frozenset(("direct_url", "self", "file", "schema", "stores"))
RESERVED = frozenset(("location", "deleted", "deleted_at", "stores"))
READ_ONLY = LINKS - RESERVED | {"created_at", "updated_at", "status", "checksum", "size", "virtual_size", "id", "os_hash_algo",
                                "os_hash_value"}
RESERVED_PREFIX = "os_glance"
_DEPTHS = {"locations": {"add": 2, "remove": 2, "replace": 1}}


@dataclass(frozen=True)
class Change:
    """One operation: `path` is the pointer's parts, `value` what to set (None for remove)."""

    op: str
    path: tuple[str, ...]
    value: Any = None


def dialect(media_type: str) -> int:
    """The draft of JSON patch that a media type means; errors.UnsupportedMediaType for others."""
    draft = MEDIA_TYPES.get(media_type)
    if draft is None:
        known = ", ".join(MEDIA_TYPES)
        raise errors.UnsupportedMediaType(f"The request media type {media_type} is not supported by this server.",
                                          detail=f"Image PATCH expects Content-Type one of: {known}",
                                          headers={"Accept-Patch": known})
    return draft


def parse(body: Any, media_type: str) -> list[Change]:
    """The operations of a patch; errors.UnsupportedMediaType, BadRequest or Forbidden when it is none we take."""
    draft = dialect(media_type)
    if not isinstance(body, list):
        raise errors.BadRequest("Request body must be a JSON array of operation objects." if isinstance(body, dict)
                                else "Unexpected body type. Expected list/dict.")
    return [_change(item, draft) for item in body]


def _change(item: Any, draft: int) -> Change:
    if not isinstance(item, dict):
        raise errors.BadRequest("Operations must be JSON objects.")
    if draft == 10:
        op, pointer = item.get("op"), item.get("path")
        if op is None:
            raise errors.BadRequest("Unable to find `op` in JSON Schema change. It must be one of the following: "
                                    f"{', '.join(OPERATIONS)}.")
        if op not in OPERATIONS:
            raise errors.BadRequest(f"Invalid operation: `{op}`. It must be one of the following: {', '.join(OPERATIONS)}.")
        if pointer is None:
            raise errors.BadRequest("Unable to find 'path' in JSON Schema change")
    else:
        named = [k for k in item if k in OPERATIONS]
        if len(named) != 1:
            word = "only" if named else "exactly"
            raise errors.BadRequest(f'Operation objects must contain {word} one member named "add", "remove", or "replace".')
        op, pointer = named[0], item[named[0]]
    if op != "remove" and "value" not in item:
        raise errors.BadRequest(f'Operation "{op}" requires a member named "value".')
    path = _pointer(pointer, draft)
    _check_path(op, path)
    return Change(op, path, item.get("value"))


def _pointer(pointer: Any, draft: int) -> tuple[str, ...]:
    if not isinstance(pointer, str) or not pointer.startswith("/"):
        raise errors.BadRequest(f"Pointer `{pointer}` does not start with \"/\".")
    if re.search(r"/\s*?/", pointer[1:]):
        raise errors.BadRequest(f"Pointer `{pointer}` contains adjacent \"/\".")
    if len(pointer) > 1 and pointer.endswith("/"):
        raise errors.BadRequest(f"Pointer `{pointer}` end with \"/\".")
    if pointer[1:].strip() == "/":
        raise errors.BadRequest(f"Pointer `{pointer}` does not contain valid token.")
    if re.search("~[^01]", pointer) or pointer.endswith("~"):
        raise errors.BadRequest(f"Pointer `{pointer}` contains \"~\" not part of a recognized escape sequence.")
    parts = pointer[1:].split("/")
    return tuple(p.replace("~1", "/").replace("~0", "~").strip() for p in parts)


def _check_path(op: str, path: tuple[str, ...]) -> None:
    root = path[0]
    if not root:
        raise errors.BadRequest("Pointer must name an attribute.")
    allowed = _DEPTHS.get(root, {}).get(op, 1)
    if len(path) != allowed:
        raise errors.BadRequest("Invalid JSON pointer for this resource: '/{}'".format("/".join(path)))
    if root in READ_ONLY:
        raise errors.Forbidden(f"Attribute '{root}' is read-only.")
    if root in RESERVED or root.startswith(RESERVED_PREFIX):
        raise errors.Forbidden(f"Attribute '{root}' is reserved.")
