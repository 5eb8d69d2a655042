"""Making key pairs and fingerprints. Sources: RFC 4253 (ssh keys), upstream's API reference (x509 pairs)."""

import base64
import binascii
import datetime
import hashlib
import re
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from common import clock, errors
from services.compute.db import keypairs as rows
from services.compute.domain import quotas
from services.compute.domain.deps import Deps

_NAME = re.compile(r"^[\w.@ -]+\Z")
_OLD_NAME = re.compile(r"^[\w -]+\Z")
_UPN = ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")


def _colons(digest: str) -> str:
    return ":".join(digest[i:i + 2] for i in range(0, len(digest), 2))


def ssh_fingerprint(public_key: str) -> str:
    """The MD5 fingerprint with colons; errors.BadRequest when the text is no ssh public key."""
    try:
        words = public_key.split(None, 2)
        blob = base64.b64decode(words[1], validate=True)
        length = int.from_bytes(blob[:4], "big")
        if length > 64 or blob[4:4 + length].decode() != words[0]:
            raise ValueError("type")
        serialization.load_ssh_public_key(" ".join(words[:2]).encode())
    except UnsupportedAlgorithm:
        pass  # a kind of key that only newer clients know: its fingerprint is as good
    except (IndexError, ValueError, binascii.Error) as e:
        raise errors.BadRequest("Keypair data is invalid: failed to generate fingerprint") from e
    return _colons(hashlib.md5(blob, usedforsecurity=False).hexdigest())


def x509_fingerprint(pem: str) -> str:
    """The SHA-1 fingerprint of a certificate; errors.BadRequest when the text is none."""
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
    except ValueError as e:
        raise errors.BadRequest("Keypair data is invalid: failed to generate X509 fingerprint. Error message: "
                                "unable to load certificate") from e
    return _colons(certificate.fingerprint(hashes.SHA1()).hex())  # noqa: S303 - clients expect it


def make_ssh() -> tuple[str, str, str]:
    """(private key PEM, public key line, fingerprint) of a new RSA key of 2048 bits."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL,
                                serialization.NoEncryption()).decode()
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    line = f"{public} Generated-by-Nova"
    return private, line, ssh_fingerprint(line)


def make_x509(user_id: str, project_id: str) -> tuple[str, str, str]:
    """(private key PEM, certificate PEM, fingerprint) for WinRM logins, good for ten years."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{user_id}-{project_id}"[:64])])
    now = clock.now().replace(tzinfo=datetime.UTC)
    principal = f"{user_id}@localhost".encode()
    other = x509.OtherName(_UPN, b"\x0c" + bytes([min(len(principal), 127)]) + principal[:127])
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=3650))
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([other]), critical=False).sign(key, hashes.SHA256()))
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                serialization.NoEncryption()).decode()
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
    return private, pem, x509_fingerprint(pem)


def create(deps: Deps, context: Any, *, user_id: str, name: str, kind: str, public_key: str | None,
           dots: bool) -> tuple[Any, str | None]:
    """(row, private key or None): keep `public_key`, or make a pair. `dots`: the name may hold `.` and `@`.

    errors: BadRequest (name, key), Forbidden (quota), Conflict (name taken).
    """
    if not name.strip() or not (_NAME if dots else _OLD_NAME).match(name):
        raise errors.BadRequest("Keypair data is invalid: Keypair name contains unsafe characters")
    private = None
    if public_key is not None:
        fingerprint = x509_fingerprint(public_key) if kind == "x509" else ssh_fingerprint(public_key)
    elif kind == "x509":
        private, public_key, fingerprint = make_x509(user_id, context.project_id)
    else:
        private, public_key, fingerprint = make_ssh()
    values = {"user_id": user_id, "name": name, "type": kind, "public_key": public_key, "fingerprint": fingerprint}

    def work(session: Any) -> Any:
        limit = quotas.limits(session, deps.conf, context.project_id or "", user_id)["key_pairs"]
        if 0 <= limit <= rows.count(session, user_id):
            raise errors.Forbidden("Quota exceeded, too many key pairs.")
        return rows.insert(session, values)

    return deps.db.transaction(work), private
