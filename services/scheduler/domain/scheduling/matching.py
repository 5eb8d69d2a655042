"""Comparing what a host has with what an extra spec, an image or a query hint wants."""

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson

_NUMERIC: Mapping[str, Callable[[float, float], bool]] = {
    "=": operator.ge, "==": operator.eq, "!=": operator.ne, ">=": operator.ge, "<=": operator.le,
}
_TEXT: Mapping[str, Callable[[str, str], bool]] = {
    "s==": operator.eq, "s!=": operator.ne, "s<": operator.lt, "s<=": operator.le, "s>": operator.gt, "s>=": operator.ge,
}
_ARCHITECTURES = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64", "i386": "i686", "x86": "i686"}
_HYPERVISORS = {"qemu": {"qemu", "kvm"}, "kvm": {"qemu", "kvm"}, "simulated": {"simulated", "fake", "qemu", "kvm"},
                "fake": {"fake", "simulated", "qemu", "kvm"}}


def extra_spec(have: str, wanted: str) -> bool:
    """Whether `have` fulfils `wanted`: a value, or an operator and operands.

    Operators: = (at least) == != >= <= for numbers; s== s!= s< s<= s> s>= for texts; <in> (contains),
    <all-in> (contains all), <or> (any of), <range-in> [ a b ]. Source: oslo's extra-spec operators.
    """
    words = wanted.split()
    if not words:
        return have == wanted
    word, rest = words[0], words[1:]
    if word == "<or>":
        return have in [w for w in rest if w != "<or>"]
    if word == "<in>":
        return bool(rest) and rest[0] in have
    if word == "<all-in>":
        return all(w in have for w in rest)
    if word == "<range-in>":
        return _in_range(have, rest)
    if word in _TEXT:
        return bool(rest) and _TEXT[word](have, rest[0])
    if word in _NUMERIC:
        try:
            return bool(rest) and _NUMERIC[word](float(have), float(rest[0]))
        except ValueError:
            return False
    return have == wanted


def _in_range(have: str, words: list[str]) -> bool:
    match = re.fullmatch(r"([\[(])\s*(\S+)\s+(\S+?)\s*([\])])", " ".join(words))
    try:
        if not match:
            return False
        value, low, high = float(have), float(match.group(2)), float(match.group(3))
    except ValueError:
        return False
    above = value >= low if match.group(1) == "[" else value > low
    return above and (value <= high if match.group(4) == "]" else value < high)


def architecture(name: object) -> str:
    """One name for each processor architecture."""
    text = str(name).lower()
    return _ARCHITECTURES.get(text, text)


def hypervisor_names(have: str) -> set[str]:
    """The hypervisor types that a host of type `have` can stand for."""
    return _HYPERVISORS.get(have, {have})


def version_number(value: object) -> int | None:
    """A hypervisor's version as libvirt counts it (7.2.1 is 7002001); None when it is none."""
    if isinstance(value, int):
        return value
    parts = re.findall(r"\d+", str(value or ""))[:3]
    if not parts:
        return None
    if len(parts) == 1:
        return int(parts[0])
    numbers = [int(p) for p in parts] + [0, 0]
    return numbers[0] * 1_000_000 + numbers[1] * 1_000 + numbers[2]


def version_fits(have: object, wanted: str) -> bool:
    """Whether a version fulfils `>=6.0,<8.0`; a version that is not known does not."""
    number = version_number(have)
    if number is None:
        return False
    ways: Mapping[str, Callable[[int, int], bool]] = {
        ">=": operator.ge, "<=": operator.le, "==": operator.eq, "!=": operator.ne, ">": operator.gt, "<": operator.lt}
    for part in wanted.split(","):
        match = re.fullmatch(r"\s*(>=|<=|==|!=|>|<)?\s*([\d.]+)\s*", part)
        if not match:
            return False
        limit = version_number(match.group(2) if "." in match.group(2) else f"{match.group(2)}.0")
        if limit is None or not ways[match.group(1) or "=="](number, limit):
            return False
    return True


def json_query(text: Any, host: Any) -> bool:
    """Whether `["and", [">=", "$free_ram_mb", 1024], …]` is true of a host; an ill-formed query is false."""
    try:
        query = orjson.loads(text) if isinstance(text, str) else text
        return bool(_evaluate(query, host))
    except (orjson.JSONDecodeError, TypeError, ValueError, KeyError, IndexError):
        return False


_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge}


def _evaluate(query: Any, host: Any) -> Any:
    if isinstance(query, str):
        return _variable(query[1:], host) if query.startswith("$") else query
    if not isinstance(query, list):
        return query
    if not query:
        return True
    name, values = query[0], [_evaluate(q, host) for q in query[1:]]
    if name == "in":
        return values[0] in values[1:]
    if name == "not":
        return not values[0]
    if name == "or":
        return any(values)
    if name == "and":
        return all(values)
    if None in values:
        return False
    return all(_COMPARE[name](values[0], v) for v in values[1:])


def _variable(path: str, host: Any) -> Any:
    """`free_ram_mb`, `free_disk_mb`, `vcpus_total`, … or a dotted path into the host's facts."""
    own = {"free_ram_mb": host.free("MEMORY_MB"), "total_usable_ram_mb": host.total("MEMORY_MB"),
           "free_disk_mb": host.free("DISK_GB") * 1024, "total_usable_disk_gb": host.total("DISK_GB"),
           "vcpus_total": host.total("VCPU"), "num_instances": host.instances, "num_io_ops": host.facts.get("io_ops"),
           "vcpus_used": None}
    if "VCPU" in host.provider.inv:
        own["vcpus_used"] = host.provider.inv["VCPU"].capacity - host.free("VCPU")
    if path in own:
        return own[path]
    value: Any = host.facts
    for part in path.removeprefix("host.").split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
