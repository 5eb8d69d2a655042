"""JSON schemas as plain functions: whether a value fits, and nothing else.

A validator that generates Python from a schema and compiles it takes tens of milliseconds and, in a daemon that has just
started, as many MiB for good: more than all the rest of a first request. Functions put together from one table of words are
made in microseconds, and decide nearly as fast. What they know are the words of drafts 4 to 7 that this project uses; any
other raises ValueError when the schema is made, so that no rule is overlooked.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

Check = Callable[[Any], bool]
Formats = Mapping[str, Callable[[str], bool]]

# "name" and "is_base" are what image schemas say of themselves to clients
_SAYS_NOTHING = frozenset({"title", "description", "default", "readOnly", "writeOnly", "examples", "$schema", "definitions",
                           "name", "is_base"})
_END = re.compile(r"(?<!\\)\$")


class _Scope:
    """What the parts of one document share: formats by name, and its definitions, which may refer to themselves."""

    def __init__(self, document: Mapping[str, Any] | bool, formats: Formats) -> None:
        self.formats = formats
        definitions = {} if isinstance(document, bool) else document.get("definitions", {})
        self.named: dict[str, Check] = {name: _check(inner, self) for name, inner in definitions.items()}


def check(document: Mapping[str, Any] | bool, formats: Formats) -> Check:
    """The function that says whether a value fits `document`; `formats` holds every format the document may name."""
    return _check(document, _Scope(document, formats))


def _check(document: Mapping[str, Any] | bool, scope: _Scope) -> Check:
    if isinstance(document, bool):
        return lambda value: document
    checks = _checks(document, scope)
    if len(checks) == 1:
        return checks[0]

    def every(value: Any) -> bool:
        for one in checks:
            if not one(value):
                return False
        return True

    return every


def expression(pattern: str) -> re.Pattern[str]:
    """A schema's pattern, whose `$` means the end: Python's would let a line end through behind it."""
    return re.compile(_END.sub(r"\\Z", pattern))


def _checks(document: Mapping[str, Any], scope: _Scope) -> list[Check]:
    if "$ref" in document:
        return [_reference(document["$ref"], scope)]  # what stands beside a reference counts for nothing
    found = []
    for word, value in document.items():
        if word in _SAYS_NOTHING or word in _READ_BY_OTHERS:
            continue
        if word in _OF_EVERYTHING:
            found.append(_OF_EVERYTHING[word](value))
        elif word in _WITH_SCHEMAS:
            found.append(_WITH_SCHEMAS[word](document, scope))
        elif word == "format":
            found.append(_only(str, scope.formats[value]) if value in scope.formats else _unknown(word, value))
        elif word in _OF_ONE_TYPE:
            kinds, make = _OF_ONE_TYPE[word]
            found.append(_only(kinds, make(value)))
        else:
            _unknown(word, value)
    if "properties" not in document and not {"patternProperties", "additionalProperties"}.isdisjoint(document):
        found.append(_only(dict, _members(document, scope)))
    return found


def _unknown(word: str, value: Any) -> Check:
    raise ValueError(f"no JSON schema of this project may say {word!r}: {value!r}")


def _only(kinds: type | tuple[type, ...], test: Check) -> Check:
    """A rule for values of some types holds for all others."""
    if kinds is _NUMBER:
        return lambda value: not isinstance(value, _NUMBER) or isinstance(value, bool) or test(value)
    return lambda value: not isinstance(value, kinds) or test(value)


_NUMBER = (int, float)
_ARRAY = (list, tuple)
_TYPES: dict[str, Check] = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, _ARRAY),
    "string": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool),
    "null": lambda v: v is None,
    "number": lambda v: isinstance(v, _NUMBER) and not isinstance(v, bool),
    "integer": lambda v: (isinstance(v, int) and not isinstance(v, bool)) or (isinstance(v, float) and v.is_integer()),
}


def _type(names: str | Collection[str]) -> Check:
    if isinstance(names, str):
        return _TYPES[names]
    tests = [_TYPES[name] for name in names]
    return lambda value: any(test(value) for test in tests)


def _identity(value: Any) -> str:
    """Equal for what JSON calls equal: 1 and true are not, 1 and 1.0 are, and the order of members does not matter."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, sort_keys=True)


def _enum(values: Collection[Any]) -> Check:
    if all(isinstance(value, str) for value in values):
        words = frozenset(values)
        return lambda value: isinstance(value, str) and value in words
    known = frozenset(map(_identity, values))
    return lambda value: _identity(value) in known


