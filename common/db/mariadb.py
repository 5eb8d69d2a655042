"""PyMySQL's connection, which does not read again what it knows.

Before its rows, every answer describes its columns, which PyMySQL takes apart in Python: for most statements that is the
larger part of reading the answer. The same statements bring the same descriptions, so each is taken apart once. Times are read
by Python's own parser instead of a regular expression.
"""

import datetime
import functools
from typing import Any

import sqlalchemy as sa
from pymysql import connections, converters, protocol
from pymysql.constants import FIELD_TYPE
from sqlalchemy import event

_column = functools.lru_cache(2048)(protocol.FieldDescriptorPacket)


def _moment(text: Any) -> Any:
    """A DATETIME; what is none (0000-00-00) as PyMySQL has it."""
    try:
        return datetime.datetime.fromisoformat(text)
    except (ValueError, TypeError):
        return converters.convert_datetime(text)


CONVERSIONS = {**converters.conversions, FIELD_TYPE.DATETIME: _moment, FIELD_TYPE.TIMESTAMP: _moment}


class Connection(connections.Connection):  # type: ignore[misc]
    """A connection that remembers descriptions of columns."""

    def _read_packet(self, packet_type: Any = protocol.MysqlPacket) -> Any:
        return super()._read_packet(_column if packet_type is protocol.FieldDescriptorPacket else packet_type)


def adopt(engine: sa.Engine) -> None:
    """Let an engine, not yet used, open connections of the class above."""

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, args: Any, kwargs: Any) -> Connection:
        return Connection(*args, conv=CONVERSIONS, **kwargs)
