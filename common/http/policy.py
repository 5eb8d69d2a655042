"""Deciding who may do what: oslo.policy with secure role-based access.

The personas are reader < member < manager < admin, each implied by the next;
`admin` is the operator of the cloud. An operator overrides rules in the
service's policy file.
"""

import re
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from cachetools import TTLCache
from oslo_config import cfg
from oslo_policy import opts as policy_opts
from oslo_policy import policy

from common import errors
from common.context import RequestContext

ADMIN = "rule:context_is_admin"
SERVICE = "rule:service_role"
PROJECT_READER = "rule:project_reader"
PROJECT_MEMBER = "rule:project_member"
PROJECT_MANAGER = "rule:project_manager"
ADMIN_OR_READER = "rule:admin_or_reader"
ADMIN_OR_MEMBER = "rule:admin_or_member"
ADMIN_OR_MANAGER = "rule:admin_or_manager"
ANYONE = "@"
_REMEMBER_S = 5.0
_TARGET_KEY = re.compile(r"%\(([^)]+)\)s")
_OTHER_RULE = re.compile(r"rule:([^\s()]+)")
_ASKS_ELSEWHERE = re.compile(r"https?:")  # a check that sends the whole target to somebody
NOBODY = "!"

BASE_RULES = (
    policy.RuleDefault("context_is_admin", "role:admin", "Operators of the cloud."),
    policy.RuleDefault("service_role", "role:service", "Calls from another service of the cloud."),
    policy.RuleDefault("project_reader", "role:reader and project_id:%(project_id)s", "May look at a project."),
    policy.RuleDefault("project_member", "role:member and project_id:%(project_id)s", "May use a project."),
    policy.RuleDefault("project_manager", "role:manager and project_id:%(project_id)s", "May manage a project."),
    policy.RuleDefault("admin_or_reader", "rule:context_is_admin or rule:project_reader", "Operator or reader."),
    policy.RuleDefault("admin_or_member", "rule:context_is_admin or rule:project_member", "Operator or member."),
    policy.RuleDefault("admin_or_manager", "rule:context_is_admin or rule:project_manager", "Operator or manager."),
)


def register(conf: cfg.ConfigOpts) -> None:
    """Register oslo.policy's options, with secure defaults on."""
    policy_opts._register(conf)
    policy_opts.set_defaults(conf, enforce_scope=True, enforce_new_defaults=True)


def rule(name: str, check: str, description: str, *, scopes: Iterable[str] | None = ("project",)) -> policy.RuleDefault:
    """A named rule: who (`check`) may do `description`, with tokens of which scopes."""
    return policy.RuleDefault(name, check, description, scope_types=list(scopes) if scopes else None)


class Policy:
    """The rules of one API and the question whether a caller passes one."""

    def __init__(self, conf: cfg.ConfigOpts, rules: Iterable[policy.RuleDefault], *, base: bool = True) -> None:
        self.enforcer = policy.Enforcer(conf)
        self.enforcer.suppress_deprecation_warnings = True
        self.enforcer.suppress_default_change_warnings = True
        self.enforcer.register_defaults(([*BASE_RULES] if base else []) + list(rules))
        self.enforcer.load_rules()
        self._answers: TTLCache[Any, bool] = TTLCache(8192, _REMEMBER_S)
        self._names: TTLCache[str, frozenset[str | None]] = TTLCache(8192, _REMEMBER_S)
        self._lock = threading.Lock()

    def knows(self, name: str) -> bool:
        """Whether a rule of that name is registered."""
        return name in self.enforcer.registered_rules

    def check(self, context: RequestContext, name: str, target: Mapping[str, Any] | None = None) -> bool:
        """Whether `context` passes rule `name` for `target` (default: its own project and user)."""
        if name not in self.enforcer.registered_rules:
            return False
        about = dict(target) if target is not None else own(context)
        key = _question(context, name, self._asked_of(name, about))
        if key is not None:
            with self._lock:
                known = self._answers.get(key)
            if known is not None:
                return known
        try:
            answer = bool(self.enforcer.enforce(name, about, context))
        except policy.InvalidScope:
            answer = False
        if key is not None:
            with self._lock:
                self._answers[key] = answer
        return answer

    def _asked_of(self, name: str, target: Mapping[str, Any]) -> Mapping[str, Any]:
        """What rule `name`, with the rules it is made of, asks of a target: of many different ones mostly whose project it is."""
        with self._lock:
            names = self._names.get(name)
        if names is None:
            names = _names_in(self.enforcer.rules, name)
            with self._lock:
                self._names[name] = names
        if None in names or any(isinstance(value, Mapping) for value in target.values()):  # rules reach into those
            return target
        return {key: target[key] for key in names if key is not None and key in target}

    def authorize(self, context: RequestContext, name: str, target: Mapping[str, Any] | None = None) -> None:
        """As `check`; errors.Forbidden in upstream's words when it fails."""
        if not self.check(context, name, target):
            raise errors.Forbidden(f"Policy doesn't allow {name} to be performed.", kind="PolicyNotAuthorized")


def _question(context: RequestContext, name: str, target: Mapping[str, Any]) -> Any:
    """Everything that an answer depends on, as a key; None when the target holds what cannot be one.

    Oslo.policy looks at its files and walks the rule's tree at every question; the same one is asked several times a request.
    """
    try:
        key = (name, frozenset(target.items()), context.user_id, context.project_id, context.domain_id, context.system_scope,
               frozenset(context.roles or ()), frozenset(context.service_roles or ()), context.user_domain_id,
               context.project_domain_id, context.is_admin, context.is_admin_project)
        hash(key)
    except TypeError:
        return None
    return key


def _names_in(rules: Mapping[str, Any], name: str) -> frozenset[str | None]:
    """The keys of a target that a rule's answer may depend on; with None among them, all."""
    found: set[str | None] = set()
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        text = str(rules[current]) if current in rules else ""
        waiting += _OTHER_RULE.findall(text)
        found.update(_TARGET_KEY.findall(text))
        if _ASKS_ELSEWHERE.search(text):
            found.add(None)
    return frozenset(found)


def own(context: RequestContext) -> dict[str, Any]:
    """The target that means the caller's own project and user."""
    return {"project_id": context.project_id, "user_id": context.user_id, "domain_id": context.domain_id}