def _pattern(pattern: str) -> Check:
    found = expression(pattern).search
    return lambda value: found(value) is not None


def _unique(wanted: bool) -> Check:
    return lambda value: not wanted or len(value) < 2 or len(set(map(_identity, value))) == len(value)


def _required(names: Collection[str]) -> Check:
    return lambda value: all(name in value for name in names)


def _dependencies(table: Mapping[str, Collection[str]]) -> Check:
    return lambda value: all(name not in value or all(other in value for other in others) for name, others in table.items())


def _members(document: Mapping[str, Any], scope: _Scope) -> Check:
    """properties, patternProperties and additionalProperties, which know of one another."""
    named = {name: _check(inner, scope) for name, inner in document.get("properties", {}).items()}
    patterns = [(expression(text).search, _check(inner, scope)) for text, inner in document.get("patternProperties", {}).items()]
    rest = _check(document.get("additionalProperties", True), scope)

    def fits(value: dict[str, Any]) -> bool:
        for name, inner in value.items():
            test = named.get(name)
            if test is not None and not test(inner):
                return False
            matching = [other for search, other in patterns if search(name)] if patterns else ()
            if not all(other(inner) for other in matching):
                return False
            if test is None and not matching and not rest(inner):
                return False
        return True

    return fits


def _reference(target: str, scope: _Scope) -> Check:
    name = target.removeprefix("#/definitions/")
    if name == target:
        _unknown("$ref", target)
    return lambda value: scope.named[name](value)


def _items(document: Mapping[str, Any], scope: _Scope) -> Check:
    test = _check(document["items"], scope)
    return _only(_ARRAY, lambda value: all(test(item) for item in value))


def _some(document: Mapping[str, Any], scope: _Scope) -> Check:
    tests = [_check(inner, scope) for inner in document["anyOf"]]
    return lambda value: any(test(value) for test in tests)


def _one(document: Mapping[str, Any], scope: _Scope) -> Check:
    tests = [_check(inner, scope) for inner in document["oneOf"]]
    return lambda value: sum(test(value) for test in tests) == 1


def _all(document: Mapping[str, Any], scope: _Scope) -> Check:
    tests = [_check(inner, scope) for inner in document["allOf"]]
    return lambda value: all(test(value) for test in tests)


def _not(document: Mapping[str, Any], scope: _Scope) -> Check:
    test = _check(document["not"], scope)
    return lambda value: not test(value)


def _if(document: Mapping[str, Any], scope: _Scope) -> Check:
    test, then, other = (_check(document.get(word, True), scope) for word in ("if", "then", "else"))
    return lambda value: then(value) if test(value) else other(value)


_READ_BY_OTHERS = frozenset({"patternProperties", "additionalProperties", "then", "else"})
_OF_EVERYTHING: dict[str, Callable[[Any], Check]] = {"type": _type, "enum": _enum, "const": lambda value: _enum([value])}
_WITH_SCHEMAS: dict[str, Callable[[Mapping[str, Any], _Scope], Check]] = {
    "properties": lambda document, scope: _only(dict, _members(document, scope)),
    "items": _items, "anyOf": _some, "oneOf": _one, "allOf": _all, "not": _not, "if": _if,
}
_OF_ONE_TYPE: dict[str, tuple[type | tuple[type, ...], Callable[[Any], Check]]] = {
    "minLength": (str, lambda least: lambda v: len(v) >= least),
    "maxLength": (str, lambda most: lambda v: len(v) <= most),
    "pattern": (str, _pattern),
    "minimum": (_NUMBER, lambda least: lambda v: v >= least),
    "maximum": (_NUMBER, lambda most: lambda v: v <= most),
    "exclusiveMinimum": (_NUMBER, lambda limit: lambda v: v > limit),
    "exclusiveMaximum": (_NUMBER, lambda limit: lambda v: v < limit),
    "minItems": (_ARRAY, lambda least: lambda v: len(v) >= least),
    "maxItems": (_ARRAY, lambda most: lambda v: len(v) <= most),
    "uniqueItems": (_ARRAY, _unique),
    "minProperties": (dict, lambda least: lambda v: len(v) >= least),
    "maxProperties": (dict, lambda most: lambda v: len(v) <= most),
    "required": (dict, _required),
    "dependencies": (dict, _dependencies),
}
