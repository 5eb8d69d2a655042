"""Reading `limit`, `marker`, `sort_key`/`sort_dir`, `sort` and making `next` links."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from common import errors
from common.http.request import Request


@dataclass(frozen=True)
class Page:
    """The part of a list that was asked for.

    limit   most items (None: all); marker: id of the last item of the page before
    sorts   ((key, "asc" | "desc"), …), never empty
    """

    limit: int | None
    marker: str | None
    sorts: tuple[tuple[str, str], ...]
    reverse: bool = False


def read(
    request: Request, *, default_sorts: Sequence[tuple[str, str]] = (("created_at", "desc"), ("id", "desc")),
    keys: Sequence[str] | None = None, limit_max: int | None = None, aliases: Mapping[str, str] | None = None,
    limit_default: int | None = None,
) -> Page:
    """The page a request asks for.

    `keys` are the sort keys allowed (None: any), `aliases` maps their names on the wire to columns.
    errors.BadRequest when a value is wrong.
    """
    limit = _limit(request.first("limit"), limit_max or request_max(request), limit_default)
    sorts = _sorts(request.query, list(default_sorts))
    if keys is not None:
        for key, _ in sorts:
            if key not in keys and key not in dict(default_sorts):
                raise errors.BadRequest(f"Sort key supplied is invalid: {key}")
    renamed = tuple(((aliases or {}).get(k, k), d) for k, d in sorts)
    return Page(limit, request.first("marker") or None, renamed, (request.first("page_reverse") or "").lower() == "true")


def request_max(request: Request) -> int:
    """The largest page this API gives."""
    return int(getattr(request.app, "conf").api.max_page_size)


def _limit(text: str | None, most: int, default: int | None) -> int | None:
    if text is None or text == "":
        return min(default, most) if default else most
    try:
        limit = int(text)
    except ValueError:
        raise errors.BadRequest("limit param must be an integer") from None
    if limit < 0:
        raise errors.BadRequest("limit param must be positive")
    return min(limit, most)


def _sorts(query: Mapping[str, list[str]], default: list[tuple[str, str]]) -> list[tuple[str, str]]:
    if "sort" in query:
        pairs = [item.strip().partition(":") for text in query["sort"] for item in text.split(",") if item.strip()]
        found = [(key, way or "desc") for key, _, way in pairs]
    else:
        names = query.get("sort_key", [])
        ways = query.get("sort_dir", [])
        if len(ways) > len(names) and names:
            raise errors.BadRequest("Sort direction size exceeds sort key size")
        fill = ways[-1] if ways else None
        found = [(k, ways[i] if i < len(ways) else (fill or "asc")) for i, k in enumerate(names)]
        if not names and ways:
            found = [(k, ways[0]) for k, _ in default]
    for _, way in found:
        if way not in ("asc", "desc"):
            raise errors.BadRequest(f"Unknown sort direction, must be one of: asc, desc: {way}")
    return found or default


def next_link(request: Request, path: str, marker: str) -> str:
    """The URL of the page after `marker`, with every other parameter of this request kept."""
    pairs: list[tuple[str, Any]] = [(k, v) for k, vs in request.query.items() if k != "marker" for v in vs]
    pairs.append(("marker", marker))
    return f"{request.base_url}{path}?{urlencode(pairs)}"
