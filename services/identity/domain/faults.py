"""Errors in the words that upstream's clients and tests know."""

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


def forbidden(action: str) -> errors.Forbidden:
    """An action that is refused, in words."""
    return errors.Forbidden(f"You are not authorized to perform the requested action: {action}.")


def invalid(message: str) -> errors.BadRequest:
    """A body that fits its schema and still makes no sense."""
    return errors.BadRequest(message)


def immutable(noun: str, what: str) -> errors.Forbidden:
    """A resource whose `immutable` option forbids the change."""
    return errors.Forbidden(
        f"Cannot modify or delete {noun} {what}: it is immutable; set its immutable option to false first.")
