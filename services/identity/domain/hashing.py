"""Hashing passwords and secrets at a cost that a thief cannot pay.

bcrypt looks at 72 bytes only; longer passwords are cut there, as upstream cuts them.
"""

import base64
import hashlib
import hmac

import bcrypt
from oslo_config import cfg

from common import ids

_BCRYPT_BYTES = 72
_SCRYPT = {"n": 1 << 16, "r": 8, "p": 1, "maxmem": 1 << 27}


class Hasher:
    """Makes and checks hashes; `rounds` is bcrypt's cost (2**rounds steps)."""

    def __init__(self, algorithm: str = "bcrypt", rounds: int = 12) -> None:
        self.algorithm, self.rounds = algorithm, rounds
        self._nobodys = (f"$scrypt$ln=16,r=8,p=1${_b64(bytes(16))}$none" if algorithm == "scrypt"
                         else f"$2b${rounds:02d}${'.' * 53}")

    @classmethod
    def from_conf(cls, conf: cfg.ConfigOpts) -> "Hasher":
        """The hasher that [identity] describes."""
        return cls(conf.identity.password_hash_algorithm, conf.identity.password_hash_rounds)

    def hash(self, password: str) -> str:
        """A salted hash of `password`."""
        if self.algorithm == "scrypt":
            salt = ids.secret(16).encode()
            made = hashlib.scrypt(password.encode(), salt=salt, **_SCRYPT)
            return f"$scrypt$ln=16,r=8,p=1${_b64(salt)}${_b64(made)}"
        return bcrypt.hashpw(_cut(password), bcrypt.gensalt(self.rounds)).decode()

    def check(self, password: str, stored: str | None) -> bool:
        """Whether `password` is the one of `stored`; takes as long when there is no stored hash."""
        if stored is None:
            self._matches(password, self._nobodys)
            return False
        return self._matches(password, stored)

    def _matches(self, password: str, stored: str) -> bool:
        if stored.startswith("$scrypt$"):
            _, _, parameters, salt, wanted = stored.split("$")
            values = dict(p.split("=") for p in parameters.split(","))
            made = hashlib.scrypt(password.encode(), salt=_unb64(salt), n=1 << int(values["ln"]), r=int(values["r"]),
                                  p=int(values["p"]), maxmem=1 << 28)
            return hmac.compare_digest(_b64(made), wanted)
        try:
            return bcrypt.checkpw(_cut(password), stored.encode())
        except ValueError:
            return False


def _cut(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")[:_BCRYPT_BYTES]


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")


def _unb64(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4))
