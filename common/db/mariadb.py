"""PyMySQL's connection, which reads answers faster.

PyMySQL takes an answer apart packet by packet: one for each column's description, one for each row. Nearly every answer here
has come as a whole when its first byte is read, and the same statements bring the same descriptions: so the answer is read
where it lies, with descriptions that are known by their bytes. What is not as simple as that (errors, answers that have not
come as a whole) is left to PyMySQL, for nothing of it was taken from the stream yet.
"""

import datetime
import functools
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from pymysql import connections, converters, protocol
from pymysql.constants import FIELD_TYPE, SERVER_STATUS
from sqlalchemy import event

_column = functools.lru_cache(2048)(protocol.FieldDescriptorPacket)
_OK, _NULL, _EOF, _EOF_LENGTH_MAX = 0x00, 0xFB, 0xFE, 9
_known: dict[bytes, tuple[Any, Any]] = {}
_KNOWN_MAX = 2048


def _moment(text: Any) -> Any:
    """A DATETIME; what is none (0000-00-00) as PyMySQL has it."""
    try:
        return datetime.datetime.fromisoformat(text)
    except (ValueError, TypeError):
        return converters.convert_datetime(text)


CONVERSIONS = {**converters.conversions, FIELD_TYPE.DATETIME: _moment, FIELD_TYPE.TIMESTAMP: _moment}
"""PyMySQL's own, but for times, which it reads by a regular expression."""


class Connection(connections.Connection):  # type: ignore[misc]
    """A connection that reads answers where they lie."""

    _next_seq_id: int

    def _read_query_result(self, unbuffered: bool = False) -> Any:
        found = None
        if not unbuffered and self.use_unicode and self._current_timeout == self._read_timeout:
            try:
                lying = self._rfile.peek()
            except OSError:  # PyMySQL shall meet it, and say so
                lying = b""
            found = read(self, lying, self._next_seq_id)
        if found is None:
            return super()._read_query_result(unbuffered)
        result, taken, packets = found
        self._rfile.read(taken)
        self._next_seq_id = (self._next_seq_id + packets) % 256
        self._result = result
        if result.server_status is not None:
            self.server_status = result.server_status
        return result.affected_rows

    def _read_packet(self, packet_type: Any = protocol.MysqlPacket) -> Any:
        return super()._read_packet(_column if packet_type is protocol.FieldDescriptorPacket else packet_type)


def read(connection: Any, lying: bytes, sequence: int) -> tuple[Any, int, int] | None:
    """(result, bytes, packets) of the answer that `lying` begins with; None when PyMySQL shall read it."""
    if len(lying) < 7 or lying[3] != sequence:
        return None
    length = lying[0] | lying[1] << 8 | lying[2] << 16
    if lying[4] == _OK:
        return _ok(connection, lying, 4 + length)
    if length != 1 or lying[4] >= _NULL:
        return None
    try:
        return _table(connection, lying, lying[4])
    except IndexError:  # its end has not come yet
        return None


def _ok(connection: Any, lying: bytes, end: int) -> tuple[Any, int, int] | None:
    if end > len(lying):
        return None
    result = connections.MySQLResult(connection)
    result._read_ok_packet(protocol.MysqlPacket(lying[4:end], connection.encoding))
    result.connection = None
    return None if result.has_next else (result, end, 1)


def _table(connection: Any, lying: bytes, columns: int) -> tuple[Any, int, int] | None:
    """Descriptions, a mark, rows, a mark. IndexError when there is less."""
    at = 5
    for _ in range(columns):
        at += 4 + (lying[at] | lying[at + 1] << 8 | lying[at + 2] << 16)
    told = lying[5:at]
    if lying[at + 4] != _EOF or lying[at] >= _EOF_LENGTH_MAX:
        return None
    at += 4 + lying[at]
    known = _known.get(told)
    if known is None:
        known = _describe(connection, told, columns)
        if len(_known) >= _KNOWN_MAX:
            _known.clear()
        _known[told] = known
    rows = []
    while True:
        length = lying[at] | lying[at + 1] << 8 | lying[at + 2] << 16
        first, at = lying[at + 4], at + 4
        if first == _EOF and length < _EOF_LENGTH_MAX:
            break
        if first == 0xFF or length >= connections.MAX_PACKET_LEN or at + length > len(lying):
            return None
        rows.append(_row(lying, at, known[0]))
        at += length
    if (lying[at + 3] | lying[at + 4] << 8) & SERVER_STATUS.SERVER_MORE_RESULTS_EXISTS:
        return None
    result = connections.MySQLResult(connection)
    result.connection = None
    result.field_count, result.converters, result.description = columns, known[0], known[1]
    result.warning_count, result.has_next = lying[at + 1] | lying[at + 2] << 8, False
    result.rows, result.affected_rows = tuple(rows), len(rows)
    return result, at + length, columns + len(rows) + 3


def _row(lying: bytes, at: int, readers: Sequence[tuple[Any, Any]]) -> tuple[Any, ...]:
    values: list[Any] = []
    for encoding, converter in readers:
        length = lying[at]
        at += 1
        if length == _NULL:
            values.append(None)
            continue
        if length > _NULL:
            wide = (2, 3, 8)[length - 0xFC]
            length = int.from_bytes(lying[at:at + wide], "little")
            at += wide
        value: Any = lying[at:at + length]
        at += length
        if encoding is not None:
            value = value.decode(encoding)
        values.append(value if converter is None else converter(value))
    return tuple(values)


def _describe(connection: Any, told: bytes, columns: int) -> tuple[Any, Any]:
    """How to read the columns, and what they are, by PyMySQL's own judgement."""
    packets = []
    at = 0
    for _ in range(columns):
        end = at + 4 + int.from_bytes(told[at:at + 3], "little")
        packets.append(told[at + 4:end])
        at = end

    class Told:
        """As much of a connection as reading descriptions needs."""

        use_unicode, encoding, decoders = connection.use_unicode, connection.encoding, connection.decoders

        @staticmethod
        def _read_packet(packet_type: Any = protocol.MysqlPacket) -> Any:
            return packet_type(packets.pop(0) if packets else b"\xfe\0\0\0\0", connection.encoding)

    result = connections.MySQLResult(Told)
    result.field_count = columns
    result._get_descriptions()
    return tuple(result.converters), result.description


def adopt(engine: sa.Engine) -> None:
    """Let an engine, not yet used, open connections of the class above."""

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, args: Any, kwargs: Any) -> Connection:
        return Connection(*args, conv=CONVERSIONS, **kwargs)
