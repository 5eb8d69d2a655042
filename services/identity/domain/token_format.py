"""Tokens as text: Fernet with a compact binary payload, or JWS (ES256).

A Fernet token holds ids as 16 bytes where they are UUIDs, so it stays below 255 characters.
"""

import base64
import binascii
import os
import uuid
from typing import Any, Protocol

import msgpack
from cryptography.fernet import InvalidToken
from oslo_config import cfg

from common import errors, ids
from services.identity.config import key_folder
from services.identity.domain.keys import KeyRepository
from services.identity.objects.token import METHODS, Payload

_KINDS = ("unscoped", "project", "domain", "system")
_VERSION = 1


class Malformed(Exception):
    """A text that is no token of ours."""


class TokenFormat(Protocol):
    """Turns payloads into texts and back; the only thing between the two is a key."""

    def seal(self, payload: Payload) -> str:
        """The token."""
        ...

    def open(self, text: str) -> Payload:
        """The payload; Malformed when the text is forged, damaged or of another cloud."""
        ...


def make(conf: cfg.ConfigOpts) -> TokenFormat:
    """The format that [token] provider names."""
    if conf.token.provider == "jws":
        return JwsFormat(key_folder(conf, "jws_tokens"))
    return FernetFormat(KeyRepository(key_folder(conf, "fernet_tokens"), conf.fernet_tokens.max_active_keys))


class FernetFormat:
    """Fernet tokens, as long as their keys are in the repository."""

    def __init__(self, keys: KeyRepository) -> None:
        self.keys = keys

    def seal(self, payload: Payload) -> str:
        """The token, without padding."""
        packed = msgpack.packb([
            _VERSION, _KINDS.index(payload.kind), sum(1 << METHODS.index(m) for m in payload.methods),
            _pack(payload.user_id), _pack(payload.scope_id), int(payload.expires_at), payload.issued_at,
            [_pack_audit(a) for a in payload.audit_ids], _pack(payload.trust_id),
            _pack(payload.application_credential_id),
        ])
        return self.keys.cipher().encrypt(packed).decode().rstrip("=")

    def open(self, text: str) -> Payload:
        """As TokenFormat.open."""
        try:
            raw = text.encode("ascii")
            fields = msgpack.unpackb(self.keys.cipher().decrypt(raw + b"=" * (-len(raw) % 4)))
        except (InvalidToken, UnicodeEncodeError, ValueError, binascii.Error) as e:
            raise Malformed from e
        if not isinstance(fields, list) or fields[0] != _VERSION:
            raise Malformed
        _, kind, methods, user_id, scope_id, expires_at, issued_at, audit_ids, trust_id, credential_id = fields
        return Payload(
            methods=tuple(m for n, m in enumerate(METHODS) if methods & (1 << n)), user_id=_unpack(user_id) or "",
            expires_at=float(expires_at), issued_at=issued_at, audit_ids=tuple(_unpack_audit(a) for a in audit_ids),
            kind=_KINDS[kind], scope_id=_unpack(scope_id), trust_id=_unpack(trust_id),
            application_credential_id=_unpack(credential_id),
        )


def _pack(value: str | None) -> bytes | str | None:
    if value is None or len(value) != 32:
        return value
    try:
        packed = bytes.fromhex(value)
    except ValueError:
        return value
    return packed if packed.hex() == value else value


def _unpack(value: Any) -> str | None:
    if isinstance(value, bytes):
        return uuid.UUID(bytes=value).hex
    return None if value is None else str(value)


def _pack_audit(audit_id: str) -> bytes:
    return base64.urlsafe_b64decode(audit_id + "=" * (-len(audit_id) % 4))


def _unpack_audit(packed: bytes) -> str:
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


class JwsFormat:
    """JSON Web Signatures with ES256: `private.pem` signs, every `*.pem` in `public/` verifies."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._seen: tuple[int, int] | None = None
        self._private: Any = None
        self._public: list[Any] = []

    def setup(self) -> None:
        """Make a key pair where there is none."""
        os.makedirs(os.path.join(self.folder, "public"), mode=0o700, exist_ok=True)
        if not os.path.exists(os.path.join(self.folder, "private.pem")):
            self._write_pair()

    def rotate(self) -> None:
        """Sign with a new key from now on; the old public keys go on verifying until they are removed.

        The new public key is there before the private one is put in place of the old, in one step: no request meets a gap.
        """
        self.setup()
        self._write_pair()

    def _write_pair(self) -> None:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        shown = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        name = ids.hex_id()
        for target, data in ((os.path.join(self.folder, "public", f"{name}.pem"), shown),
                             (os.path.join(self.folder, "private.pem"), pem)):
            temporary = os.path.join(self.folder, f".{name}.new")
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as f:
                f.write(data)
                f.flush()
                os.fsync(f.fileno())
            os.rename(temporary, target)

    def _load(self) -> None:
        from cryptography.hazmat.primitives import serialization

        public = os.path.join(self.folder, "public")
        try:
            stamp = (os.stat(self.folder).st_mtime_ns, os.stat(public).st_mtime_ns)
            if stamp == self._seen:
                return
            with open(os.path.join(self.folder, "private.pem"), "rb") as f:
                self._private = serialization.load_pem_private_key(f.read(), None)
        except FileNotFoundError:
            raise errors.ConfigError(f"there is no key in {self.folder}; run `altostack bootstrap` first") from None
        keys = []
        for name in sorted(os.listdir(public)):
            with open(os.path.join(public, name), "rb") as f:
                keys.append(serialization.load_pem_public_key(f.read()))
        self._public, self._seen = keys, stamp

    def seal(self, payload: Payload) -> str:
        """The token."""
        import jwt

        self._load()
        claims: dict[str, Any] = {
            "sub": payload.user_id, "iat": int(payload.issued_at), "exp": int(payload.expires_at),
            "openstack_methods": list(payload.methods), "openstack_audit_ids": list(payload.audit_ids),
            "openstack_issued": payload.issued_at, "openstack_kind": payload.kind, "openstack_scope": payload.scope_id,
            "openstack_trust_id": payload.trust_id, "openstack_app_cred_id": payload.application_credential_id,
        }
        return jwt.encode({k: v for k, v in claims.items() if v is not None}, self._private, algorithm="ES256")

    def open(self, text: str) -> Payload:
        """As TokenFormat.open."""
        import jwt

        self._load()
        for key in self._public:
            try:
                claims = jwt.decode(text, key, algorithms=["ES256"], options={
                    "verify_exp": False, "verify_iat": False, "require": ["sub", "exp", "iat"]})
            except jwt.InvalidSignatureError:
                continue
            except jwt.PyJWTError as e:
                raise Malformed from e
            return Payload(
                methods=tuple(claims["openstack_methods"]), user_id=claims["sub"], expires_at=float(claims["exp"]),
                issued_at=claims["openstack_issued"], audit_ids=tuple(claims["openstack_audit_ids"]),
                kind=claims["openstack_kind"], scope_id=claims.get("openstack_scope"),
                trust_id=claims.get("openstack_trust_id"), application_credential_id=claims.get("openstack_app_cred_id"),
            )
        raise Malformed
