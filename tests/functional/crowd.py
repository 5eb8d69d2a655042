"""Callers that race: an empty schema on SQLite and on MariaDB, and threads that begin at the same moment."""

import contextlib
import os
import threading

import pytest

from common.db.session import Database
from common.testing.api import make_conf

KINDS = ["sqlite", "mariadb"]


@contextlib.contextmanager
def emptied(kind, service, daemon, base, directory):
    """(conf, database) with the tables of `base` on a database of this kind; they are dropped in the end.

    MariaDB's is the schema that ALTOSTACK_TEST_MYSQL_URL names.
    """
    extra = {}
    if kind == "mariadb":
        url = os.environ.get("ALTOSTACK_TEST_MYSQL_URL")
        if not url:
            pytest.skip("ALTOSTACK_TEST_MYSQL_URL names no empty MariaDB schema")
        extra["database__connection"] = url
    conf = make_conf(service, daemon, directory, **extra)
    database = Database.from_conf(conf)
    base.metadata.drop_all(database.engine)
    base.metadata.create_all(database.engine)
    yield conf, database
    base.metadata.drop_all(database.engine)
    database.dispose()


def race(works, catch=()):
    """Call all at once, each in a thread; what each returned, or what it raised if that is one of `catch`."""
    results, gate = [None] * len(works), threading.Barrier(len(works))

    def run(index):
        gate.wait()
        try:
            results[index] = works[index]()
        except catch as e:
            results[index] = e

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
