"""Turning frozen dataclasses into JSON-able dicts and back, so that they can travel in messages.

One generic pair instead of a hand-written codec per class: nested dataclasses, tuples of them, mappings and optional
fields are understood from the type hints. Unknown keys are ignored, so that an older agent accepts a newer message.
"""

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping
from typing import Any, Self


class Wire:
    """Base of every dataclass that crosses a process: `from_dict(to_dict(x)) == x`."""

    def to_dict(self) -> dict[str, Any]:
        """This object as plain dicts, lists and scalars."""
        return {name: _plain(getattr(self, name)) for name in _hints(type(self))}  # type: ignore[arg-type]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The object that `to_dict` gave `data` of; TypeError when a field without default is missing."""
        hints = _hints(cls)  # type: ignore[arg-type]
        return cls(**{name: _build(hints[name], value) for name, value in data.items() if name in hints})


def _plain(value: Any) -> Any:
    if isinstance(value, Wire):
        return value.to_dict()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}  # type: ignore[arg-type]


def _build(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        inner = [arg for arg in typing.get_args(hint) if arg is not type(None)]
        return _build(inner[0], value) if len(inner) == 1 else value
    if origin is tuple:
        return tuple(_build(typing.get_args(hint)[0], item) for item in value)
    if origin is not None and isinstance(value, Mapping):
        return {key: _build(typing.get_args(hint)[1], item) for key, item in value.items()}
    if isinstance(hint, type) and issubclass(hint, Wire):
        return value if isinstance(value, hint) else hint.from_dict(value)
    return value
