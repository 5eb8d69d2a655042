"""Turning a Page into SQL: keyset paging over several sort keys, with NULLs in a fixed place."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from common import errors
from common.http.paging import Page


def paginate(
    session: orm.Session, statement: Any, model: Any, page: Page, *, columns: Mapping[str, Any] | None = None,
    id_column: Any = None, visible: Any = None,
) -> Any:
    """`statement` with the order, marker and limit of `page`.

    columns    sort key -> column, for keys that are no attribute of `model`
    id_column  what the marker names (default `model.id`); always the last sort key, so that the order is total
    visible    a condition that the marker's row must meet, so that no hidden row serves as one
    errors.BadRequest when a sort key or the marker is unknown.
    """
    id_column = model.id if id_column is None else id_column
    order: list[tuple[Any, bool]] = []
    for key, way in page.sorts:
        column = (columns or {}).get(key)
        if column is None:
            column = model.__table__.columns.get(key)
            column = getattr(model, key) if column is not None else None
        if column is None:
            raise errors.BadRequest(f"Sort key supplied is invalid: {key}")
        order.append((column, (way == "asc") != page.reverse))
    if not any(c is id_column for c, _ in order):
        order.append((id_column, (page.sorts[-1][1] == "asc") != page.reverse))
    if page.marker is not None:
        statement = statement.where(_after(_marker_values(session, page.marker, order, id_column, visible), order))
    for column, ascending in order:
        if getattr(column, "nullable", True):  # for a column without NULLs it would only keep its index from being used
            statement = statement.order_by(column.is_(None) if not ascending else column.isnot(None))
        statement = statement.order_by(column.asc() if ascending else column.desc())
    return statement if page.limit is None else statement.limit(page.limit)


def _marker_values(session: orm.Session, marker: str, order: Sequence[tuple[Any, bool]], id_column: Any,
                   visible: Any) -> Sequence[Any]:
    query = sa.select(*[c for c, _ in order]).where(id_column == marker)
    if visible is not None:
        query = query.where(visible)
    row = session.execute(query).first()
    if row is None:
        raise errors.BadRequest(f"marker [{marker}] not found", kind="MarkerNotFound")
    return list(row)


def _after(values: Sequence[Any], order: Sequence[tuple[Any, bool]]) -> Any:
    """Rows that come after `values` in `order`: ascending puts NULLs first, descending last."""
    alternatives: list[Any] = []
    equal: list[Any] = []
    for (column, ascending), value in zip(order, values, strict=True):
        if value is None:
            beyond = column.isnot(None) if ascending else None
        elif ascending:
            beyond = column > value
        else:
            beyond = sa.or_(column < value, column.is_(None))
        if beyond is not None:
            alternatives.append(sa.and_(*equal, beyond))
        equal.append(column.is_(None) if value is None else column == value)
    return sa.or_(*alternatives) if alternatives else sa.false()
