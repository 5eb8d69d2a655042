"""Bringing a service's schema to the newest revision with alembic.

A service's `db/alembic/env.py` is one call of `run_env`; its revisions lie in `db/alembic/versions/`.
"""

import importlib
import os
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from common import errors
from common.db.session import Database


@dataclass(frozen=True)
class Status:
    """`current` and `newest` revision ids of a schema; current is None where nothing was made yet."""

    current: str | None
    newest: str | None

    @property
    def up_to_date(self) -> bool:
        """Whether there is nothing to upgrade."""
        return self.current == self.newest


def upgrade(db_package: str, database: Database) -> Status:
    """Upgrade the schema to the newest revision; harmless when it is there already."""
    from alembic import command

    before = status(db_package, database)
    if not before.up_to_date:
        with database.translated(), database.engine.connect() as connection:
            if before.current is None:
                _clear_interrupted(db_package, connection)
            config = _config(db_package)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
    return status(db_package, database)


def _clear_interrupted(db_package: str, connection: Any) -> None:
    """Drop the empty tables of a first upgrade that did not end: MariaDB makes each for good at once, the revision last.

    errors.ConfigError when one has rows: then this is not what happened.
    """
    metadata = importlib.import_module(f"{db_package}.models").Base.metadata
    there = set(sa.inspect(connection).get_table_names())
    tables = [table for table in metadata.sorted_tables if table.name in there]
    filled = [table.name for table in tables if connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first()]
    if filled:
        raise errors.ConfigError(f"the schema of {db_package} has rows in {', '.join(filled[:3])} and no revision; "
                                 "give the service an empty one, or restore a whole backup")
    if tables:
        metadata.drop_all(connection, tables=tables)
        connection.commit()


def status(db_package: str, database: Database) -> Status:
    """Which revision the schema is at, and which is the newest."""
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    database.wait(0)  # says what is wrong in one line
    with database.engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    return Status(current, ScriptDirectory.from_config(_config(db_package)).get_current_head())


def differences(db_package: str, database: Database) -> list[Any]:
    """What differs between the models and the schema as migrated (for tests: nothing may)."""
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    metadata = importlib.import_module(f"{db_package}.models").Base.metadata
    with database.engine.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))


def generate(db_package: str, database: Database, message: str, revision: str) -> str:
    """Write a new revision from what differs between models and schema; returns its path."""
    from alembic import command

    with database.engine.connect() as connection:
        config = _config(db_package)
        config.attributes["connection"] = connection
        made = command.revision(config, message, autogenerate=True, rev_id=revision)
    return str(getattr(made, "path", ""))


def run_env(models_module: str) -> None:
    """What a service's `env.py` calls: run the migrations on the connection it was given."""
    from alembic import context

    metadata = importlib.import_module(models_module).Base.metadata
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=connection.dialect.name == "sqlite",
                      user_module_prefix="models.")
    with context.begin_transaction():
        context.run_migrations()


def _config(db_package: str) -> Any:
    from alembic.config import Config

    package = importlib.import_module(db_package)
    folder = os.path.dirname(str(package.__file__))
    config = Config()
    config.set_main_option("script_location", os.path.join(folder, "alembic").replace("%", "%%"))
    return config
