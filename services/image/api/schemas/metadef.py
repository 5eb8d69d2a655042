"""Schemas of metadata definitions: the documents under /v2/schemas/metadefs, and what bodies are checked against.

Bodies are checked against the documents, but for what hangs on a namespace: there the document leaves out what must be.
"""

from collections.abc import Callable
from typing import Any

from common.http.validation import Schema

_READ_ONLY = {"readOnly": True, "type": "string"}
_LINKS = {"schema": _READ_ONLY, "self": _READ_ONLY}
_NAME = {"type": "string", "maxLength": 80}
_TYPE = {"type": "string", "enum": ["array", "boolean", "integer", "number", "object", "string", None]}
_COUNT, _COUNT_OR_0 = {"$ref": "#/definitions/positiveInteger"}, {"$ref": "#/definitions/positiveIntegerDefault0"}
_STRINGS, _PROPERTIES = {"$ref": "#/definitions/stringArray"}, {"$ref": "#/definitions/property"}


def _dates(created: str, updated: str) -> dict[str, Any]:
    def date(description: str) -> dict[str, Any]:
        return {"type": "string", "readOnly": True, "description": description, "format": "date-time"}

    return {"created_at": date(created), "updated_at": date(f"Date and time of the last {updated} modification")}


_PROPERTY: dict[str, Any] = {
    "name": _NAME, "title": {"type": "string"}, "description": {"type": "string"},
    "operators": {"type": "array", "items": {"type": "string"}},
    "type": _TYPE, "required": _STRINGS, "minimum": {"type": "number"}, "maximum": {"type": "number"},
    "maxLength": _COUNT, "minLength": _COUNT_OR_0, "pattern": {"type": "string", "format": "regex"},
    "enum": {"type": "array"}, "readonly": {"type": "boolean"}, "default": {},
    "items": {"type": "object", "properties": {"type": _TYPE, "enum": {"type": "array"}}},
    "maxItems": _COUNT, "minItems": _COUNT_OR_0, "uniqueItems": {"type": "boolean", "default": False},
    "additionalItems": {"type": "boolean"},
}
_COUNTS = {"positiveInteger": {"type": "integer", "minimum": 0},
           "positiveIntegerDefault0": {"allOf": [{"$ref": "#/definitions/positiveInteger"}, {"default": 0}]}}
_OF_PROPERTY = {**_COUNTS, "stringArray": {"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": True}}
_OF_OTHERS = {
    **_COUNTS, "stringArray": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
    "property": {"type": "object", "additionalProperties": {"type": "object", "required": ["title", "type"],
                                                            "properties": _PROPERTY}},
}
_OBJECT = {"name": _NAME, "description": {"type": "string"}, "required": _STRINGS, "properties": _PROPERTIES}
_ASSOCIATION = {
    "name": {**_NAME, "description": "Resource type names should be aligned with Heat resource types whenever possible: "
                                     "https://docs.openstack.org/heat/latest/template_guide/openstack.html"},
    "prefix": {**_NAME, "description": "Specifies the prefix to use for the given resource type. Any properties in the "
                                       "namespace should be prefixed with this prefix when being applied to the "
                                       "specified resource type. Must include prefix separator (e.g. a colon :)."},
    "properties_target": {**_NAME, "description": "Some resource types allow more than one key / value pair per "
                                                  "instance.  For example, Cinder allows user and image metadata on "
                                                  "volumes. Only the image properties metadata is evaluated by Nova "
                                                  "(scheduling or drivers). This property allows a namespace target "
                                                  "to remove the ambiguity."},
}
_NAMESPACE: dict[str, Any] = {
    "namespace": {"type": "string", "description": "The unique namespace text.", "maxLength": 80},
    "display_name": {"type": "string", "description": "The user friendly name for the namespace. Used by UI if available.",
                     "maxLength": 80},
    "description": {"type": "string", "description": "Provides a user friendly description of the namespace.",
                    "maxLength": 500},
    "visibility": {"type": "string", "description": "Scope of namespace accessibility.", "enum": ["public", "private"]},
    "protected": {"type": "boolean", "description": "If true, namespace will not be deletable."},
    "owner": {"type": "string", "description": "Owner of the namespace.", "maxLength": 255},
    **_dates("Date and time of namespace creation", "namespace"), **_LINKS,
}


