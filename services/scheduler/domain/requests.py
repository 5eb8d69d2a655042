"""Reading resources, traits, aggregates and groups from query strings, with upstream's rules for each microversion.

Source: the Placement API reference, `GET /allocation_candidates` and `GET /resource_providers`.
"""

import re
from collections.abc import Mapping, Sequence

from common import errors, ids
from services.scheduler.objects.query import Group, Query

BAD_VALUE = "placement.query.bad_value"
MISSING_VALUE = "placement.query.missing_value"
DUPLICATE_KEY = "placement.query.duplicate_key"
_KINDS = "resources|required|member_of|in_tree"
_NUMBERED = re.compile(rf"^({_KINDS})([1-9][0-9]*)?$")
_NAMED = re.compile(rf"^({_KINDS})([a-zA-Z0-9_-]{{1,64}})?$")
Values = Mapping[str, Sequence[str]]


def resources(text: str) -> dict[str, int]:
    """`VCPU:1,MEMORY_MB:512` as a mapping; errors.BadRequest."""
    if not text.strip():
        raise errors.BadRequest("Badly formed resources parameter. Expected resources query string parameter in form: "
                                "?resources=VCPU:2,MEMORY_MB:1024. Got: empty string.")
    out = {}
    for item in text.split(","):
        name, colon, amount = item.partition(":")
        if not colon or ":" in amount:
            raise errors.BadRequest("Badly formed resources parameter. Expected resources query string parameter in form: "
                                    f"?resources=VCPU:2,MEMORY_MB:1024. Got: {item}.")
        try:
            number = int(amount)
        except ValueError:
            raise errors.BadRequest(f"Requested resource {name} expected positive integer amount. "
                                    f"Got: {amount}.") from None
        if number < 1:
            raise errors.BadRequest(f"Requested resource {name} requires amount >= 1. Got: {number}.")
        out[name] = number
    return out


def traits(values: Sequence[str], *, forbidden: bool, any_of: bool,
           name: str = "required") -> tuple[tuple[frozenset[str], ...], frozenset[str]]:
    """(sets of which one each is required, forbidden traits) of every `required` parameter given.

    forbidden: `!TRAIT` may be used (1.22); any_of: `in:A,B` and several parameters (1.39). errors.BadRequest.
    """
    wanted: list[frozenset[str]] = []
    unwanted: set[str] = set()
    for text in values if any_of else values[-1:]:
        if text.startswith("in:"):
            if not any_of:
                raise errors.BadRequest(f"Invalid query string parameters: The format 'in:HW_CPU_X86_VMX,CUSTOM_MAGIC' "
                                        f"only supported since microversion 1.39. Got: {text}")
            names = frozenset(t.strip() for t in text[3:].split(","))
            if any(t.startswith("!") for t in names):
                raise errors.BadRequest("Invalid query string parameters: The format 'in:HW_CPU_X86_VMX,CUSTOM_MAGIC' "
                                        f"does not support forbidden traits. Got: {text}")
            _no_blank(names, text, forbidden)
            wanted.append(names)
            continue
        names = frozenset(t.strip() for t in text.split(","))
        _no_blank(names, text, forbidden)
        away = {t[1:] for t in names if t.startswith("!")}
        if away and not forbidden:
            raise errors.BadRequest("Invalid query string parameters: Expected 'required' parameter value of the form: "
                                    f"HW_CPU_X86_VMX,CUSTOM_MAGIC. Got: {text}")
        if "" in away:
            _no_blank(frozenset([""]), text, forbidden)
        unwanted |= away
        wanted.extend(frozenset([t]) for t in sorted(names) if not t.startswith("!"))
    return tuple(wanted), frozenset(unwanted)


def _no_blank(names: frozenset[str], text: str, forbidden: bool) -> None:
    if "" in names:
        form = "HW_CPU_X86_VMX,!CUSTOM_MAGIC" if forbidden else "HW_CPU_X86_VMX,CUSTOM_MAGIC"
        raise errors.BadRequest("Invalid query string parameters: Expected 'required' parameter value of the form: "
                                f"{form}. Got an empty trait in: {text}")


def member_of(values: Sequence[str], *, several: bool, forbidden: bool,
              suffix: str = "") -> tuple[tuple[frozenset[str], ...], frozenset[str]]:
    """(sets of aggregates of which one each must hold it, aggregates it must not be in); errors.BadRequest.

    several: the parameter may be repeated (1.24); forbidden: `!uuid` and `!in:` may be used (1.32).
    """
    if len(values) > 1 and not several:
        raise errors.BadRequest(f"Multiple member_of{suffix} parameters are not supported")
    wanted: list[frozenset[str]] = []
    unwanted: set[str] = set()
    for text in values:
        if "," in text and not text.startswith(("in:", "!in:")):
            raise errors.BadRequest("Multiple values for 'member_of' must be prefixed with the 'in:' or '!in:' keyword "
                                    f"using the valid microversion. Got: {text}")
        negative = text.startswith("!")
        rest = text[1:] if negative else text
        uuids = frozenset((rest[3:] if rest.startswith("in:") else rest).split(","))
        bad = sorted(u for u in uuids if not ids.is_uuid(u))
        if bad:
            raise errors.BadRequest(f"Invalid query string parameters: Expected 'member_of' parameter to contain valid "
                                    f"UUID(s). Got: {bad[0]}")
        if negative and not forbidden:
            raise errors.BadRequest(f"Forbidden member_of{suffix} parameters are not supported in the specified "
                                    "microversion")
        if negative:
            unwanted |= uuids
        else:
            wanted.append(uuids)
    return tuple(wanted), frozenset(unwanted)


