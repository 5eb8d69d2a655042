"""Receipts: the proof of the factors given so far, where a user's rules want more than one."""

from collections.abc import Mapping, Sequence
from typing import Any

from oslo_config import cfg

from common import clock, errors, ids
from services.identity.db.models import Project, User
from services.identity.domain.token_format import FernetFormat, Malformed
from services.identity.objects.token import METHODS, Payload


class Required(errors.Unauthorized):
    """401 with a receipt: more factors are wanted; `begun` are the rules that the ones given are a part of."""

    def __init__(self, conf: cfg.ConfigOpts, receipts: FernetFormat, user: User, domain: Project, methods: Sequence[str],
                 rules: Sequence[Sequence[str]]) -> None:
        now = clock.time()
        made = Payload(tuple(methods), user.id, float(int(now + conf.token.receipt_expiration)), now, (ids.secret(16),))
        super().__init__("Additional authentications steps required.",
                         headers={"Openstack-Auth-Receipt": receipts.seal(made)})
        self.receipt = made
        self.user_row, self.domain_row = user, domain
        self.begun = [list(rule) for rule in rules if set(rule) & set(methods)]


def missing(options: Mapping[str, Any], methods: Sequence[str]) -> list[list[str]]:
    """The rules (sets of methods) of which none is met; empty when nothing more is wanted."""
    rules = [r for r in options.get("multi_factor_auth_rules") or [] if set(r) <= set(METHODS)]
    if not rules or options.get("multi_factor_auth_enabled") is False:
        return []
    if any(set(rule) <= set(methods) for rule in rules):
        return []
    return [list(rule) for rule in rules]


def opened(receipts: FernetFormat, text: str, user_id: str) -> tuple[str, ...]:
    """The methods that a receipt proves for a user; Unauthorized when it is no good."""
    try:
        found = receipts.open(text)
    except Malformed:
        found = None
    if found is None or found.expires_at <= clock.time() or found.user_id != user_id:
        raise errors.Unauthorized(f"Could not find auth receipt: {text}.")
    return found.methods
