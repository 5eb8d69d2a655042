"""Schemas of the query string of allocation candidates."""

from services.scheduler.api.schemas.common import TEXT, query

_LIMIT = {"type": "string", "pattern": "^[1-9][0-9]*$"}
_1_16 = {"resources": TEXT, "limit": _LIMIT}
_1_25 = {"limit": _LIMIT, "group_policy": {"type": "string", "enum": ["none", "isolate"]}}
_1_35 = {**_1_25, "root_required": TEXT}


def _groups(kinds: str, suffix: str) -> dict[str, dict[str, str]]:
    return {f"^{kind}({suffix})?$": TEXT for kind in kinds.split("|")}


_NUMBER, _WORD = "[1-9][0-9]*", "[a-zA-Z0-9_-]{1,64}"
LIST = {
    "1.10": query({"resources": TEXT}, ["resources"]),
    "1.16": query(_1_16, ["resources"]),
    "1.17": query({**_1_16, "required": TEXT}, ["resources"]),
    "1.21": query({**_1_16, "required": TEXT, "member_of": TEXT}, ["resources"]),
    "1.25": query(_1_25, (), _groups("resources|required|member_of", _NUMBER)),
    "1.31": query(_1_25, (), _groups("resources|required|member_of|in_tree", _NUMBER)),
    "1.33": query(_1_25, (), _groups("resources|required|member_of|in_tree", _WORD)),
    "1.35": query(_1_35, (), _groups("resources|required|member_of|in_tree", _WORD)),
    "1.36": query({**_1_35, "same_subtree": TEXT}, (), _groups("resources|required|member_of|in_tree", _WORD)),
}
