"""Resource classes and traits: syncing the standard ones, making and removing custom ones."""

from typing import Any

import os_resource_classes
import os_traits

from common import errors
from common.db.session import Database, Session
from services.scheduler.db import models, names
from services.scheduler.db.refusals import IntegrityError

STANDARD_TRAITS = frozenset(os_traits.get_traits())
STANDARD_CLASSES = tuple(os_resource_classes.STANDARDS)


def sync(database: Database) -> None:
    """Put the standard classes and traits of the installed libraries into the schema: one query when all are there."""
    with database.read() as session:
        missing_classes, missing_traits = _missing(session)
    if not missing_classes and not missing_traits:
        return
    try:
        database.transaction(_add_missing)
    except IntegrityError:  # another daemon that starts did the same
        with database.read() as session:
            if any(_missing(session)):
                raise


def _missing(session: Session) -> tuple[dict[str, int | None], dict[str, int | None]]:
    classes, traits = names.both(session)
    return ({n: i for i, n in enumerate(STANDARD_CLASSES) if n not in classes},
            {n: None for n in sorted(STANDARD_TRAITS) if n not in traits})


def _add_missing(session: Session) -> None:
    classes, traits = _missing(session)
    first = len(classes) == len(STANDARD_CLASSES)
    zero = {n: i + 1 for n, i in classes.items() if i is not None}  # 0 would mean "next" to MariaDB
    names.add_many(session, models.ResourceClass, dict(zero))
    names.add_many(session, models.Trait, traits)
    if first:
        names.reserve(session, models.ResourceClass, names.FIRST_CUSTOM_ID - 1)


def create(session: Session, model: Any, name: str, taken: str) -> None:
    """Make a custom class or trait; errors.Conflict with the text `taken` when it exists."""
    try:
        names.add(session, model, name)
    except IntegrityError as e:
        raise errors.Conflict(taken) from e


def rename_class(session: Session, old: str, new: str) -> None:
    """Rename a custom class; errors.NotFound, errors.BadRequest (standard), errors.Conflict (taken)."""
    row = names.get(session, models.ResourceClass, old)
    if row is None:
        raise errors.NotFound(f"No such resource class {old}.")
    if old in STANDARD_CLASSES:
        raise errors.BadRequest(f"Cannot update standard resource class {old}")
    try:
        names.rename_class(session, row.id, new)
    except IntegrityError as e:
        raise errors.Conflict(f"Resource class already exists: {new}") from e


def delete_class(session: Session, name: str) -> None:
    """Remove a custom class; errors.NotFound, errors.BadRequest (standard), errors.Conflict (in use)."""
    row = names.get(session, models.ResourceClass, name)
    if row is None:
        raise errors.NotFound(f"No such resource class {name}.")
    if name in STANDARD_CLASSES:
        raise errors.BadRequest(f"Error in delete resource class: Cannot delete standard resource class {name}.")
    in_use = errors.Conflict(f"Error in delete resource class: Cannot delete resource class {name}. Class is in use in "
                             "inventory.")
    if names.class_in_use(session, row.id):
        raise in_use
    try:
        names.remove(session, models.ResourceClass, row.id)
    except IntegrityError as e:
        raise in_use from e


def delete_trait(session: Session, name: str) -> None:
    """Remove a custom trait; errors.NotFound, errors.BadRequest (standard), errors.Conflict (in use)."""
    row = names.get(session, models.Trait, name)
    if row is None:
        raise errors.NotFound(f"No such trait(s): {name}.")
    if name in STANDARD_TRAITS or not name.startswith("CUSTOM_"):
        raise errors.BadRequest(f"Cannot delete standard trait {name}.")
    in_use = errors.Conflict(f"The trait {name} is in use by a resource provider.")
    if names.trait_in_use(session, row.id):
        raise in_use
    try:
        names.remove(session, models.Trait, row.id)
    except IntegrityError as e:
        raise in_use from e
