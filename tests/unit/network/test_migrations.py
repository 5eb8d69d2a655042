"""Schemas with contents that are brought up to date."""

import sqlalchemy as sa
from alembic import command

from common.db import migrations
from common.db.session import Database

PACKAGE = "services.network.db"


def test_routers_with_ports_of_the_first_schema_are_kept(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/network.sqlite")
    config = migrations._config(PACKAGE)
    with database.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.commit()
    with database.engine.begin() as connection:
        fill(connection, "networks", id="n")
        fill(connection, "ports", id="p", network_id="n")
        fill(connection, "routers", id="r")
        fill(connection, "router_ports", port_id="p", router_id="r")
    assert migrations.upgrade(PACKAGE, database).up_to_date
    with database.engine.connect() as connection:
        kept = connection.execute(sa.text("SELECT r.id, r.set_aside FROM routers r JOIN router_ports l ON l.router_id = r.id"))
        assert kept.all() == [("r", 0)]


def fill(connection, table, **values):
    """A row with something in every column that must have it."""
    columns = sa.inspect(connection).get_columns(table)
    needed = {c["name"]: "2026-11-30 12:00:00" if c["name"].endswith("_at") else 1 for c in columns if not c["nullable"]}
    row = needed | values
    names = ", ".join(f'"{name}"' for name in row)
    connection.execute(sa.text(f"INSERT INTO {table} ({names}) VALUES ({', '.join(':' + name for name in row)})"), row)
