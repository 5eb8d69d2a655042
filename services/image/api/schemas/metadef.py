"""Schemas of metadata definitions: bodies, and the documents under /v2/schemas/metadefs."""

from collections.abc import Callable
from typing import Any

from common.http.validation import Schema

_LINKS = {"self": {"readOnly": True, "type": "string"}, "schema": {"readOnly": True, "type": "string"}}
_DATES = {
    "created_at": {"type": "string", "readOnly": True, "description": "Date and time of creation", "format": "date-time"},
    "updated_at": {"type": "string", "readOnly": True, "description": "Date and time of the last modification",
                   "format": "date-time"},
}
_NAME = {"type": "string", "minLength": 1, "maxLength": 80}
_STRINGS = {"type": "array", "items": {"type": "string"}, "uniqueItems": True}
_COUNT = {"type": "integer", "minimum": 0}

PROPERTY: dict[str, Any] = {
    "type": "object", "required": ["title", "type"], "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "maxLength": 255}, "title": {"type": "string"}, "description": {"type": "string"},
        "operators": {"type": "array", "items": {"type": "string"}},
        "type": {"type": "string", "enum": ["array", "boolean", "integer", "number", "object", "string", None]},
        "required": _STRINGS, "minimum": {"type": "number"}, "maximum": {"type": "number"},
        "maxLength": _COUNT, "minLength": {**_COUNT, "default": 0}, "pattern": {"type": "string", "format": "regex"},
        "enum": {"type": "array"}, "readonly": {"type": "boolean"}, "default": {},
        "items": {"type": "object", "properties": {
            "type": {"type": "string", "enum": ["array", "boolean", "integer", "number", "object", "string", None]},
            "enum": {"type": "array"}}},
        "maxItems": _COUNT, "minItems": {**_COUNT, "default": 0}, "uniqueItems": {"type": "boolean", "default": False},
        "additionalItems": {"type": "boolean"},
    },
}
PROPERTIES: dict[str, Any] = {"type": "object", "additionalProperties": PROPERTY}
OBJECT: dict[str, Any] = {
    "type": "object", "required": ["name"], "additionalProperties": False,
    "properties": {"name": _NAME, "description": {"type": ["string", "null"]}, "required": _STRINGS,
                   "properties": PROPERTIES, **_LINKS, **_DATES},
}
TAG: dict[str, Any] = {
    "type": "object", "required": ["name"], "additionalProperties": False,
    "properties": {"name": _NAME, **_LINKS, **_DATES},
}
_SHORT = {"type": "string", "minLength": 0, "maxLength": 80}
ASSOCIATION: dict[str, Any] = {
    "type": "object", "required": ["name"], "additionalProperties": False,
    "properties": {
        "name": {**_NAME, "description": "Resource type names should be aligned with Heat resource types whenever possible: "
                                         "https://docs.openstack.org/heat/latest/template_guide/openstack.html"},
        "prefix": {**_SHORT, "description": "Specifies the prefix to use for the given resource type. Any properties in the "
                                            "namespace should be prefixed with this prefix when being applied to the "
                                            "specified resource type. Must include prefix separator (e.g. a colon :)."},
        "properties_target": {**_SHORT, "description": "Some resource types allow more than one key / value pair per "
                                                       "instance. For example, Cinder allows user and image metadata on "
                                                       "volumes. Only the image properties metadata is evaluated by Nova."},
        "schema": _LINKS["schema"], **_DATES,
    },
}
NAMESPACE: dict[str, Any] = {
    "type": "object", "required": ["namespace"], "additionalProperties": False,
    "properties": {
        "namespace": {**_NAME, "description": "The unique namespace text."},
        "display_name": {"type": "string", "description": "The user friendly name for the namespace. Used by UI if "
                                                          "available.", "maxLength": 80},
        "description": {"type": "string", "description": "Provides a user friendly description of the namespace.",
                        "maxLength": 500},
        "visibility": {"type": "string", "description": "Scope of namespace accessibility.", "enum": ["public", "private"]},
        "protected": {"type": "boolean", "description": "If true, namespace will not be deletable."},
        "owner": {"type": "string", "description": "Owner of the namespace.", "maxLength": 255},
        "resource_type_associations": {"type": "array", "items": ASSOCIATION},
        "properties": PROPERTIES, "objects": {"type": "array", "items": OBJECT}, "tags": {"type": "array", "items": TAG},
        **_LINKS, **_DATES,
    },
}
TAGS = {"type": "object", "required": ["tags"], "properties": {"tags": {"type": "array", "items": TAG}}}

NAMESPACE_BODY, OBJECT_BODY, TAG_BODY = Schema(NAMESPACE), Schema(OBJECT), Schema(TAG)
ASSOCIATION_BODY, TAGS_BODY = Schema(ASSOCIATION), Schema(TAGS)
PROPERTY_BODY = Schema({**PROPERTY, "required": ["name", "title", "type"],
                        "properties": {**PROPERTY["properties"], "name": {"type": "string", "minLength": 1, "maxLength": 80}}})


def documents(collection: Callable[..., dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The schema documents by name; `collection` makes the schema of a list."""
    def named(name: str, schema: dict[str, Any]) -> dict[str, Any]:
        return {"name": name, **{k: v for k, v in schema.items() if k != "type"}}

    plain_property = {**PROPERTY, "required": ["name", *PROPERTY["required"]]}
    associated = {**ASSOCIATION}
    return {
        "namespace": named("namespace", NAMESPACE),
        "namespaces": collection("namespaces", named("namespace", NAMESPACE), "namespaces"),
        "object": named("object", OBJECT),
        "objects": collection("objects", named("object", OBJECT), "objects"),
        "property": named("property", plain_property),
        "properties": {"name": "properties", "properties": {"properties": PROPERTIES, "first": {"type": "string"},
                                                            "next": {"type": "string"}, "schema": {"type": "string"}},
                       "links": [{"rel": "first", "href": "{first}"}, {"rel": "next", "href": "{next}"},
                                 {"rel": "describedby", "href": "{schema}"}]},
        "resource_type": named("resource_type_association", associated),
        "resource_types": collection("resource_type_associations", named("resource_type_association", associated),
                                     "resource_type_associations"),
        "tag": named("tag", TAG), "tags": collection("tags", named("tag", TAG), "tags"),
    }
