"""Every option of the identity service, and what the service consists of."""

import os
from collections.abc import Sequence

from oslo_config import cfg

from common.service import DaemonInfo, Endpoint, Service

IDENTITY_OPTS: list[cfg.Opt] = [
    cfg.StrOpt("default_domain_id", default="default", help="Domain that is meant where none is named."),
    cfg.IntOpt("password_hash_rounds", default=12, min=4, max=31, help="Cost of a password hash (bcrypt rounds)."),
    cfg.StrOpt("password_hash_algorithm", default="bcrypt", choices=["bcrypt", "scrypt"],
               help="How new passwords are hashed; older hashes of the other kind stay valid."),
    cfg.IntOpt("max_password_length", default=4096, min=1, help="Characters of a password that count; more are cut off."),
    cfg.IntOpt("list_limit", min=1, help="Most items a list without `limit` holds; unset: all."),
    cfg.IntOpt("max_project_tree_depth", default=5, min=1, help="Levels of projects below a domain."),
]
TOKEN_OPTS: list[cfg.Opt] = [
    cfg.StrOpt("provider", default="fernet", choices=["fernet", "jws"], help="Form of tokens."),
    cfg.IntOpt("expiration", default=3600, min=1, help="Seconds a token lives."),
    cfg.BoolOpt("allow_rescope_scoped_token", default=True, help="Let a scoped token be exchanged for another."),
    cfg.IntOpt("allow_expired_window", default=48 * 3600, min=0,
               help="Seconds after its end during which a service may still fetch a token (allow_expired)."),
    cfg.IntOpt("cache_entries_max", default=10000, min=1, help="Validated tokens kept in a process."),
    cfg.IntOpt("receipt_expiration", default=300, min=1, help="Seconds an authentication receipt lives."),
    cfg.ListOpt("methods", default=["password", "token", "application_credential", "totp", "oauth1", "mapped"],
                help="Authentication methods that are accepted."),
]
KEY_OPTS: list[cfg.Opt] = [
    cfg.StrOpt("key_repository", help="Folder of the keys; unset: a folder of its own in state_path."),
    cfg.IntOpt("max_active_keys", default=3, min=1, help="Keys kept when they are rotated."),
]
COMPLIANCE_OPTS: list[cfg.Opt] = [
    cfg.IntOpt("lockout_failure_attempts", min=1, help="Wrong passwords in a row that lock a user; unset: none do."),
    cfg.IntOpt("lockout_duration", default=1800, min=1, help="Seconds a lock holds."),
    cfg.IntOpt("disable_user_account_days_inactive", min=1, help="Days without a log-in that disable a user."),
    cfg.IntOpt("password_expires_days", min=1, help="Days a password is good for; unset: for ever."),
    cfg.IntOpt("unique_last_password_count", default=0, min=0, help="Older passwords that may not come back."),
    cfg.IntOpt("minimum_password_age", default=0, min=0, help="Days before a user may change the password again."),
    cfg.StrOpt("password_regex", help="Regular expression every password must match; unset: any."),
    cfg.StrOpt("password_regex_description", help="What password_regex wants, in words."),
    cfg.BoolOpt("change_password_upon_first_use", default=False,
                help="Make users change a password that an administrator set."),
]
TRUST_OPTS: list[cfg.Opt] = [
    cfg.BoolOpt("allow_redelegation", default=True, help="Let trustees pass on trusts that say they may be."),
    cfg.IntOpt("max_redelegation_count", default=3, min=0, help="How often a trust may be passed on."),
]
LIMIT_OPTS: list[cfg.Opt] = [
    cfg.StrOpt("enforcement_model", default="flat", choices=["flat", "strict_two_level"],
               help="How limits of projects and of their domains relate."),
]
CREDENTIAL_OPTS: list[cfg.Opt] = [
    cfg.IntOpt("user_limit", default=-1, min=-1, help="Most credentials of one user; -1: any number."),
    cfg.IntOpt("auth_ttl", default=15, min=1, help="Minutes a signed EC2 request stays good."),
    cfg.IntOpt("application_credential_user_limit", default=-1, min=-1,
               help="Most application credentials of one user; -1: any number."),
    cfg.IntOpt("totp_previous_windows", default=1, min=0, max=10,
               help="Passcodes before the present one that are accepted."),
]


def options() -> Sequence[tuple[str | None, Sequence[cfg.Opt]]]:
    """(group, options) of this service, beside those of common.config."""
    return [
        ("identity", IDENTITY_OPTS), ("token", TOKEN_OPTS), ("fernet_tokens", KEY_OPTS), ("jws_tokens", KEY_OPTS),
        ("fernet_receipts", KEY_OPTS), ("credential_keys", KEY_OPTS), ("security_compliance", COMPLIANCE_OPTS),
        ("trust", TRUST_OPTS), ("unified_limit", LIMIT_OPTS), ("credential", CREDENTIAL_OPTS),
    ]


def key_folder(conf: cfg.ConfigOpts, group: str) -> str:
    """The folder of the keys of option group `group` (fernet_tokens, fernet_receipts, credential_keys, jws_tokens)."""
    chosen = conf[group].key_repository
    return str(chosen or os.path.join(conf.state_path, "identity", group.replace("_", "-")))


SERVICE = Service(
    name="identity",
    options=options,
    db_package="services.identity.db",
    daemons=(
        DaemonInfo("identity-api", "services.identity.cmd.identity_api:build", port=5000, binary="keystone"),
    ),
    endpoints=(
        Endpoint("identity", "keystone", "identity-api", "/v3"),
    ),
    bootstrap="services.identity.cmd.bootstrap:run",
    # one user's own cloud, in a folder that only this user reads: it shall start at once rather than resist a thief of hashes
    embedded={"identity.password_hash_rounds": 7},
)
