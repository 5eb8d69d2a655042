"""A first upgrade that was interrupted can be repeated; tables with rows are never dropped."""

import pytest

from common import clock, errors, ids
from common.db import migrations
from common.db.session import Database
from services.scheduler.db import models

PACKAGE = "services.scheduler.db"


@pytest.fixture
def interrupted(tmp_path):
    """A schema in which some tables were made, and no revision noted."""
    database = Database(f"sqlite:///{tmp_path}/db.sqlite")
    some = models.Base.metadata.sorted_tables[:3]
    with database.engine.begin() as connection:
        models.Base.metadata.create_all(connection, tables=some)
    yield database, some
    database.dispose()


def test_an_interrupted_upgrade_is_repeated(interrupted):
    database, _ = interrupted
    assert migrations.upgrade(PACKAGE, database).up_to_date
    assert migrations.differences(PACKAGE, database) == []


def test_tables_with_rows_stay(interrupted):
    database, _ = interrupted
    table = models.Service.__table__
    values = {"uuid": ids.uuid(), "host": "h"}
    with database.engine.begin() as connection:
        table.create(connection, checkfirst=True)
        for column in table.columns:
            if column.name not in values and not column.nullable and not column.primary_key:
                values[column.name] = clock.now() if column.name.endswith("_at") else 1
        connection.execute(table.insert().values(values))
    with pytest.raises(errors.ConfigError, match="services"):
        migrations.upgrade(PACKAGE, database)
