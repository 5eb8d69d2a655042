"""Answers of MariaDB are read as PyMySQL reads them, whether or not they have come as a whole."""

import datetime
import io
import struct

import pymysql
import pytest
from pymysql import connections
from pymysql.constants import FIELD_TYPE

from common.db import mariadb

MORE_FOLLOWS = 0x0008


class Pieces(io.RawIOBase):
    """A socket that gives the stream in pieces."""

    def __init__(self, *pieces):
        self.pieces = list(pieces)

    def readable(self):
        return True

    def readinto(self, target):
        piece = self.pieces.pop(0) if self.pieces else b""
        target[: len(piece)] = piece
        return len(piece)


def connection(kind, *pieces):
    made = kind(defer_connect=True, charset="utf8mb4", conv=mariadb.CONVERSIONS)
    made._rfile, made._sock, made._next_seq_id = io.BufferedReader(Pieces(*pieces)), io.BytesIO(), 1
    made._current_timeout, made.server_status = made._read_timeout, None
    return made


def lenenc(value):
    if value is None:
        return b"\xfb"
    size = len(value)
    if size < 251:
        return bytes([size]) + value
    return (b"\xfc" + struct.pack("<H", size) if size < 1 << 16 else b"\xfd" + struct.pack("<I", size)[:3]) + value


def stream(*payloads):
    return b"".join(struct.pack("<I", len(p))[:3] + bytes([n]) + p for n, p in enumerate(payloads, 1))


def column(name, kind, charset=45):
    texts = b"".join(lenenc(t) for t in (b"def", b"x", b"t", b"t", name, name))
    return texts + b"\x0c" + struct.pack("<HIBHBxx", charset, 80, kind, 0, 0)


def ok(affected=1, insert_id=0, status=2, words=b""):
    return b"\0" + bytes([affected]) + lenenc_number(insert_id) + struct.pack("<HH", status, 0) + words


def lenenc_number(value):
    return bytes([value]) if value < 251 else b"\xfc" + struct.pack("<H", value)


def mark(status=2):
    return b"\xfe\0\0" + struct.pack("<H", status)


COLUMNS = (column(b"name", FIELD_TYPE.VAR_STRING), column(b"n", FIELD_TYPE.LONG, 63), column(b"at", FIELD_TYPE.DATETIME, 63),
           column(b"raw", FIELD_TYPE.BLOB, 63))
ROWS = ("Jürgen".encode(), b"-7", b"2026-11-30 12:00:00.000250", b"\xff\0"), (None, None, b"0000-00-00 00:00:00", None), (
    b"a" * 300, b"5", b"2026-11-30 12:00:00", b"b" * 70000), (b"", b"0", None, b"")
TABLE = stream(b"\x04", *COLUMNS, mark(), *(b"".join(map(lenenc, row)) for row in ROWS), mark())
SMALL = stream(b"\x04", *COLUMNS, mark(), b"".join(map(lenenc, ROWS[0])), mark())
EMPTY = stream(b"\x01", COLUMNS[0], mark(), mark())
INSERTED = stream(ok(1, 700, words=b"Records: 1"))
ANSWERS = {"table": TABLE, "small": SMALL, "empty": EMPTY, "ok": stream(ok()), "inserted": INSERTED}


def outcome(kind, *pieces):
    made = connection(kind, *pieces)
    affected = made._read_query_result()
    result = made._result
    return affected, result.rows, result.description, result.insert_id, result.has_next, made.server_status, made._next_seq_id


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("cut", [None, 4, 30, -3], ids=str)
def test_an_answer_is_read_as_by_pymysql(name, cut):
    answer = ANSWERS[name]
    pieces = (answer,) if cut is None else (answer[:cut], answer[cut:])
    assert outcome(mariadb.Connection, *chunked(pieces)) == outcome(connections.Connection, *chunked(pieces))


def chunked(pieces):
    """As a socket gives them: no more than the reader's buffer holds at once."""
    return [piece[at:at + 8192] for piece in pieces for at in range(0, len(piece), 8192)]


def test_an_answer_that_is_whole_is_read_at_once_and_no_further(monkeypatch):
    monkeypatch.setattr(connections.Connection, "_read_packet", None)  # nothing is left to PyMySQL
    made = connection(mariadb.Connection, SMALL + stream(ok(9)))
    assert made._read_query_result() == 1
    assert made._result.rows == (("Jürgen", -7, datetime.datetime(2026, 11, 30, 12, 0, 0, 250), b"\xff\0"),)
    made._next_seq_id = 1
    assert made._read_query_result() == 9


def test_several_answers_to_one_question_are_left_to_pymysql():
    first, second = stream(b"\x01", COLUMNS[0], mark(), b"\x01a", mark(MORE_FOLLOWS)), ok(3, status=MORE_FOLLOWS)
    assert mariadb.read(connection(mariadb.Connection), first, 1) is None
    assert mariadb.read(connection(mariadb.Connection), stream(second), 1) is None
    made = connection(mariadb.Connection, first)
    made._read_query_result()
    assert made._result.rows == (("a",),)
    assert made._result.has_next


def test_refusals_and_broken_streams_are_pymysqls_to_tell():
    refusal = stream(b"\xff" + struct.pack("<H", 1213) + b"#40001Deadlock found")
    with pytest.raises(pymysql.err.OperationalError, match="Deadlock"):
        connection(mariadb.Connection, refusal)._read_query_result()
    late = stream(b"\x01", COLUMNS[0], mark(), b"\x01a", b"\xff" + struct.pack("<H", 1317) + b"#70100Query was interrupted")
    with pytest.raises(pymysql.err.OperationalError, match="interrupted"):
        connection(mariadb.Connection, late)._read_query_result()
    with pytest.raises(pymysql.err.OperationalError, match="Lost connection"):
        connection(mariadb.Connection, TABLE[:40])._read_query_result()
    strange = connection(mariadb.Connection, SMALL)
    strange._next_seq_id = 2
    with pytest.raises(pymysql.err.InternalError, match="sequence"):
        strange._read_query_result()
