"""Locks that last for one transaction, held by writing to a row: they work on every database, and nobody has to unlock."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc, orm

_LARGEST = 1_000_000


def hold(session: orm.Session, counter: Any, key: Any, value: str) -> None:
    """Let nobody else hold `value` until this transaction ends.

    `key` is the primary key of a table made for this, `counter` an integer column of it that is counted up; the row is made
    when it is missing.
    """
    model = key.class_
    touch = sa.update(model).where(key == value).values({counter: (counter + 1) % _LARGEST})
    if session.execute(touch).rowcount:
        return
    try:
        with session.begin_nested():
            session.execute(sa.insert(model).values({key: value, counter: 0}))
    except exc.IntegrityError:
        session.execute(touch)  # somebody else made it meanwhile
