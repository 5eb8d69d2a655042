"""nftables as data: chains, sets and maps, and the script that turns one ruleset into another.

A chain's name ends with a hash of its lines, so "is it there?" is the same question as "is it right?", and an agent
that restarts finds in the kernel all that it needs to see that nothing has to change. What changes is loaded as one
transaction of additions and deletions, in an order that never leaves a reference dangling.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterable
from typing import Any

TABLE = "altostack"
Key = tuple[str, str]  # family, name


@dataclasses.dataclass
class Collection:
    """A set (all values empty) or a map; `declaration` is its nft type clause."""

    declaration: str
    elements: dict[str, str] = dataclasses.field(default_factory=dict)
    is_map: bool = False


@dataclasses.dataclass
class Ruleset:
    """Our tables. A base chain (with a hook) has its `type filter hook …` clause in `hooks`."""

    chains: dict[Key, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    hooks: dict[Key, str] = dataclasses.field(default_factory=dict)
    collections: dict[Key, Collection] = dataclasses.field(default_factory=dict)

    def add_chain(self, family: str, stem: str, lines: Iterable[str], hook: str = "") -> str:
        """Add a chain and return its name: `stem`, a dash, and a hash of what it does."""
        body = tuple(lines)
        name = chain_name(stem, (hook, *body))
        self.chains[family, name] = body
        if hook:
            self.hooks[family, name] = hook
        return name


def chain_name(stem: str, lines: Iterable[str]) -> str:
    """`stem`, a dash, and a hash of what the chain does."""
    return f"{stem}-{hashlib.sha256(chr(10).join(lines).encode()).hexdigest()[:12]}"


def difference(old: Ruleset, new: Ruleset) -> str:
    """The nft script that makes `old` into `new`; empty when they are equal."""
    script: list[str] = []
    added = [key for key in new.chains if key not in old.chains]
    removed = [key for key in old.chains if key not in new.chains]
    script += [_declare(key, new.collections[key]) for key in new.collections if key not in old.collections]
    script += [_chain(key, new) for key in added if key not in new.hooks]
    script += _elements(old, new)
    script += [_chain(key, new) for key in added if key in new.hooks]
    script += [f"flush chain {family} {TABLE} {name}" for family, name in removed]
    script += [f"delete chain {family} {TABLE} {name}" for family, name in removed]
    for key in old.collections:
        if key not in new.collections:
            kind = "map" if old.collections[key].is_map else "set"
            script.append(f"delete {kind} {key[0]} {TABLE} {key[1]}")
    if not script:
        return ""
    families = sorted({key[0] for key in (*new.chains, *new.collections)})
    return "\n".join([*(f"add table {family} {TABLE}" for family in families), *script]) + "\n"


def parse(texts: Iterable[str]) -> Ruleset:
    """Our ruleset from what `nft -j list table FAMILY altostack` printed for each family (chains by name only)."""
    found = Ruleset()
    for text in texts:
        for row in json.loads(text)["nftables"] if text.strip() else ():
            kind, body = next(iter(row.items()))
            if kind not in ("chain", "set", "map"):
                continue
            key = (body["family"], body["name"])
            if kind == "chain":
                found.chains[key] = ()
            else:
                found.collections[key] = Collection("", _parsed_elements(body), is_map=kind == "map")
    return found


def _declare(key: Key, collection: Collection) -> str:
    kind = "map" if collection.is_map else "set"
    return f"add {kind} {key[0]} {TABLE} {key[1]} {{ {collection.declaration}; }}"


def _chain(key: Key, ruleset: Ruleset) -> str:
    family, name = key
    hook = ruleset.hooks.get(key)
    lines = [f"add chain {family} {TABLE} {name}" + (f" {{ {hook}; }}" if hook else "")]
    lines += [f"add rule {family} {TABLE} {name} {line}" for line in ruleset.chains[key]]
    return "\n".join(lines)


def _elements(old: Ruleset, new: Ruleset) -> list[str]:
    script = []
    for key in new.collections.keys() & old.collections.keys():
        have, want = old.collections[key].elements, new.collections[key].elements
        if have is want:
            continue
        dropped = [element for element, value in have.items() if want.get(element, None) != value]
        if dropped:
            script.append(f"delete element {key[0]} {TABLE} {key[1]} {{ {', '.join(dropped)} }}")
    for key, collection in new.collections.items():
        have = old.collections[key].elements if key in old.collections else {}
        if have is collection.elements:
            continue
        fresh = [(e, value) for e, value in collection.elements.items() if have.get(e, None) != value]
        if fresh:
            text = ", ".join(f"{element} : {value}" if collection.is_map else element for element, value in fresh)
            script.append(f"add element {key[0]} {TABLE} {key[1]} {{ {text} }}")
    return script


def _parsed_elements(body: dict[str, Any]) -> dict[str, str]:
    return dict(_parsed_element(element, body.get("map") is not None) for element in body.get("elem", ()))


def _parsed_element(element: Any, is_map: bool) -> tuple[str, str]:
    key, value = element if is_map else (element, "")
    if isinstance(key, dict) and "elem" in key:
        key = key["elem"]["val"]
    if isinstance(value, dict):
        verdict, target = next(iter(value.items()))
        value = f"{verdict} {target['target']}" if target else verdict
    return quoted(key), str(value)


def quoted(key: object) -> str:
    """A set key as nft reads it: names of devices in quotes, numbers and addresses bare."""
    text = str(key)
    is_address = text[:1].isdigit() or ":" in text
    return text if isinstance(key, int) or is_address else f'"{text}"'