def in_tree(text: str) -> str:
    """A uuid; errors.BadRequest."""
    if not ids.is_uuid(text):
        raise errors.BadRequest("Invalid query string parameters: Expected 'in_tree' parameter to be a format of uuid. "
                                f"Got: {text}")
    return text


def query(values: Values, version: tuple[int, int]) -> Query:
    """The request that a query string of `GET /allocation_candidates` makes; errors.BadRequest."""
    groups = _groups(values, version)
    subtrees = _same_subtree(values)
    _check_groups(groups, subtrees, version)
    root_required: tuple[frozenset[str], ...] = ()
    root_forbidden: frozenset[str] = frozenset()
    if "root_required" in values:
        if len(values["root_required"]) > 1:
            raise errors.BadRequest("Query parameter 'root_required' may be specified only once.", kind=DUPLICATE_KEY)
        root_required, root_forbidden = traits(values["root_required"], forbidden=True, any_of=False)
        conflicts = sorted(root_forbidden.intersection(*[frozenset().union(*root_required)]))
        if conflicts:
            raise errors.BadRequest("Conflicting required and forbidden traits found in root_required: "
                                    f"{', '.join(conflicts)}", kind=BAD_VALUE)
    policy = values.get("group_policy", [None])[0]
    if policy is None and version >= (1, 25) and sum(1 for s, g in groups.items() if s and g.resources) > 1:
        raise errors.BadRequest('The "group_policy" parameter is required when specifying more than one "resources{N}" '
                                "parameter.")
    limit = values.get("limit", [None])[0]
    return Query(groups, policy, int(limit) if limit else None, frozenset().union(*root_required), root_forbidden,
                 subtrees, version >= (1, 29))


def _groups(values: Values, version: tuple[int, int]) -> dict[str, Group]:
    pattern = _NAMED if version >= (1, 33) else _NUMBERED
    parts: dict[str, dict[str, Sequence[str]]] = {}
    for key, given in values.items():
        match = pattern.match(key)
        if match:
            parts.setdefault(match.group(2) or "", {})[match.group(1)] = given
    out = {}
    for suffix, part in parts.items():
        required, forbidden = traits(part.get("required", ()), forbidden=version >= (1, 22), any_of=version >= (1, 39))
        inside, outside = member_of(part.get("member_of", ()), several=version >= (1, 24), forbidden=version >= (1, 32),
                                    suffix=suffix)
        out[suffix] = Group(suffix, resources(part["resources"][-1]) if "resources" in part else {}, required, forbidden,
                            inside, outside, in_tree(part["in_tree"][-1]) if "in_tree" in part else None)
    return out


def _same_subtree(values: Values) -> tuple[frozenset[str], ...]:
    out = []
    for text in values.get("same_subtree", ()):
        suffixes = frozenset(s.strip() for s in text.split(","))
        if "" in suffixes:
            raise errors.BadRequest("Empty string (unsuffixed group) can not be specified in `same_subtree` ",
                                    kind=BAD_VALUE)
        out.append(suffixes)
    return tuple(out)


def _check_groups(groups: Mapping[str, Group], subtrees: Sequence[frozenset[str]], version: tuple[int, int]) -> None:
    bare = [s for s, g in groups.items() if not g.resources]
    if version >= (1, 36):
        named = frozenset().union(*subtrees)
        if len(bare) == len(groups):
            raise errors.BadRequest("There must be at least one resources or resources[$S] parameter.", kind=MISSING_VALUE)
        bad = [s for s in bare if s not in named]
        if bad:
            raise errors.BadRequest("Resourceless suffixed group request should be specified in `same_subtree` query "
                                    f"param: bad group(s) - {bad}.", kind=BAD_VALUE)
        unknown = sorted(named - groups.keys())
        if unknown:
            raise errors.BadRequest(f"Real suffixes should be specified in `same_subtree`: {unknown} not found in "
                                    f"{list(groups)}.", kind=BAD_VALUE)
    else:
        for what, orphans in (("required", [s for s in bare if groups[s].required]),
                              ("member_of", [s for s in bare if groups[s].member_of or groups[s].not_member_of])):
            if orphans:
                word = "traits" if what == "required" else what
                gap = "  " if what == "required" else " "
                raise errors.BadRequest(f"All {word} parameters must be associated with resources.{gap}Found the following "
                                        f"orphaned {word} keys: {', '.join(what + s for s in orphans)}")
        if bare:
            raise errors.BadRequest("All request groups must specify resources.")
        if not groups:
            raise errors.BadRequest("At least one request group (`resources` or `resources{$S}`) is required.")
    conflicts = sorted(f"required{s}: ({', '.join(sorted(any_of))})" for s, g in groups.items() for any_of in g.required
                       if any_of <= g.forbidden)
    if conflicts:
        raise errors.BadRequest("Conflicting required and forbidden traits found in the following traits keys: "
                                f"{', '.join(conflicts)}")
