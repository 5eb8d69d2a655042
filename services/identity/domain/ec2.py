"""Requests signed with an EC2 access key: is the signature right, and what is its holder good for."""

import base64
import binascii
import datetime
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

import orjson

from common import clock, errors
from common.db.session import Session
from services.identity.db import credential as credential_db
from services.identity.db import trust as trust_db
from services.identity.domain import credential
from services.identity.domain.auth import Auth, Identified, refused
from services.identity.domain.token import Scope
from services.identity.objects.token import Token


def ec2_token(auth: Auth, given: Mapping[str, Any]) -> tuple[str, Token]:
    """A token for a signed EC2 request; Unauthorized when the signature is wrong or too old."""
    fields, row = _found(auth, given["access"])
    _require_fresh(auth, given)
    if not _ec2_signed(str(fields["secret"]), given):
        raise refused("wrong EC2 signature")
    return _token(auth, fields, row)


def s3_token(auth: Auth, given: Mapping[str, Any]) -> tuple[str, Token]:
    """A token for an S3 request: `token` is what was signed, base64 coded."""
    fields, row = _found(auth, given["access"])
    if not _s3_signed(str(fields["secret"]), given):
        raise refused("wrong S3 signature")
    return _token(auth, fields, row)


def _found(auth: Auth, access: str) -> tuple[dict[str, Any], Any]:
    with auth.db.read() as session:
        row = credential_db.get(session, credential.ec2_id(access))
    if row is None or row.type != "ec2":
        raise errors.NotFound("EC2 access key not found.")  # as upstream tells the services, which alone may ask
    fields = orjson.loads(auth.credential_keys.decrypt(row))
    if not isinstance(fields.get("secret"), str):
        raise refused("the credential has no secret")
    return fields, row


def _token(auth: Auth, fields: Mapping[str, Any], row: Any) -> tuple[str, Token]:
    """The token; as restricted as the delegation under which the access key was made."""
    scope = Scope("project", row.project_id)
    user_id = row.user_id
    if fields.get("access_token_id"):
        raise refused("OAuth access tokens are not supported")
    if fields.get("trust_id"):
        with auth.db.read() as session:
            user_id, scope = _trustee(session, fields["trust_id"], row)
    identified = Identified(user_id, ("ec2credential",),
                            application_credential_id=fields.get("app_cred_id"))
    return auth.token_for(identified, scope)


def _trustee(session: Session, trust_id: str, row: Any) -> tuple[str, Scope]:
    trust = trust_db.get(session, trust_id)
    if trust is None or row.user_id not in (trust.trustor_user_id, trust.trustee_user_id):
        raise refused("trust is gone")
    return trust.trustee_user_id, Scope("project", trust.project_id, trust.id)


def _require_fresh(auth: Auth, given: Mapping[str, Any]) -> None:
    """A request signed more than [credential] auth_ttl minutes ago, or in the future, is a replay.

    So is one whose own end, `Expires`, is past, or is further away than that.
    """
    params, headers = given.get("params") or {}, {str(k).lower(): v for k, v in (given.get("headers") or {}).items()}
    text = params.get("Timestamp") or params.get("X-Amz-Date") or headers.get("x-amz-date") or headers.get("date")
    ends = text is None and params.get("Expires")
    text = text or ends or None
    if text is None:
        if "X-Amz-Signature" in params or "authorization" in headers or params.get("SignatureVersion"):
            raise refused("a signed request without a time")
        return
    try:
        when = (datetime.datetime.strptime(text, "%Y%m%dT%H%M%SZ") if "T" in text and "-" not in text
                else clock.parse(text.replace("Z", "+00:00")))
    except ValueError:
        raise refused("malformed time") from None
    age_s = (clock.now() - when).total_seconds()
    if abs(age_s) > auth.conf.credential.auth_ttl * 60 or (ends and age_s > 0):
        raise refused("the signature is too old")


def _ec2_signed(secret: str, given: Mapping[str, Any]) -> bool:
    from keystoneclient.contrib.ec2 import utils

    credentials = {"host": "", "verb": "GET", "path": "/", "params": {}, "headers": {}, **given}
    hosts = [str(credentials["host"])]
    if ":" in hosts[0]:
        hosts.append(hosts[0].partition(":")[0])
    for host in hosts:
        try:
            made = utils.Ec2Signer(secret).generate({**credentials, "host": host})
        except (KeyError, ValueError, TypeError, AttributeError):
            raise refused("malformed signature") from None
        if made and hmac.compare_digest(_text(made), str(given["signature"]).encode("utf-8", "replace")):
            return True
    return False


def _text(made: Any) -> bytes:
    return made if isinstance(made, bytes) else str(made).encode()


def _s3_signed(secret: str, given: Mapping[str, Any]) -> bool:
    try:
        signed = base64.urlsafe_b64decode(str(given["token"]).encode("ascii"))
    except (binascii.Error, ValueError):
        return False
    lines = signed.decode("utf-8", "replace").split("\n")
    if lines[0] == "AWS4-HMAC-SHA256":
        if len(lines) < 4 or lines[2].count("/") != 3:
            return False
        date, region, service, end = lines[2].split("/")
        key = b"AWS4" + secret.encode()
        for part in (date, region, service, end):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        made = hmac.new(key, signed, hashlib.sha256).hexdigest()
    else:
        made = base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha1).digest()).decode()
    return hmac.compare_digest(made.encode(), str(given["signature"]).encode("utf-8", "replace"))
