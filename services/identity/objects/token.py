"""What a token says, before and after it was checked against the database."""

from dataclasses import dataclass, field
from typing import Any

METHODS = ("password", "token", "application_credential", "totp", "oauth1", "mapped", "external", "ec2credential")
"""Authentication methods; the position is the bit in a Fernet token, so the order is for ever."""

_PRIMARY = frozenset(("password", "token", "totp", "mapped", "external"))
"""Methods by which users prove themselves who they are; by all others something was handed on to somebody."""


@dataclass(frozen=True)
class Payload:
    """What travels inside a token.

    kind       unscoped, project, domain or system; `scope_id` names the project or domain
    user_id    who authenticated (with a trust: the trustee)
    times      seconds since the epoch, `issued_at` with fractions
    audit_ids  the token's own, then (for a token got by a token) the first one's
    """

    methods: tuple[str, ...]
    user_id: str
    expires_at: float
    issued_at: float
    audit_ids: tuple[str, ...]
    kind: str = "unscoped"
    scope_id: str | None = None
    trust_id: str | None = None
    application_credential_id: str | None = None

    @property
    def by_delegation(self) -> bool:
        """Whether an application credential or an access key stood for the user (whom a trust's trustee is not)."""
        return not self.methods or not _PRIMARY.issuperset(self.methods)


@dataclass(frozen=True)
class Token:
    """A payload that was found valid, with what the database adds.

    `user`, `project`, `domain`, `trust` and `application_credential` are as the API prints them; `roles` are (id, name), for a
    trust also as printed (`role_details`);
    `ends_at` is when it, its trust or its application credential is over (seconds since the epoch).
    """

    payload: Payload
    user: dict[str, Any]
    roles: tuple[tuple[str, str], ...] = ()
    role_details: tuple[dict[str, Any], ...] | None = None
    project: dict[str, Any] | None = None
    domain: dict[str, Any] | None = None
    system: bool = False
    trust: dict[str, Any] | None = None
    application_credential: dict[str, Any] | None = None
    access_rules: tuple[dict[str, str], ...] | None = None
    ends_at: float = 0.0
    bodies: dict[str, bytes] = field(default_factory=dict, compare=False)

    @property
    def role_names(self) -> list[str]:
        """Names of the roles."""
        return [name for _, name in self.roles]

    @property
    def owner_id(self) -> str:
        """Whose rights the token carries: its user's, or those of a trust's trustor."""
        return str(self.trust["trustor_user"]["id"] if self.trust else self.user["id"])

    @property
    def delegated(self) -> bool:
        """Whether somebody else's or a part of one's own rights were handed on to this token."""
        return self.payload.trust_id is not None or self.payload.by_delegation
