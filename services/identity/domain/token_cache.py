"""Tokens this process has found valid, kept until the change number moves."""

import threading

from oslo_config import cfg

from common import clock
from common.db.session import Database
from services.identity.db import rows
from services.identity.domain import token
from services.identity.domain.token_format import TokenFormat
from services.identity.objects.token import Token


class TokenCache:
    """Validates tokens with one small query each, as long as nothing changed."""

    def __init__(self, conf: cfg.ConfigOpts, db: Database, tokens: TokenFormat) -> None:
        self.conf, self.db, self.tokens = conf, db, tokens
        self._found: dict[str, Token] = {}
        self._number = -1
        self._lock = threading.Lock()

    def number(self) -> int:
        """The change number now; read before what depends on it."""
        with self.db.read() as session:
            return rows.change_number(session)

    def get(self, text: str, number: int, allow_expired_s: int = 0) -> Token:
        """The token of a text, as of change `number`; token.Invalid when it is void."""
        now = clock.time()
        if number == self._number:
            known = self._found.get(text)
            if known is not None and known.ends_at + allow_expired_s > now:
                return known
        found = token.opened(self.tokens, text, allow_expired_s)
        with self.db.read() as session:
            checked = token.check(session, self.conf, found)
        self._keep(text, checked, number)
        return checked

    def _keep(self, text: str, checked: Token, number: int) -> None:
        with self._lock:
            if number > self._number or len(self._found) >= self.conf.token.cache_entries_max:
                self._found = {}
                self._number = max(number, self._number)
            if number == self._number:
                self._found[text] = checked
