"""Signatures of images: what an image's properties say it was signed with is verified while the image streams by.

An image with all four properties `img_signature`, `img_signature_hash_method`, `img_signature_key_type` and
`img_signature_certificate_uuid` is accepted only when the signature is right. The certificate comes from the key manager.
"""

import base64
import binascii
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa, utils

from common import errors
from common.clients.base import RemoteError, ServiceClient, Sessions
from common.context import RequestContext

LOG = logging.getLogger(__name__)
SIGNATURE, METHOD, KEY_TYPE, CERTIFICATE = (
    "img_signature", "img_signature_hash_method", "img_signature_key_type", "img_signature_certificate_uuid")
PROPERTIES = (SIGNATURE, METHOD, KEY_TYPE, CERTIFICATE)
_HASHES: dict[str, Callable[[], hashes.HashAlgorithm]] = {
    "SHA-224": hashes.SHA224, "SHA-256": hashes.SHA256, "SHA-384": hashes.SHA384, "SHA-512": hashes.SHA512}
# The binary curves only where the library still has them.
_CURVES = [c for c in ("SECT571K1", "SECT409K1", "SECT571R1", "SECT409R1", "SECP521R1", "SECP384R1") if hasattr(ec, c)]


class SignatureInvalid(Exception):
    """The image is not what was signed, or what it says of its signature makes no sense; the text may be shown."""


class CertificateSource(Protocol):
    """Where certificates are kept."""

    def certificate(self, context: RequestContext, certificate_id: str) -> bytes:
        """A certificate, DER or PEM, that the caller may read; SignatureInvalid when there is none."""


class KeyManager:
    """Certificates in a key manager that speaks Barbican's API; the caller's own rights apply."""

    def __init__(self, sessions: Sessions, endpoint: str | None = None) -> None:
        self._client = _Secrets(sessions)
        self._endpoint = endpoint.rstrip("/") if endpoint else None

    def certificate(self, context: RequestContext, certificate_id: str) -> bytes:
        """See `CertificateSource.certificate`."""
        client: _Secrets = self._client.as_user(context)
        if self._endpoint:
            client.at(self._endpoint)
        try:
            return client.payload(certificate_id)
        except (RemoteError, errors.Transient) as e:
            LOG.warning("certificate %s cannot be read: %s", certificate_id, e)
            raise SignatureInvalid(f"Unable to retrieve certificate with ID: {certificate_id}") from e


class _Secrets(ServiceClient):
    """The key manager's secrets."""

    service_type = "key-manager"

    def at(self, url: str) -> None:
        """Ask there, whatever the catalog says."""
        self._adapter.endpoint_override = url

    def payload(self, secret_id: str) -> bytes:
        """The secret itself, in the form that the key manager has it in."""
        kinds = self.request("GET", f"/v1/secrets/{secret_id}", headers={"Accept": "application/json"}).json()
        wanted = (kinds.get("content_types") or {}).get("default") or "application/octet-stream"
        answer = self.request("GET", f"/v1/secrets/{secret_id}/payload", headers={"Accept": wanted})
        return bytes(answer.content)


class Verifier:
    """Checks one signature over bytes that come in pieces."""

    def __init__(self, check: Callable[[bytes, utils.Prehashed], None], method: hashes.HashAlgorithm) -> None:
        self._check, self._method, self._hash = check, method, hashes.Hash(method)

    def update(self, chunk: bytes) -> None:
        """The next bytes."""
        self._hash.update(chunk)

    def finish(self) -> None:
        """SignatureInvalid unless the bytes are what was signed."""
        try:
            self._check(self._hash.finalize(), utils.Prehashed(self._method))
        except InvalidSignature:
            raise SignatureInvalid("Signature verification for the image failed") from None


def verified(stream: Iterable[bytes], verifier: Verifier) -> Iterator[bytes]:
    """Pass `stream` on; SignatureInvalid after its last chunk when the signature is wrong."""
    for chunk in stream:
        verifier.update(chunk)
        yield chunk
    verifier.finish()


def wanted(properties: Mapping[str, Any]) -> bool:
    """Whether an image is signed: it has all four properties."""
    return all(name in properties for name in PROPERTIES)


def verifier_of(properties: Mapping[str, Any], source: CertificateSource, context: RequestContext) -> Verifier | None:
    """The verifier that an image's properties ask for, None for an image without; SignatureInvalid when they are wrong."""
    if not wanted(properties):
        return None
    try:
        signature = base64.b64decode(str(properties[SIGNATURE]), validate=True)
    except (binascii.Error, ValueError):
        raise SignatureInvalid("The signature data was not properly encoded using base64") from None
    if properties[METHOD] not in _HASHES:
        raise SignatureInvalid(f"Invalid signature hash method: {properties[METHOD]}")
    kind = str(properties[KEY_TYPE])
    if kind not in ("RSA-PSS", "DSA", *(f"ECC_{c}" for c in _CURVES)):
        raise SignatureInvalid(f"Invalid signature key type: {kind}")
    method = _HASHES[properties[METHOD]]()
    return Verifier(_checker(kind, _key(source, context, str(properties[CERTIFICATE])), signature, method), method)


def _key(source: CertificateSource, context: RequestContext, certificate_id: str) -> Any:
    data = source.certificate(context, certificate_id)
    try:
        load = x509.load_pem_x509_certificate if data.lstrip().startswith(b"-----") else x509.load_der_x509_certificate
        return load(data).public_key()
    except (ValueError, UnsupportedAlgorithm) as e:
        raise SignatureInvalid(f"Invalid certificate: {certificate_id}") from e


def _checker(kind: str, key: Any, signature: bytes, method: hashes.HashAlgorithm) -> Callable[[bytes, utils.Prehashed], None]:
    """What checks a digest with a key of the right kind."""
    if kind == "RSA-PSS" and isinstance(key, rsa.RSAPublicKey):
        # As clients of upstream sign: the longest salt there is room for.
        pss = padding.PSS(mgf=padding.MGF1(method), salt_length=padding.PSS.MAX_LENGTH)
        return lambda digest, how: key.verify(signature, digest, pss, how)
    if kind == "DSA" and isinstance(key, dsa.DSAPublicKey):
        return lambda digest, how: key.verify(signature, digest, how)
    if kind.startswith("ECC_") and isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name.upper() == kind[4:]:
        return lambda digest, how: key.verify(signature, digest, ec.ECDSA(how))
    raise SignatureInvalid(f"Invalid public key type for signature key type: {kind}")
