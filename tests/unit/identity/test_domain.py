"""Identity's parts without I/O, or with files only: keys, token formats, hashes, passcodes, role implications, paths."""

import base64
import os
import stat

import pytest

from common import errors
from common.db import migrations
from common.db.session import Database
from services.identity.api.auth import _pattern
from services.identity.domain import roles, totp
from services.identity.domain.catalog import filled
from services.identity.domain.hashing import Hasher
from services.identity.domain.keys import KeyRepository
from services.identity.domain.token_format import FernetFormat, JwsFormat, Malformed
from services.identity.objects.token import Payload

PAYLOADS = [
    Payload(("password",), "0" * 31 + "a", 1_800_000_000.0, 1_799_999_000.25, ("A" * 22,)),
    Payload(("password", "totp"), "admin-by-name", 1_800_000_000.0, 1_799_999_000.5, ("B" * 21 + "A", "C" * 21 + "A"), "project",
            "default"),
    Payload(("token",), "A" * 32, 1_800_000_000.0, 1.0, ("A" * 22,), "domain", "ff" * 16, "ab" * 16, "cd" * 16),
    Payload(("application_credential",), "0" * 32, 1_800_000_000.0, 1.0, ("A" * 22,), "system"),
]


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("kind", ["fernet", "jws"])
def test_tokens_survive_the_journey(tmp_path, payload, kind):
    made = FernetFormat(KeyRepository(str(tmp_path))) if kind == "fernet" else JwsFormat(str(tmp_path))
    (made.keys if kind == "fernet" else made).setup()
    text = made.seal(payload)
    assert made.open(text) == payload
    if kind == "fernet":
        assert len(text) <= 255
    for wrong in (text[:-5], "A" + text[1:], text[:40] + ("A" if text[40] != "A" else "B") + text[41:], "", "é", "a.b.c"):
        with pytest.raises(Malformed):
            made.open(wrong)


def test_a_key_of_another_cloud_opens_nothing(tmp_path):
    one, two = (FernetFormat(KeyRepository(str(tmp_path / name))) for name in "ab")
    one.keys.setup()
    two.keys.setup()
    with pytest.raises(Malformed):
        two.open(one.seal(PAYLOADS[0]))
    with pytest.raises(errors.ConfigError, match="bootstrap"):
        KeyRepository(str(tmp_path / "none")).cipher()


def test_key_rotation(tmp_path):
    keys = KeyRepository(str(tmp_path / "keys"), 3)
    keys.setup()
    keys.setup()
    assert sorted(n for n in os.listdir(keys.folder) if n.isdigit()) == ["0", "1"]
    assert {stat.S_IMODE(os.stat(os.path.join(keys.folder, n)).st_mode) for n in ("0", "1")} == {0o600}
    assert stat.S_IMODE(os.stat(keys.folder).st_mode) == 0o700
    with open(os.path.join(keys.folder, "0")) as f:
        staged = f.read()
    keys.rotate()
    with open(os.path.join(keys.folder, "2")) as f:
        assert f.read() == staged
    for _ in range(3):
        keys.rotate()
    assert sorted(n for n in os.listdir(keys.folder) if n.isdigit()) == ["0", "4", "5"]
    other = KeyRepository(keys.folder, 3)
    assert other.cipher().decrypt(keys.cipher().encrypt(b"x")) == b"x"


def test_hashes():
    for hasher in (Hasher("bcrypt", 4), Hasher("scrypt")):
        stored = hasher.hash("pässword")
        assert hasher.check("pässword", stored) and not hasher.check("password", stored)
        assert not hasher.check("x", None) and not hasher.check("x", "nonsense")
    assert Hasher("bcrypt", 4).hash("x").startswith("$2b$04$")


def test_passcodes_are_those_of_rfc_6238():
    secret = base64.b32encode(b"12345678901234567890").decode()
    assert [totp.passcode(secret, t // 30) for t in (59, 1111111109, 20000000000)] == ["287082", "081804", "353130"]


def test_implications():
    table = {"a": {"b"}, "b": {"c"}, "x": {"y"}, "c": {"a"}}
    assert roles.expand(["a"], table) == {"a": None, "b": "a", "c": "b"}
    assert roles.expand([], table) == {}


@pytest.mark.parametrize("rule,path,match", [
    ("/v2.1/servers", "/v2.1/servers", True), ("/v2.1/servers", "/v2.1/servers/x", False),
    ("/v2.1/servers/*", "/v2.1/servers/x", True), ("/v2.1/servers/*", "/v2.1/servers/x/y", False),
    ("/v2.1/**", "/v2.1/servers/x/y", True), ("/v2.1/servers/{server_id}/action", "/v2.1/servers/1/action", True),
    ("/v2.1/a.c", "/v2.1/abc", False), ("/a/*", "/a/", False),
])
def test_access_rule_paths(rule, path, match):
    assert bool(_pattern(rule).fullmatch(path)) is match


@pytest.mark.parametrize("url,made", [
    ("http://a/%(project_id)s", "http://a/P"), ("http://a/$(tenant_id)s/$(user_id)s", "http://a/P/U"), ("http://a", "http://a"),
    ("http://a/%(password)s", None), ("http://a/%", None), ("http://a/%(project_id)d", None),
])
def test_endpoint_urls(url, made):
    assert filled(url, "U", "P") == made


def test_the_revisions_make_what_the_models_say(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/x.db")
    assert migrations.upgrade("services.identity.db", database).up_to_date
    assert migrations.differences("services.identity.db", database) == []
    database.dispose()
