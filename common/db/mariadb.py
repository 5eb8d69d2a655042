"""PyMySQL's connection, which does not read again what it knows.

Before its rows, every answer describes its columns, which PyMySQL takes apart in Python: for most statements that is the
larger part of reading the answer. The same statements bring the same descriptions, so each is taken apart once.
"""

import functools
from typing import Any

import sqlalchemy as sa
from pymysql import connections, protocol
from sqlalchemy import event

_column = functools.lru_cache(2048)(protocol.FieldDescriptorPacket)


class Connection(connections.Connection):  # type: ignore[misc]
    """A connection that remembers descriptions of columns."""

    def _read_packet(self, packet_type: Any = protocol.MysqlPacket) -> Any:
        return super()._read_packet(_column if packet_type is protocol.FieldDescriptorPacket else packet_type)


def adopt(engine: sa.Engine) -> None:
    """Let an engine, not yet used, open connections of the class above."""

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, args: Any, kwargs: Any) -> Connection:
        return Connection(*args, **kwargs)