def _plain(**properties: Any) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "object", "properties": properties}}


def _strict(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "object", "properties": properties, "required": ["name"]}}


def _document(name: str, properties: dict[str, Any], required: list[str], definitions: dict[str, Any] | None = None) -> Any:
    defined = {"definitions": definitions} if definitions else {}
    return {"name": name, "properties": properties, "additionalProperties": False, **defined, "required": required}


NAMESPACE = _document("namespace", {
    **_NAMESPACE,
    "resource_type_associations": _plain(name={"type": "string"}, prefix={"type": "string"},
                                         properties_target={"type": "string"}),
    "properties": _PROPERTIES,
    "objects": _plain(name={"type": "string"}, description={"type": "string"}, required=_STRINGS, properties=_PROPERTIES),
    "tags": _plain(name={"type": "string"}),
}, ["namespace"], _OF_OTHERS)
OBJECT = _document("object", {**_OBJECT, **_LINKS, **_dates("Date and time of object creation", "object")}, ["name"], _OF_OTHERS)
PROPERTY = _document("property", _PROPERTY, ["type", "title", "name"], _OF_PROPERTY)
TAG = _document("tag", {"name": _NAME, **_dates("Date and time of tag creation", "tag")}, ["name"])
ASSOCIATION = _document("resource_type_association", {
    **_ASSOCIATION, **_dates("Date and time of resource type association", "resource type association")}, ["name"])


def _resolved(part: Any, definitions: dict[str, Any]) -> Any:
    """A part of a document with definitions in the places that refer to them."""
    if isinstance(part, list):
        return [_resolved(p, definitions) for p in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return _resolved(definitions[part["$ref"].rpartition("/")[2]], definitions)
    return {k: _resolved(v, definitions) for k, v in part.items()}


def _body(document: dict[str, Any], **changed: Any) -> Schema:
    whole = {**document, "type": "object", "properties": {**document["properties"], **changed}}
    return Schema(_resolved(whole, whole.pop("definitions", {})))


NAMESPACE_BODY = _body(NAMESPACE, objects=_strict(_OBJECT), tags=_strict({"name": _NAME}),
                       resource_type_associations=_strict(_ASSOCIATION))
OBJECT_BODY, PROPERTY_BODY, TAG_BODY, ASSOCIATION_BODY = _body(OBJECT), _body(PROPERTY), _body(TAG), _body(ASSOCIATION)
TAGS_BODY = Schema({"type": "object", "required": ["tags"],
                    "properties": {"tags": {"type": "array", "items": {**TAG, "type": "object"}}}})


def documents(collection: Callable[..., dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The schema documents by name; `collection` makes the schema of a list."""
    def listed(plural: str, item: dict[str, Any]) -> dict[str, Any]:
        bare = {k: v for k, v in item.items() if k != "definitions"}
        defined = {"definitions": item["definitions"]} if "definitions" in item else {}
        return {**collection(plural, bare, plural), **defined}

    properties = listed("properties", {**PROPERTY, "required": ["type", "title"]})
    properties["properties"]["properties"] = {"type": "object",
                                              "additionalProperties": properties["properties"]["properties"]["items"]}
    return {
        "namespace": NAMESPACE, "namespaces": listed("namespaces", NAMESPACE),
        "object": OBJECT, "objects": listed("objects", OBJECT),
        "property": PROPERTY, "properties": properties,
        "resource_type": ASSOCIATION, "resource_types": listed("resource_type_associations", ASSOCIATION),
        "tag": TAG, "tags": listed("tags", TAG),
    }
