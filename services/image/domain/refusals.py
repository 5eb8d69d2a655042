"""Refusals that upstream words in two sentences: one that is always the same, and one that says why."""

from common import errors


def denied(text: str) -> errors.Forbidden:
    """403."""
    return errors.Forbidden("Access was denied to this resource.", detail=text)


def clash(text: str) -> errors.Conflict:
    """409."""
    return errors.Conflict("There was a conflict when trying to complete your request.", detail=text)
