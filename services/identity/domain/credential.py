"""Credentials: encrypted at rest under keys that rotate."""

import hashlib
from typing import Any

from cryptography.fernet import InvalidToken

from common import errors
from services.identity.db.models import Credential
from services.identity.domain.keys import KeyRepository


class CredentialKeys:
    """Encrypts and decrypts blobs with the keys of a repository."""

    def __init__(self, keys: KeyRepository) -> None:
        self.keys = keys

    def encrypt(self, blob: str) -> tuple[str, str]:
        """(the encrypted blob, the hash of the key)."""
        cipher = self.keys.cipher()
        return cipher.encrypt(blob.encode()).decode(), hashlib.sha256(self.keys.keys()[0]).hexdigest()

    def decrypt(self, row: Credential) -> str:
        """The blob of a row; InternalError when no key fits."""
        try:
            return self.keys.cipher().decrypt(row.blob.encode()).decode()
        except InvalidToken:
            raise errors.InternalError(f"Credential {row.id} cannot be decrypted with the keys at hand.") from None

    def renew(self, row: Credential) -> bool:
        """Encrypt a row with the present primary key; whether it changed."""
        blob, key_hash = self.encrypt(self.decrypt(row))
        if key_hash == row.key_hash:
            return False
        row.blob, row.key_hash = blob, key_hash
        return True


def ec2_id(access: str) -> str:
    """The id of an EC2 credential is the hash of its access key, so that it is found by it."""
    return hashlib.sha256(access.encode()).hexdigest()


def as_text(blob: Any) -> str:
    """A blob as it is stored."""
    return blob if isinstance(blob, str) else str(blob)
