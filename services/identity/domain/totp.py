"""Time-based one-time passcodes (RFC 6238: SHA-1, 30 s, six digits), each taken once."""

import base64
import binascii
import hashlib
import hmac
import struct

from common import clock
from common.db.session import Session
from services.identity.db import credential as credential_db
from services.identity.domain.credential import CredentialKeys

_STEP_S = 30


def passcode(secret: str, step: int) -> str:
    """The passcode of a base32 `secret` for the 30-second `step` since the epoch."""
    key = base64.b32decode(secret.upper() + "=" * (-len(secret) % 8))
    digest = hmac.new(key, struct.pack(">Q", step), hashlib.sha1).digest()
    offset = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[offset:offset + 4])[0] & 0x7FFFFFFF) % 1000000:06d}"


def use(session: Session, keys: CredentialKeys, user_id: str, given: str, previous: int) -> bool:
    """Whether `given` is a passcode of one of the user's secrets now, or up to `previous` steps ago, and unused."""
    now = int(clock.time()) // _STEP_S
    for row in credential_db.of_user(session, user_id, "totp"):
        secret = keys.decrypt(row)
        for step in range(now, now - previous - 1, -1):
            try:
                right = hmac.compare_digest(passcode(secret, step).encode(), given.encode("utf-8", "replace"))
            except (binascii.Error, ValueError):
                break
            if right:
                return credential_db.use_passcode(session, row.id, step, before=now - 20)
    return False
