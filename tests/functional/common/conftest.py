"""Real MariaDB and RabbitMQ: those that the environment names, and instances of one's own that may be stopped."""

import os
import pathlib
import socket
import subprocess
import tempfile

import pytest
import sqlalchemy as sa

from common import ids
from common.db.session import Database

ROOT = pathlib.Path(__file__).parents[3]


@pytest.fixture(scope="session")
def mysql_url():
    url = os.environ.get("ALTOSTACK_TEST_MYSQL_URL")
    if not url:
        pytest.skip("ALTOSTACK_TEST_MYSQL_URL names no MariaDB; devstack/test.sh starts one")
    return sa.make_url(url)


@pytest.fixture(scope="session")
def rabbit_url():
    url = os.environ.get("ALTOSTACK_TEST_RABBIT_URL")
    if not url:
        pytest.skip("ALTOSTACK_TEST_RABBIT_URL names no RabbitMQ; devstack/test.sh starts one")
    return url


@pytest.fixture
def schema_url(mysql_url):
    """The URL of an empty schema on the shared server, dropped afterwards."""
    name = f"test_{ids.hex_id()[:12]}"
    admin = sa.create_engine(mysql_url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"))
    yield mysql_url.set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name}"))
    admin.dispose()


@pytest.fixture
def database(schema_url):
    made = Database(schema_url)
    yield made
    made.dispose()


def free_port():
    """A port below 32768 whose companions at +10000 and +10001 (RabbitMQ's) are free as well."""
    for _ in range(200):
        port = ids.randint(21000, 31000)
        try:
            for number in (port, port + 10000, port + 10001):
                with socket.create_server(("127.0.0.1", number)):
                    pass
            return port
        except OSError:
            continue
    raise AssertionError("no port is free")


class Backend:
    """An instance of devstack/lib/backends.sh that a test may start and stop; `kind` is mariadb or rabbitmq."""

    def __init__(self, kind, folder):
        self.kind, self.folder, self.port = kind, folder, free_port()

    def shell(self, text):
        script = f". {ROOT}/devstack/lib/common.sh; . {ROOT}/devstack/lib/backends.sh; exec 3>&2; {text}"
        done = subprocess.run(
            ["bash", "-c", script], capture_output=True, text=True, timeout=180, check=False, stdin=subprocess.DEVNULL
        )
        assert done.returncode == 0, done.stderr[-2000:]

    def start(self):
        self.shell(f"start_{self.kind} {self.folder} {self.port}")

    def stop(self):
        self.shell(f"stop_{self.kind} {self.folder}")


@pytest.fixture
def open_folder():
    """A folder that the servers' accounts get through to, which pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="altostack-test-") as folder:
        os.chmod(folder, 0o755)
        yield f"{folder}/data"


@pytest.fixture
def own_mariadb(mysql_url, open_folder):
    """(Backend, URL) of a MariaDB of this test's own."""
    folder = open_folder
    made = Backend("mariadb", folder)
    made.start()
    made.shell(
        f"mariadb_admin {folder} <<< \"CREATE USER 't'@'%' IDENTIFIED BY 'secret-word'; GRANT ALL ON *.* TO 't'@'%'; "
        'CREATE DATABASE own;"'
    )
    yield made, f"mysql+pymysql://t:secret-word@127.0.0.1:{made.port}/own?charset=utf8mb4"
    made.stop()


@pytest.fixture
def own_rabbit(rabbit_url, open_folder):
    """(Backend, URL) of a RabbitMQ of this test's own."""
    folder = open_folder
    made = Backend("rabbitmq", folder)
    made.shell(
        f"backend_dir {folder} rabbitmq; "
        f"rabbitmq_definitions t secret-word / | write_file {folder}/definitions.json 0640 rabbitmq:"
    )
    made.start()
    yield made, f"rabbit://t:secret-word@127.0.0.1:{made.port}/"
    made.stop()
