"""Signed images: every kind of key and hash, wrong signatures, and the key manager that has the certificates."""

import base64
import datetime
import http.server
import json
import os
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa

from common.testing.api import Persona
from services.image.drivers.signature import KeyManager
from tests.api.image.support import PROJECT, make_site, new, upload

CERTIFICATE = "5a3b0f4e-0000-4000-8000-00000000abcd"
DATA = b"what was signed" * 5000
HASHES = {"SHA-224": hashes.SHA224(), "SHA-256": hashes.SHA256(), "SHA-384": hashes.SHA384(), "SHA-512": hashes.SHA512()}
CURVES = {f"ECC_{n}": getattr(ec, n)() for n in ("SECP384R1", "SECP521R1", "SECT409K1", "SECT571R1") if hasattr(ec, n)}


def make_key(kind):
    if kind == "RSA-PSS":
        return rsa.generate_private_key(65537, 2048)
    return dsa.generate_private_key(2048) if kind == "DSA" else ec.generate_private_key(CURVES[kind])


def certificate_of(key, sign_with=None):
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "signer")])
    now = datetime.datetime(2020, 1, 1)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
    made = made.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=9000))
    return made.sign(sign_with or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())


def sign(key, method, data=DATA):
    if isinstance(key, rsa.RSAPrivateKey):
        made = key.sign(data, padding.PSS(mgf=padding.MGF1(method), salt_length=padding.PSS.MAX_LENGTH), method)
    elif isinstance(key, dsa.DSAPrivateKey):
        made = key.sign(data, method)
    else:
        made = key.sign(data, ec.ECDSA(method))
    return base64.b64encode(made).decode()


class Secrets:
    """Certificates without a key manager."""

    def __init__(self):
        self.known = {}

    def certificate(self, context, certificate_id):
        return self.known[certificate_id]


@pytest.fixture
def secrets():
    return Secrets()


@pytest.fixture
def signed_site(tmp_path, secrets):
    made = make_site(tmp_path, certificates=secrets)
    yield made
    made.state.db.dispose()


def properties(kind, method, signature):
    return {"img_signature": signature, "img_signature_hash_method": method, "img_signature_key_type": kind,
            "img_signature_certificate_uuid": CERTIFICATE}


@pytest.mark.parametrize("kind", ["RSA-PSS", "DSA", *CURVES])
@pytest.mark.parametrize("method", HASHES)
def test_every_kind_of_key_and_hash(signed_site, secrets, kind, method):
    member = signed_site.client(Persona("member", PROJECT))
    key = make_key(kind)
    secrets.known[CERTIFICATE] = certificate_of(key).public_bytes(serialization.Encoding.DER)
    image = new(member, **properties(kind, method, sign(key, HASHES[method])))["id"]
    wrong = upload(member, image, DATA + b"!", 400)
    assert "Signature verification failed for image" in wrong.text
    shown = member.get(f"/v2/images/{image}")
    assert (shown["status"], shown["size"], shown["checksum"]) == ("queued", None, None)
    assert os.listdir(signed_site.state.stores.default.folder) == []
    upload(member, image, DATA)
    assert member.get(f"/v2/images/{image}")["status"] == "active"


@pytest.mark.parametrize(("change", "why"), [
    ({"img_signature": "no base64!"}, "base64"), ({"img_signature_hash_method": "MD5"}, "Invalid signature hash method: MD5"),
    ({"img_signature_key_type": "RSA"}, "Invalid signature key type: RSA"),
    ({"img_signature_key_type": "DSA"}, "Invalid public key type for signature key type: DSA"),
    ({"img_signature": base64.b64encode(b"x" * 256).decode()}, "Signature verification")])
def test_what_cannot_be_verified_is_refused(signed_site, secrets, change, why):
    member = signed_site.client(Persona("member", PROJECT))
    key = make_key("RSA-PSS")
    secrets.known[CERTIFICATE] = certificate_of(key).public_bytes(serialization.Encoding.PEM)
    image = new(member, **(properties("RSA-PSS", "SHA-256", sign(key, hashes.SHA256())) | change))["id"]
    assert why in upload(member, image, DATA, 400).text
    assert member.get(f"/v2/images/{image}")["status"] == "queued"
    # an image that lacks one of the properties is not signed
    patch = [{"op": "remove", "path": "/img_signature_hash_method"}]
    member.request("PATCH", f"/v2/images/{image}", patch, {"Content-Type": "application/openstack-images-v2.1-json-patch"})
    upload(member, image, DATA)


