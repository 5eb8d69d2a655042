"""What identity said of tokens, shared through memcached by all processes and copies of an API, and kept over their restarts.

Nothing in memcached is readable or believed without the secret of the service: names are keyed digests of tokens, values are
encrypted and bound to their name. A memcached that is away costs nothing but the questions to identity that it would have saved.
"""

import hmac
from collections.abc import Sequence
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from oslo_config import cfg

from common import clock, errors, ids

_NONCE_BYTES = 12
_ANSWER_S = 0.5  # a memcached that takes longer is worth less than asking identity
_AWAY_S = 30  # how long one that failed is left alone


class TokenStore:
    """Identity's answers by token, each for `seconds` from the moment when identity gave it."""

    def __init__(self, servers: Sequence[str], secret: str, seconds: int) -> None:
        from pymemcache.client.hash import HashClient

        self._seconds = seconds
        self._names = hmac.digest(secret.encode(), b"names of tokens", "sha256")
        self._cipher = AESGCM(hmac.digest(secret.encode(), b"answers about tokens", "sha256"))
        self._client = HashClient(
            list(servers), connect_timeout=_ANSWER_S, timeout=_ANSWER_S, ignore_exc=True, retry_attempts=0,
            dead_timeout=_AWAY_S, use_pooling=True, max_pool_size=32,
        )

    def get(self, token: str) -> tuple[Any, float] | None:
        """(what identity said of `token`, seconds for which that still counts), or None when nobody asked of late."""
        name = self._name(token)
        kept = self._client.get(name)
        if not isinstance(kept, bytes):
            return None
        try:
            asked, answer = orjson.loads(self._cipher.decrypt(kept[:_NONCE_BYTES], kept[_NONCE_BYTES:], name))
        except (InvalidTag, ValueError):
            return None  # another secret's, or somebody's forgery
        left_s = min(self._seconds, asked + self._seconds - clock.now().timestamp())
        return (answer, left_s) if left_s > 0 else None

    def set(self, token: str, answer: Any) -> None:
        """Keep what identity just said of `token`."""
        name, nonce = self._name(token), ids.random_bytes(_NONCE_BYTES)
        text = orjson.dumps((clock.now().timestamp(), answer))
        self._client.set(name, nonce + self._cipher.encrypt(nonce, text, name), expire=self._seconds)

    def _name(self, token: str) -> bytes:
        return hmac.digest(self._names, token.encode(), "sha256").hex().encode()


def configured(conf: cfg.ConfigOpts, seconds: int) -> TokenStore | None:
    """The store that [service_credentials] names; None where it names none."""
    credentials = conf.service_credentials
    if not credentials.memcached_servers:
        return None
    if not credentials.memcache_secret_key:
        raise errors.ConfigError("[service_credentials] memcached_servers needs memcache_secret_key, too")
    return TokenStore(credentials.memcached_servers, credentials.memcache_secret_key, seconds)
