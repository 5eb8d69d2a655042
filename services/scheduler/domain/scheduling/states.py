"""What filters and weighers look at: hosts with what is left of them, and the request."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from services.scheduler.domain.index import Provider


class Host:
    """A compute host as one decision sees it; `take` notes what the decision itself has given away.

    given   (provider id, class) -> amount that this decision has given away; None while that is nothing
    taken   how many servers it has put there
    facts   what compute told: see common.clients.scheduler.Scheduler.update_hosts
    """

    __slots__ = ("facts", "given", "provider", "taken")

    def __init__(self, provider: Provider, facts: Mapping[str, Any]) -> None:
        self.provider, self.facts = provider, facts
        self.given: dict[tuple[int, str], int] | None = None
        self.taken = 0

    @property
    def host(self) -> str:
        """The host's name."""
        return self.facts["host"]  # type: ignore[no-any-return]

    @property
    def node(self) -> str:
        """The node's name."""
        return self.facts["node"]  # type: ignore[no-any-return]

    @property
    def instances(self) -> int:
        """How many servers it has."""
        return (self.facts.get("instances") or 0) + self.taken

    def take(self, amounts: Mapping[int, Mapping[str, int]]) -> None:
        """Note that provider id -> class -> amount of this host is gone."""
        if self.given is None:
            self.given = {}
        for number, wanted in amounts.items():
            for name, amount in wanted.items():
                self.given[number, name] = self.given.get((number, name), 0) + amount
        self.taken += 1

    def free(self, name: str) -> int:
        """How much of a class the host's own provider has left; 0 when it has none."""
        inv = self.provider.inv.get(name)
        if inv is None:
            return 0
        return inv.free - self.given.get((self.provider.id, name), 0) if self.given else inv.free

    def total(self, name: str) -> int | None:
        """How much of a class the host's own provider has in all; None when it has none."""
        inv = self.provider.inv.get(name)
        return None if inv is None else inv.total

    def metadata(self, key: str) -> set[str]:
        """All values that the host's aggregates have for `key`."""
        values: set[str] = set()
        for aggregate in self.facts.get("aggregates") or ():
            value = (aggregate.get("metadata") or {}).get(key)
            if value is not None:
                values.update(part.strip() for part in str(value).split(","))
        return values


@dataclass(frozen=True)
class Spec:
    """What one server needs, from a request of common.clients.scheduler.Scheduler.select_hosts."""

    request: Mapping[str, Any]
    hints: Mapping[str, Any] = field(default_factory=dict)
    image: Mapping[str, Any] = field(default_factory=dict)
    extra_specs: Mapping[str, str] = field(default_factory=dict)
    group_policy: str | None = None
    group_rules: Mapping[str, Any] = field(default_factory=dict)
    group_hosts: tuple[str, ...] = ()

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> "Spec":
        """From a request as it came in the message."""
        group = request.get("group") or {}
        return cls(request, request.get("hints") or {}, (request.get("image") or {}),
                   (request.get("flavor") or {}).get("extra_specs") or {}, group.get("policy"),
                   group.get("rules") or {}, tuple(group.get("hosts") or ()))

    @property
    def image_properties(self) -> Mapping[str, Any]:
        """The image's properties."""
        return self.image.get("properties") or {}

    def hint(self, name: str) -> list[str]:
        """A hint's values as texts."""
        value = self.hints.get(name)
        if value is None:
            return []
        return [str(v) for v in value] if isinstance(value, list | tuple) else [str(value)]
