"""What a client asks for when it asks for allocation candidates."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Group:
    """One request group.

    suffix      "" for the unsuffixed group, whose resources may come from several providers of a tree
    resources   class -> amount; may be empty in a suffixed group that `same_subtree` names
    required    sets of traits, of each of which at least one must be there
    forbidden   traits that must not be there
    member_of   sets of aggregates, of each of which the provider must be in at least one
    not_member_of   aggregates it must not be in
    in_tree     uuid of any provider of the tree that it must belong to
    """

    suffix: str = ""
    resources: Mapping[str, int] = field(default_factory=dict)
    required: tuple[frozenset[str], ...] = ()
    forbidden: frozenset[str] = frozenset()
    member_of: tuple[frozenset[str], ...] = ()
    not_member_of: frozenset[str] = frozenset()
    in_tree: str | None = None

    @property
    def traits(self) -> frozenset[str]:
        """Every trait that is named."""
        return self.forbidden.union(*self.required)


@dataclass(frozen=True)
class Query:
    """A whole request; `limit` is the greatest number of candidates, `nested` false before 1.29."""

    groups: Mapping[str, Group]
    policy: str | None = None
    limit: int | None = None
    root_required: frozenset[str] = frozenset()
    root_forbidden: frozenset[str] = frozenset()
    same_subtree: tuple[frozenset[str], ...] = ()
    nested: bool = True
