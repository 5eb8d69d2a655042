"""Settings of single domains: which may be stored, and their defaults.

They are kept for drivers of a domain's own (LDAP), as upstream keeps them with its domain-specific drivers switched off.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from common import errors
from common.db.session import Session
from services.identity.db import domain_config as config_db
from services.identity.db.models import DomainOption

DEFAULTS: dict[str, dict[str, Any]] = {
    "identity": {"driver": "sql", "list_limit": None},
    "ldap": {
        "url": "ldap://localhost", "user": None, "suffix": "cn=example,cn=com", "query_scope": "one", "page_size": 0,
        "alias_dereferencing": "default", "debug_level": None, "chase_referrals": None, "user_tree_dn": None,
        "user_filter": None, "user_objectclass": "inetOrgPerson", "user_id_attribute": "cn", "user_name_attribute": "sn",
        "user_mail_attribute": "mail", "user_description_attribute": "description", "user_pass_attribute": "userPassword",
        "user_enabled_attribute": "enabled", "user_enabled_invert": False, "user_enabled_mask": 0,
        "user_enabled_default": "True", "user_attribute_ignore": ["default_project_id"],
        "user_default_project_id_attribute": None, "user_enabled_emulation": False, "user_enabled_emulation_dn": None,
        "user_enabled_emulation_use_group_config": False, "user_additional_attribute_mapping": [], "group_tree_dn": None,
        "group_filter": None, "group_objectclass": "groupOfNames", "group_id_attribute": "cn",
        "group_name_attribute": "ou", "group_members_are_ids": False, "group_member_attribute": "member",
        "group_desc_attribute": "description", "group_attribute_ignore": [], "group_additional_attribute_mapping": [],
        "tls_cacertfile": None, "tls_cacertdir": None, "use_tls": False, "tls_req_cert": "demand", "use_pool": True,
        "pool_size": 10, "pool_retry_max": 3, "pool_retry_delay": 0.1, "pool_connection_timeout": -1,
        "pool_connection_lifetime": 600, "use_auth_pool": True, "auth_pool_size": 100,
        "auth_pool_connection_lifetime": 60,
    },
}
SENSITIVE = {("ldap", "password")}


def _require_known(group: str, option: str | None = None) -> None:
    if group not in DEFAULTS:
        raise errors.Forbidden(f"Invalid domain specific configuration: Group {group} is not supported for domain specific "
                               "configurations.")
    if option is not None and option not in DEFAULTS[group] and (group, option) not in SENSITIVE:
        raise errors.Forbidden(f"Invalid domain specific configuration: Option {option} in group {group} is not supported "
                               "for domain specific configurations.")


def _checked(config: Any) -> Mapping[str, Any]:
    """What a body gave as its configuration; Forbidden for nothing, BadRequest for what is no object."""
    if not config:
        raise errors.Forbidden("Invalid domain specific configuration: No options specified.")
    if not isinstance(config, dict):
        raise errors.BadRequest(f"Invalid input for field/attribute config. Value: {config}. {config!r} is not of type 'object'")
    return config


def _flat(config: Mapping[str, Any]) -> dict[tuple[str, str], Any]:
    """{(group, option): value} of a configuration; Forbidden for what may not be set per domain."""
    for group, options in config.items():
        if not isinstance(options, dict) or not options:
            raise errors.Forbidden("Invalid domain specific configuration: The value of group "
                                   f"{group} specified in the config should be a dictionary of options.")
    out = {}
    for group, options in config.items():
        _require_known(group)
        for option, value in options.items():
            _require_known(group, option)
            out[(group, option)] = value
    return out


def _missing(domain_id: str, group: str | None = None, option: str | None = None) -> errors.NotFound:
    what = "any options" if group is None else f"option {option} in group {group}" if option else f"group {group}"
    return errors.NotFound(f"Could not find {what} in domain configuration for domain {domain_id}.")


def get(session: Session, domain_id: str, group: str | None = None, option: str | None = None) -> dict[str, Any]:
    """A domain's configuration, a group of it (`{group: {…}}`) or an option (`{option: value}`); nothing sensitive."""
    if group is not None:
        _require_known(group, option)
    found = _shown(config_db.listing(session, domain_id, group))
    if option is not None and group is not None:
        if option not in found.get(group, {}):
            raise _missing(domain_id, group, option)
        return {option: found[group][option]}
    if not found:
        raise _missing(domain_id, group)
    return found


def _shown(found: Iterable[DomainOption]) -> dict[str, dict[str, Any]]:
    shown: dict[str, dict[str, Any]] = {}
    for row in found:
        if not row.sensitive:
            shown.setdefault(row.group, {})[row.option] = row.value
    return shown


def create(session: Session, domain_id: str, config: Any) -> dict[str, Any]:
    """Replace a domain's configuration with the `config` of a body, as it came."""
    values = _flat(_checked(config))
    config_db.drop(session, domain_id)
    config_db.put(session, domain_id, values, SENSITIVE)
    return _shown(config_db.listing(session, domain_id))


def _other(config: Mapping[str, Any], group: str, option: str | None) -> errors.Forbidden:
    if len(config) > 1:
        what, noun = (f"group {group}", "group") if option is None else (f"option {option} in group {group}", "option")
        return errors.Forbidden(f"Invalid domain specific configuration: Trying to update {what}, so that, and only that, {noun} "
                                f"must be specified {'' if option is None else ' '}in the config.")
    given = next(iter(config))
    if option is None:
        return errors.Forbidden(f"Invalid domain specific configuration: request to update group {group}, but config provided "
                                f"contains group {given} instead.")
    return errors.Forbidden(f"Invalid domain specific configuration: Trying to update option {option} in group {group}, but "
                            f"config provided contains option {given} instead.")


def update(session: Session, domain_id: str, config: Any, group: str | None = None,
           option: str | None = None) -> dict[str, Any]:
    """Change what stands in a configuration: all of it, a group, or an option. NotFound where that is not there."""
    values = _flat(_checked(config) if option is None or group is None else {group: config})
    if group is not None:
        _require_known(group, option)
        if set(config) != {option or group}:
            raise _other(config, group, option)
        known = {(r.group, r.option) for r in config_db.listing(session, domain_id, group)}
        if not known or (option is not None and (group, option) not in known):
            raise _missing(domain_id, group, option)
    config_db.put(session, domain_id, values, SENSITIVE)
    return _shown(config_db.listing(session, domain_id))


def delete(session: Session, domain_id: str, group: str | None = None, option: str | None = None) -> None:
    """Delete a configuration, a group of it, or an option; NotFound where that is not there."""
    if group is not None:
        _require_known(group, option)
        known = {(r.group, r.option) for r in config_db.listing(session, domain_id, group)}
        if not known or (option is not None and (group, option) not in known):
            raise _missing(domain_id, group, option)
    config_db.drop(session, domain_id, group, option)


def defaults(group: str | None = None, option: str | None = None) -> dict[str, Any]:
    """The defaults of all groups, of one (`{group: {…}}`), or of an option (`{option: value}`)."""
    if group is None:
        return DEFAULTS
    _require_known(group, option)
    if option is None:
        return {group: DEFAULTS[group]}
    if option not in DEFAULTS[group]:
        raise errors.Forbidden(f"Invalid domain specific configuration: Reading the default for option {option} in group "
                               f"{group} is not supported.")
    return {option: DEFAULTS[group][option]}
