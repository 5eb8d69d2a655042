"""What the body of POST /v3/auth/tokens must hold beyond its schema, with upstream's words for what is missing.

Everything here is about the form of the request; who somebody is, and whether there is such a scope, is `domain.auth`'s.
The order of the checks is upstream's.
"""

from collections.abc import Container, Mapping, Sequence
from typing import Any

from services.identity.domain import faults

SCOPES = ("system", "project", "domain", "OS-TRUST:trust", "unscoped")


def check(auth: Mapping[str, Any], accepted: Sequence[str], known: Container[str]) -> None:
    """BadRequest for a body that misses something; Unauthorized for a method that is not `accepted` or not `known`."""
    identity, scope = auth["identity"], auth.get("scope")
    _check_named_user(identity.get("password"))
    _check_named_scope(scope)
    for method in identity["methods"]:
        if method not in identity:
            raise _missing(method, "identity")
    if any(m not in accepted or m not in known for m in identity["methods"]):
        raise faults.unsupported_method(accepted)
    if scope is not None:
        _check_scope(scope)


def user(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Whom a method's part of the body names, by id or by name and domain; BadRequest otherwise."""
    named: Mapping[str, Any] | None = given.get("user")
    if named is None:
        raise _missing("user", "None")
    if not (named.get("id") or named.get("name")):
        raise _missing("id or name", "user")
    if not (named.get("id") or isinstance(named.get("domain"), dict)):
        raise _missing("domain", "user")
    return named


def check_domain(user: Mapping[str, Any]) -> None:
    """BadRequest when a user that is named by its name has a domain without id and name."""
    domain = user.get("domain")
    if not user.get("id") and isinstance(domain, dict) and not (domain.get("id") or domain.get("name")):
        raise _missing("id or name", "domain")


def check_application_credential(given: Mapping[str, Any]) -> None:
    """BadRequest unless an application credential is named by id, or by name and its user."""
    if given.get("id"):
        return
    if not given.get("name"):
        raise _missing("name or ID", "application credential")
    user = given.get("user")
    if not user:
        raise _missing("user", "application credential")
    if not (user.get("id") or isinstance(user.get("domain"), dict)):
        raise _missing("domain", "user")


def require_text(value: Any) -> None:
    """BadRequest when a secret is given and is no text."""
    if value is not None and not isinstance(value, str):
        raise _missing("string", "password")


def _check_named_user(password: Any) -> None:
    user = password.get("user") if password else None
    if user is not None:
        _require_name(user, "identity/password/user")
        if "domain" in user and "id" not in user:
            _require_name(user["domain"], "identity/password/user/domain")


def _check_named_scope(scope: Any) -> None:
    if not isinstance(scope, dict):
        return
    for kind in ("project", "domain"):
        if kind in scope:
            _require_name(scope[kind], f"scope/{kind}")
    project = scope.get("project", {})
    if "domain" in project:
        _require_name(project["domain"], "scope/project/domain")


def _require_name(named: Mapping[str, Any], where: str) -> None:
    if not {"id", "name"} & set(named):
        raise faults.invalid(f"Invalid input for field {where}: id or name must be present.")


def _check_scope(scope: Any) -> None:
    kinds = [kind for kind in SCOPES if kind in scope] if isinstance(scope, dict) else []
    if scope == "unscoped" or kinds == ["unscoped"]:
        return
    if len(kinds) != 1:
        raise _missing("system, project, domain, OS-TRUST:trust or unscoped", "scope")
    project = scope.get("project", {"id": ""})
    if "id" not in project and "domain" not in project:
        raise _missing("domain", "project")
    if kinds == ["OS-TRUST:trust"] and "id" not in scope["OS-TRUST:trust"]:
        raise _missing("trust_id", "trust")
    if kinds == ["system"] and not scope["system"].get("all"):
        raise faults.unauthorized()


def _missing(what: str, where: str) -> Exception:
    return faults.malformed(f"Expecting to find {what} in {where}.")
