"""Times of MariaDB become what PyMySQL makes of them."""

import pytest
from pymysql import converters
from pymysql.constants import FIELD_TYPE

from common.db import mariadb


@pytest.mark.parametrize("text", [
    "2026-11-30 12:00:00", "2026-11-30 12:00:00.000250", "2026-11-30 12:00:00.5", "0000-00-00 00:00:00", "2026-02-30 12:00:00",
    "junk"])
def test_a_time_is_read_as_by_pymysql(text):
    for kind in (FIELD_TYPE.DATETIME, FIELD_TYPE.TIMESTAMP):
        assert mariadb.CONVERSIONS[kind](text) == converters.conversions[kind](text)
