"""Describing a resource of the API by its attributes.

One table per noun (in `schemas/`) says what may be sent on create and update, what the defaults are, which
attributes a policy guards or hides, and which columns a list can be filtered and sorted by. The JSON
schemas of the routes are made from these tables.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from common.http.validation import Schema
from services.network.domain import faults


class _Marker:
    """A default that is no value."""


REQUIRED = _Marker()
ABSENT = _Marker()

STRING: dict[str, Any] = {"type": "string", "maxLength": 255}
STRING_OR_NULL: dict[str, Any] = {"type": ["string", "null"], "maxLength": 255}
UUID: dict[str, Any] = {"type": "string", "format": "uuid"}
UUID_OR_NULL: dict[str, Any] = {"anyOf": [UUID, {"type": "null"}]}
BOOLEAN: dict[str, Any] = {"enum": [True, False, "True", "False", "true", "false", "1", "0", 1, 0]}
INTEGER: dict[str, Any] = {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": "^-?[0-9]+$"}]}
IP: dict[str, Any] = {"type": "string", "format": "ip-address"}
CIDR: dict[str, Any] = {"type": "string", "format": "cidr"}
TAG: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 60, "pattern": "^[^,]*$"}
TAGS: dict[str, Any] = {"type": "array", "items": TAG, "uniqueItems": True, "maxItems": 50}
ANYTHING: dict[str, Any] = {}


def boolean(value: Any) -> bool:
    """A boolean from the spellings that BOOLEAN allows."""
    return value if isinstance(value, bool) else str(value).lower() in ("true", "1")


def text(value: Any) -> str:
    """A string; null means empty."""
    return "" if value is None else str(value)


def number(value: Any) -> int | None:
    """An integer, or None."""
    return None if value is None else int(value)


@dataclass(frozen=True)
class Attr:
    """One attribute.

    schema   of its value
    default  when it is not sent on create: REQUIRED, ABSENT (the domain decides), or a value
    post, put   whether it may be sent on create, on update
    convert  makes the value that the domain gets
    guard    sending it needs the policy `create_<noun>:<attr>` or `update_<noun>:<attr>`
    hide     it is shown only to who passes `get_<noun>:<attr>`
    column   of the model, for filters and sorting; None: the attribute's own name; "": none
    """

    schema: Mapping[str, Any] = field(default_factory=lambda: STRING)
    default: Any = ABSENT
    post: bool = True
    put: bool = True
    convert: Callable[[Any], Any] | None = None
    guard: bool = False
    hide: bool = False
    column: str | None = None


def flag(default: Any = ABSENT, **kwargs: Any) -> Attr:
    """A boolean attribute."""
    return Attr(BOOLEAN, default, convert=boolean, **kwargs)


def shown(column: str | None = None, *, hide: bool = False) -> Attr:
    """An attribute that is read only."""
    return Attr(ANYTHING, post=False, put=False, column=column, hide=hide)


STANDARD: dict[str, Attr] = {
    "id": shown(),
    "project_id": Attr({"type": "string", "maxLength": 255}, put=False),
    "tenant_id": Attr({"type": "string", "maxLength": 255}, put=False, column="project_id"),
    "description": Attr(STRING_OR_NULL, "", convert=text),
    "revision_number": shown(), "created_at": shown(), "updated_at": shown(),
}
TAGGED: dict[str, Attr] = {"tags": Attr(TAGS, put=False, column="")}


@dataclass(frozen=True)
class Resource:
    """A noun: its `name` and `plural` on the wire, its `attrs`, the `wrapper` key where it differs from the name."""

    name: str
    plural: str
    attrs: Mapping[str, Attr]
    create: Schema = field(init=False)
    update: Schema = field(init=False)

    def __post_init__(self) -> None:
        post = self._object({n: a for n, a in self.attrs.items() if a.post},
                            [n for n, a in self.attrs.items() if a.default is REQUIRED])
        put = self._object({n: a for n, a in self.attrs.items() if a.put}, [])
        object.__setattr__(self, "create", Schema({
            "type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": False,
            "properties": {self.name: post, self.plural: {"type": "array", "minItems": 1, "items": {
                "if": {"type": "object", "required": [self.name]}, "else": post,
                "then": {"type": "object", "additionalProperties": False, "properties": {self.name: post}}}}},
        }))
        object.__setattr__(self, "update", Schema({
            "type": "object", "required": [self.name], "additionalProperties": False, "properties": {self.name: put},
        }))

    def _object(self, attrs: Mapping[str, Attr], required: list[str]) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": False, "required": required,
                "properties": {n: dict(a.schema) for n, a in attrs.items()}}

    def on_create(self, sent: Mapping[str, Any]) -> dict[str, Any]:
        """The values of a create: converted, with defaults; what was not sent and has no default is left out."""
        values: dict[str, Any] = {}
        for name, attr in self.attrs.items():
            if name == "tenant_id" or not attr.post:
                continue
            if name in sent:
                values[name] = attr.convert(sent[name]) if attr.convert else sent[name]
            elif attr.default is not ABSENT and attr.default is not REQUIRED:
                values[name] = list(attr.default) if isinstance(attr.default, list) else attr.default
        return values

    def on_update(self, sent: Mapping[str, Any]) -> dict[str, Any]:
        """The values of an update: converted."""
        return {n: self.attrs[n].convert(v) if self.attrs[n].convert else v for n, v in sent.items()}  # type: ignore[misc]

    def column(self, name: str) -> str | None:
        """The model's column behind attribute `name`, or None when it cannot be filtered or sorted by."""
        attr = self.attrs.get(name)
        if attr is None or attr.column == "":
            return None
        return attr.column or name

    @property
    def hidden(self) -> list[str]:
        """Attributes that a policy may hide."""
        return [n for n, a in self.attrs.items() if a.hide]


def explain(error: Any) -> str:
    """Upstream's words for a schema error."""
    where = [str(p) for p in error.absolute_path]
    if error.validator == "additionalProperties":
        extra = ", ".join(sorted(set(error.instance) - set(error.schema.get("properties", {}))))
        return f"Unrecognized attribute(s) '{extra}'"
    if error.validator == "required":
        missing = sorted(set(error.validator_value) - set(error.instance))
        return f"Failed to parse request. Required attribute '{missing[0]}' not specified"
    if len(where) <= 1:
        return "Resource body required" if not where else f"Invalid input for {where[0]}. Reason: {error.message}."
    name = next((p for p in where[1:] if not p.isdigit()), where[-1])
    return f"Invalid input for {name}. Reason: {error.message}."


def same_project(sent: Mapping[str, Any]) -> str | None:
    """The project that a body names, by either key; errors.BadRequest when the two differ."""
    project, tenant = sent.get("project_id"), sent.get("tenant_id")
    if project is not None and tenant is not None and project != tenant:
        raise faults.bad("'project_id' and 'tenant_id' do not match")
    return project if project is not None else tenant
