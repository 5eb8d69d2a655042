"""What may be done with users and their passwords."""

import datetime
import re
from collections.abc import Mapping
from typing import Any

from oslo_config import cfg

from common import clock, errors, ids
from common.db.session import Session
from services.identity.db import project as project_db
from services.identity.db import rows
from services.identity.db import token as token_db
from services.identity.db import user as user_db
from services.identity.db.models import Password, Project, User
from services.identity.domain import faults
from services.identity.domain.hashing import Hasher

COLUMNS = ("name", "domain_id", "enabled", "default_project_id")
OPTIONS = ("ignore_change_password_upon_first_use", "ignore_password_expiry", "ignore_lockout_failure_attempts",
           "lock_password", "ignore_user_inactivity", "multi_factor_auth_rules", "multi_factor_auth_enabled")
NO_HASH = ""
"""What stands for the hash of a password that was taken away."""
_OWN = frozenset((*COLUMNS, "id", "options", "password", "links", "original_password", "password_expires_at", "federated",
                  "extra"))


def found(session: Session, user_id: str) -> User:
    """The user; NotFound in upstream's words."""
    row = user_db.get(session, user_id)
    if row is None:
        raise faults.not_found("user", user_id)
    return row


def require_domain(session: Session, domain_id: str) -> Project:
    """The domain of that id; NotFound otherwise."""
    row = project_db.get(session, domain_id)
    if row is None or not row.is_domain:
        raise faults.not_found("domain", domain_id)
    return row


def create(session: Session, conf: cfg.ConfigOpts, hashed: str | None, values: Mapping[str, Any]) -> User:
    """A new user from validated `values`; `hashed` is its password's hash (None: it has no password).

    NotFound when the domain is not there; Conflict when the name is taken in it.
    """
    require_domain(session, values["domain_id"])
    _check_default_project(session, values)
    values = faults.stripped(values)
    row = User(id=ids.hex_id(), extra={k: v for k, v in values.items() if k not in _OWN}, created_at=clock.now(),
               options=_options({}, values.get("options")), failed_count=0)
    for name in COLUMNS:
        setattr(row, name, values.get(name, True if name == "enabled" else None))
    try:
        rows.add(session, row)
    except rows.Duplicate:
        raise faults.duplicate("user", values["name"], values["domain_id"]) from None
    if hashed is not None:
        set_password(session, conf, row, hashed, self_service=False, now=clock.now())
    return row


def update(session: Session, conf: cfg.ConfigOpts, user_id: str, hashed: str | None, values: Mapping[str, Any]) -> User:
    """Change a user; a new password (None: no password any more) unlocks it, and as disabling does voids its tokens."""
    row = found(session, user_id)
    if values.get("id", user_id) is None:
        raise faults.invalid("Cannot change user ID")
    faults.require_same_id(values, user_id)
    if values.get("domain_id", row.domain_id) != row.domain_id:
        raise faults.invalid("Cannot change Domain ID")
    _check_default_project(session, values)
    values = faults.stripped(values)
    for name in COLUMNS:
        if name in values and name != "domain_id":
            setattr(row, name, values[name])
    row.extra = _merged(row.extra, values)
    if "options" in values:
        row.options = _options(row.options, values["options"])
    try:
        rows.flush(session)
    except rows.Duplicate:
        raise faults.duplicate("user", values["name"]) from None
    if "password" in values:
        set_password(session, conf, row, hashed, self_service=False, now=clock.now())
        row.failed_count, row.failed_at = 0, None
    if "password" in values or values.get("enabled") is False:
        token_db.revoke(session, clock.now(), user_id=user_id)
    if values.get("enabled") is True:
        row.failed_count, row.failed_at, row.last_active_at = 0, None, clock.now()
    session.flush()
    return row


def _check_default_project(session: Session, values: Mapping[str, Any]) -> None:
    faults.require_short(values, default_project_id=64)
    project_id = values.get("default_project_id")
    if project_id:
        project = project_db.get(session, project_id)
        if project is not None and project.is_domain:
            raise faults.invalid(
                f"User's default project ID cannot be a domain ID: {project_id}")


def _merged(extra: Mapping[str, Any] | None, values: Mapping[str, Any]) -> dict[str, Any]:
    return {**(extra or {}), **{k: v for k, v in values.items() if k not in _OWN}}


def _options(present: Mapping[str, Any] | None, wanted: Mapping[str, Any] | None) -> dict[str, Any]:
    merged = {**(present or {}), **(wanted or {})}
    return {k: v for k, v in merged.items() if v is not None}


