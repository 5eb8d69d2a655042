"""Making rules: block storage accepts tokens of every scope, as upstream does."""

from collections.abc import Mapping
from typing import Any

from common.http.policy import ADMIN, ADMIN_OR_MEMBER, ADMIN_OR_READER, SERVICE, rule

MEMBER_OR_SERVICE = f"{ADMIN_OR_MEMBER} or {SERVICE}"
READER_OR_SERVICE = f"{ADMIN_OR_READER} or {SERVICE}"

__all__ = ["ADMIN", "ADMIN_OR_MEMBER", "ADMIN_OR_READER", "MEMBER_OR_SERVICE", "READER_OR_SERVICE", "rules"]


def rules(table: Mapping[str, tuple[str, str]]) -> list[Any]:
    """Rules from {name: (check, description)}."""
    return [rule(name, check, description, scopes=None) for name, (check, description) in table.items()]
