"""What handlers work with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, TypeVar

from oslo_config import cfg

from common.db.session import Database, Session
from services.identity.config import key_folder
from services.identity.db import rows
from services.identity.domain import token_format
from services.identity.domain.auth import Auth
from services.identity.domain.credential import CredentialKeys
from services.identity.domain.hashing import Hasher
from services.identity.domain.keys import KeyRepository
from services.identity.domain.token_cache import TokenCache

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class State:
    """Configuration, schema, keys and the tokens known to be good."""

    conf: cfg.ConfigOpts
    db: Database
    auth: Auth
    tokens: TokenCache
    hasher: Hasher
    credential_keys: CredentialKeys

    @classmethod
    def from_conf(cls, conf: cfg.ConfigOpts, db: Database) -> "State":
        """The state of one identity API."""
        def keys(group: str) -> KeyRepository:
            return KeyRepository(key_folder(conf, group), conf[group].max_active_keys)

        tokens, hasher = token_format.make(conf), Hasher.from_conf(conf)
        credential_keys = CredentialKeys(keys("credential_keys"))
        auth = Auth(conf, db, hasher, tokens, token_format.FernetFormat(keys("fernet_receipts")), credential_keys)
        return cls(conf, db, auth, TokenCache(conf, db, tokens), hasher, credential_keys)

    def change(self, work: Callable[Concatenate[Session, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `work(session, …)` in a transaction that also moves the change number, so that every process looks anew.

        The number is moved first: its row is then locked until the end, so changes happen one after the other, and what
        `work` looks up (is the name free, is the project there) still holds when it writes.
        """
        def both(session: Session) -> R:
            rows.bump(session)
            return work(session, *args, **kwargs)

        return self.db.transaction(both)

    def read(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run `work(session, …)` for reading."""
        with self.db.read() as session:
            return work(session, *args, **kwargs)