def delete(session: Session, user_id: str) -> None:
    """Delete a user with its passwords, assignments, credentials and trusts."""
    found(session, user_id)
    user_db.delete(session, [user_id])


# passwords


def set_password(session: Session, conf: cfg.ConfigOpts, user: User, hashed: str | None, *, self_service: bool,
                 now: datetime.datetime) -> None:
    """Put `hashed` in use (None: no password is right any more), and keep as many older ones as the history asks for.

    When it ends is noted also of users who may ignore that: they are asked at log-in.
    """
    days = conf.security_compliance.password_expires_days
    expires = None
    if days:
        expires = now.replace(microsecond=0) + datetime.timedelta(days=days)
    kept = conf.security_compliance.unique_last_password_count
    older = user_db.passwords(session, user.id)
    user_db.drop_passwords(session, [p.id for p in older[max(0, kept - 1):]])
    if (conf.security_compliance.change_password_upon_first_use and not self_service
            and not (user.options or {}).get("ignore_change_password_upon_first_use")):
        expires = now
    session.add(Password(user_id=user.id, hash=hashed or NO_HASH, self_service=self_service, created_at=now, expires_at=expires))
    user.password_expires_at = expires
    session.flush()


def check_strength(conf: cfg.ConfigOpts, password: str | None) -> None:
    """BadRequest when the password does not match [security_compliance] password_regex, or there is none to match it."""
    pattern = conf.security_compliance.password_regex
    if pattern and password is None:
        raise faults.invalid("Password validation error: Password must be a string type.")
    if pattern and password is not None and not re.match(pattern, password):
        words = conf.security_compliance.password_regex_description or ""
        raise faults.invalid(f"The password does not match the requirements: {words}.")


def check_history(conf: cfg.ConfigOpts, hasher: Hasher, user: User, older: list[Password], password: str) -> None:
    """BadRequest when a user may not change the password yet, or had it before."""
    if (user.options or {}).get("lock_password"):
        raise faults.invalid("You cannot change your password at this time due to password policy disallowing password "
                             "changes. Please contact your administrator to reset your password.")
    days = conf.security_compliance.minimum_password_age
    if days and older and older[0].self_service:
        allowed = older[0].created_at + datetime.timedelta(days=days)
        if clock.now() < allowed:
            left = (allowed - clock.now()).days
            raise faults.invalid(
                "You cannot change your password at this time due to the minimum password age. Once you change your "
                f"password, it must be used for {days} day(s) before it can be changed. Please try again in {left} day(s) "
                "or contact your administrator to reset your password.")
    count = conf.security_compliance.unique_last_password_count
    if any(hasher.check(password, p.hash) for p in older[:count] if p.hash != NO_HASH):
        raise faults.invalid(f"The new password cannot be identical to a previous password. The total number which "
                             f"includes the new password must be unique is {count}.")


# state


def is_enabled(conf: cfg.ConfigOpts, user: User) -> bool:
    """Whether a user is enabled, and was not away for longer than the rules allow."""
    days = conf.security_compliance.disable_user_account_days_inactive
    if user.enabled and days and not (user.options or {}).get("ignore_user_inactivity"):
        seen = user.last_active_at or user.created_at
        return bool(seen + datetime.timedelta(days=days) > clock.now())
    return bool(user.enabled)


def is_locked(conf: cfg.ConfigOpts, user: User) -> bool:
    """Whether wrong passwords have locked a user for now."""
    attempts = conf.security_compliance.lockout_failure_attempts
    if not attempts or (user.options or {}).get("ignore_lockout_failure_attempts"):
        return False
    if user.failed_count < attempts or user.failed_at is None:
        return False
    until = user.failed_at + datetime.timedelta(seconds=conf.security_compliance.lockout_duration)
    return bool(clock.now() < until)


def password_expired(user: User, password: Password | None) -> bool:
    """Whether the password in use is over."""
    if password is None or password.expires_at is None or (user.options or {}).get("ignore_password_expiry"):
        return False
    return password.expires_at <= clock.now()


class Disabled(errors.Unauthorized):
    """The right password of a user that may not log in: said only to who changes it, as upstream does."""

    def __init__(self, user_id: str) -> None:
        super().__init__(f"The account is disabled for user: {user_id}.")


def expired_error(user_id: str) -> errors.Unauthorized:
    """What upstream answers to the right password of which the time is over."""
    return errors.Unauthorized(f"The password is expired and needs to be changed for user: {user_id}.")
