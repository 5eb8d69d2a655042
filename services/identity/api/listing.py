"""Reading a list's query and printing a list, alike for every noun."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from common import errors
from common.http.request import Request
from services.identity.api.schemas import FLAGS
from services.identity.db.rows import Query

_COMPARATORS = frozenset("contains startswith endswith icontains istartswith iendswith".split())
_FALSE = frozenset(("0", "f", "false", "off", "n", "no"))


def read(request: Request, names: Iterable[str], *, booleans: Iterable[str] = ("enabled",),
         fixed: Mapping[str, Any] | None = None, inexact: bool = True) -> Query:
    """The filters, limit and marker of a list.

    `names` are the attributes that may be filtered by, `booleans` those of them that are true or false, `fixed` are
    filters that hold whatever the request says. Other parameters are ignored, as upstream ignores them.
    """
    known = frozenset(names)
    true_false = frozenset(booleans)
    filters: list[tuple[str, str, Any]] = [(n, "", v) for n, v in (fixed or {}).items()]
    for key, values in request.query.items():
        name, _, comparator = key.partition("__")
        if name not in known or (comparator and (comparator not in _COMPARATORS or not inexact)):
            continue
        for value in values:
            if not value and name.endswith("_id"):
                raise errors.BadRequest(f"Invalid input for field/attribute {name}. Value: . '' should be non-empty")
            filters.append((name, comparator, _boolean(name, value) if name in true_false and not comparator else value))
    return Query(tuple(filters), _limit(request), request.first("marker") or None)


def one_of(request: Request, name: str, words: Sequence[str]) -> None:
    """BadRequest unless every value of filter `name` is one of `words`."""
    for text in request.query.get(name, ()):
        if text not in words:
            raise errors.BadRequest(f"Invalid input for field/attribute {name}. Value: {text}. {text!r} is not one of "
                                    f"{list(words)}")


def _boolean(name: str, text: str) -> bool:
    if text not in FLAGS:
        raise errors.BadRequest(f"Invalid input for field/attribute {name}. Value: {text}. {text!r} is not one of {list(FLAGS)}")
    return text.lower() not in _FALSE


def _limit(request: Request) -> int | None:
    text = request.first("limit")
    configured: int | None = request.app.conf.identity.list_limit
    if not text:
        return configured
    if not re.fullmatch(r"\d{1,9}", text):
        raise errors.BadRequest(f"Invalid input for field/attribute limit. Value: {text}. {text!r} is not a non-negative integer")
    return min(int(text), request.app.conf.api.max_page_size)


def answer(request: Request, key: str, items: Sequence[Mapping[str, Any]], more: bool = False) -> dict[str, Any]:
    """`{key: items, "links": …}`; with `more`, `truncated`, and a link to the next page where a limit was asked for."""
    following = None
    if more and request.first("limit") and items:
        from common.http.paging import next_link

        following = next_link(request, request.raw.path, str(items[-1]["id"]))
    out: dict[str, Any] = {key: items, "links": links(request, following)}
    if more:
        out["truncated"] = True
    return out


def links(request: Request, following: str | None = None) -> dict[str, Any]:
    """The links of a list."""
    query = request.raw.query_string.decode("ascii", "replace")
    own = request.base_url + request.raw.path.rstrip("/") + (f"?{query}" if query else "")
    return {"next": following, "self": own, "previous": None}


def with_extra(body: dict[str, Any], row: Any) -> dict[str, Any]:
    """`body` with clients' own attributes once more under `extra`: so upstream answers changes of users and projects."""
    return {**body, "extra": row.extra or {}}


def own_domain(request: Request) -> dict[str, Any] | None:
    """The filter of a list for a token that is for a domain: whoever holds it sees that domain's."""
    domain_id = request.context.domain_id
    return {"domain_id": domain_id} if domain_id else None


def own_link(request: Request) -> dict[str, str]:
    """The links of an answer that is no list: its own URL."""
    return {"self": request.base_url + request.raw.path}


def self_link(request: Request, *path: str) -> dict[str, str]:
    """`{"self": URL}` of a resource under /v3."""
    return {"self": "/".join((request.base_url, "v3", *path))}