@pytest.mark.parametrize("good", [True, False])
def test_imports_are_verified(signed_site, secrets, good):
    member = signed_site.client(Persona("member", PROJECT))
    key = make_key("ECC_SECP384R1")
    secrets.known[CERTIFICATE] = certificate_of(key).public_bytes(serialization.Encoding.DER)
    data = DATA if good else DATA[:-1]
    image = new(member, **properties("ECC_SECP384R1", "SHA-384", sign(key, hashes.SHA384())))["id"]
    member.request("PUT", f"/v2/images/{image}/stage", data=data, headers={"Content-Type": "application/octet-stream"})
    member.post(f"/v2/images/{image}/import", {"method": {"name": "glance-direct"}, "all_stores": True}, 202)
    signed_site.work()
    assert member.get(f"/v2/images/{image}")["status"] == ("active" if good else "queued")
    task = member.get(f"/v2/images/{image}/tasks")["tasks"][0]
    assert task["status"] == ("success" if good else "failure") and (good or "Signature verification" in task["message"])


def _folder(parent, name):
    (parent / name).mkdir()
    return parent / name


class _Sessions:
    """What a client needs of common.clients.base.Sessions, without identity."""

    def __init__(self, conf):
        from keystoneauth1 import session, token_endpoint

        self.conf, self.auth = conf, token_endpoint.Token("http://127.0.0.1:1", "own")
        self.session = session.Session(auth=self.auth)


@pytest.fixture
def key_manager():
    """A server in the form of Barbican's API; (its URL, {secret id: (type, payload)}, requests seen)."""
    secrets, seen = {}, []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append((self.path, self.headers["X-Auth-Token"], self.headers["Accept"]))
            parts = self.path.strip("/").split("/")
            kind, payload = secrets.get(parts[2], (None, b""))
            payload_wanted = parts[3:] == ["payload"]
            status = 404 if kind is None else 406 if payload_wanted and self.headers["Accept"] != kind else 200
            body = payload if payload_wanted else json.dumps({"content_types": {"default": kind}}).encode()
            self.send_response(status)
            self.send_header("Content-Type", kind if payload_wanted and kind else "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", secrets, seen
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("kind", ["application/octet-stream", "text/plain"])
def test_certificates_of_a_key_manager(tmp_path, key_manager, kind):
    url, secrets, seen = key_manager
    conf = make_site(_folder(tmp_path, "plain")).state.conf
    site = make_site(_folder(tmp_path, "signed"), certificates=KeyManager(_Sessions(conf), url))
    member = site.client(Persona("member", PROJECT))
    key = make_key("RSA-PSS")
    form = serialization.Encoding.PEM if kind == "text/plain" else serialization.Encoding.DER
    image = new(member, **properties("RSA-PSS", "SHA-512", sign(key, hashes.SHA512())))["id"]
    assert f"Unable to retrieve certificate with ID: {CERTIFICATE}" in upload(member, image, DATA, 400).text
    secrets[CERTIFICATE] = kind, certificate_of(key).public_bytes(form)
    upload(member, image, DATA)
    assert member.get(f"/v2/images/{image}")["status"] == "active"
    assert seen[-1] == (f"/v1/secrets/{CERTIFICATE}/payload", member.persona.token, kind)


def test_a_key_manager_that_is_away(tmp_path):
    conf = make_site(_folder(tmp_path, "plain")).state.conf
    site = make_site(_folder(tmp_path, "signed"), certificates=KeyManager(_Sessions(conf), "http://127.0.0.1:9"))
    member = site.client(Persona("member", PROJECT))
    image = new(member, **properties("RSA-PSS", "SHA-512", "YQ=="))["id"]
    assert "Unable to retrieve certificate" in upload(member, image, DATA, 400).text
