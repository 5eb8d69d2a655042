"""Errors in the words that upstream's clients and tests know."""

from collections.abc import Mapping, Sequence
from typing import Any

from common import errors


def not_found(noun: str, what: str) -> errors.NotFound:
    """`Could not find user: X.`"""
    return errors.NotFound(f"Could not find {noun}: {what}.")


def conflict(noun: str, details: str) -> errors.Conflict:
    """`Conflict occurred attempting to store user - Duplicate entry …`"""
    return errors.Conflict(f"Conflict occurred attempting to store {noun} - {details}.")


def duplicate(noun: str, name: str, domain_id: str | None = None) -> errors.Conflict:
    """A name that is taken."""
    where = f" at domain ID {domain_id}" if domain_id else ""
    return conflict(noun, f"Duplicate entry found with name {name}{where}")


def unauthorized() -> errors.Unauthorized:
    """The one answer to every failed authentication."""
    return errors.Unauthorized("The request you have made requires authentication.")


def unsupported_method(accepted: Sequence[str]) -> errors.Unauthorized:
    """A method of authentication that is not accepted; the body names those that are."""
    error = errors.Unauthorized("Attempted to authenticate with an unsupported method.")
    error.extra = {"identity": {"methods": sorted(accepted)}}  # type: ignore[attr-defined]
    return error


def forbidden(action: str) -> errors.Forbidden:
    """An action that is refused, in words."""
    return errors.Forbidden(f"You are not authorized to perform the requested action: {action}.")


def invalid(message: str) -> errors.BadRequest:
    """A body that fits its schema and still makes no sense."""
    return errors.BadRequest(message)


def malformed(what: str) -> errors.BadRequest:
    """A request that cannot be read, with the sentences that upstream adds."""
    return errors.BadRequest(f"{what} The server could not comply with the request since it is either malformed or otherwise "
                             "incorrect. The client is assumed to be in error.")


def unrecognized() -> errors.NotFound:
    """A text that is no token."""
    return errors.NotFound("Could not recognize Fernet token")


def immutable(noun: str, what: str, verb: str = "update") -> errors.Forbidden:
    """A resource whose `immutable` option forbids the change; the stray backquote is upstream's."""
    return errors.Forbidden(
        f'Unable to {verb} immutable {noun} resource: `{what}. Set resource option "immutable" to false first.')


def require_same_id(values: Mapping[str, Any], present: str) -> None:
    """BadRequest when a body names another id than the URL; null is none."""
    if values.get("id") not in (None, present):
        raise invalid("Cannot change ID")


def require_short(values: Mapping[str, Any], **longest: int) -> None:
    """BadRequest for a text of more characters than upstream's column holds, which its schemas do not ask for."""
    for name, most in longest.items():
        given = values.get(name)
        if isinstance(given, str) and len(given) > most:
            raise invalid(f"String length exceeded. The length of string '{given}' exceeds the limit of column "
                          f"{name}(CHAR({most})).")


def stripped(values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` with the blanks around a name cut off, as upstream does for users, groups, projects and domains."""
    return {**values, **({"name": values["name"].strip()} if isinstance(values.get("name"), str) else {})}
