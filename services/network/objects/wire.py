"""How the frozen dataclasses of this service become JSON and come back.

One codec for all, driven by the type hints, so that no object carries its own parsing code.
Allowed field types: str, int, bool, their optionals, other `Wire` classes and tuples of these.
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
        """This object as JSON types only: dicts, lists, strings, integers, booleans, None."""
        return {name: _plain(getattr(self, name)) for name in _hints(type(self))}  # type: ignore[arg-type]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The object of `data`; unknown keys are ignored (newer peers), a missing required one is a TypeError."""
        hints = _hints(cls)  # type: ignore[arg-type]
        return cls(**{name: _typed(hints[name], value) for name, value in data.items() if name in hints})


def _plain(value: Any) -> Any:
    if isinstance(value, Wire):
        return value.to_dict()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _typed(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    origin = typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        return _typed(next(arg for arg in typing.get_args(hint) if arg is not type(None)), value)
    if origin is tuple:
        item = typing.get_args(hint)[0]
        return tuple(_typed(item, element) for element in value)
    if isinstance(hint, type) and issubclass(hint, Wire):
        return hint.from_dict(value)
    return value


@functools.cache
def _hints(cls: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}
