"""A cloud to measure that is as a real one: a process per daemon, a MariaDB and a RabbitMQ of its own; only hypervisor, network
and storage are simulated. Needs what tests/functional/stack needs: the servers' packages, and free ports.
"""

import pathlib
import shutil
import tempfile
from typing import Any

from tests.bench.support import Client, Stack, descendants, rabbit_messages, user_statistics
from tests.functional.common.conftest import Backend
from tests.functional.stack.processes import Processes

PASSWORD = "bench-word"


class _Processes(Processes):
    """Daemons as in production: a database account for each service, times as they are by default, many nodes."""

    nodes = 100

    def _configure(self) -> None:
        super()._configure()
        self._write("altostack", {"worker": {"heartbeat_s": 10, "saga_lease_s": 30, "saga_poll_s": 5, "reconcile_s": 60}})
        self._write("compute-agent", {"simulated": {"nodes": self.nodes, "delays_s": ""}})

    def database_url(self, service: str) -> str:
        return self.mysql.set(database=self.prefix + service, username=service).render_as_string(hide_password=False)


class Daemons(Stack):
    """Starts everything; a context manager."""

    def __init__(self, nodes: int) -> None:
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="altostack-bench."))
        self.folder.chmod(0o755)
        self.backends = {kind: Backend(kind, self.folder / kind) for kind in ("mariadb", "rabbitmq")}
        self.processes: Any = None
        self.nodes = nodes

    def __enter__(self) -> "Daemons":
        try:
            self._start()
        except BaseException:
            self.__exit__()  # the one server that runs must not outlive the other's failure
            raise
        return self

    def _start(self) -> None:
        maria, rabbit = self.backends["mariadb"], self.backends["rabbitmq"]
        rabbit.shell(f"backend_dir {rabbit.folder} rabbitmq; rabbitmq_definitions t {PASSWORD} / | "
                     f"write_file {rabbit.folder}/definitions.json 0640 rabbitmq:")
        for one in self.backends.values():
            one.start()
        self.processes = _Processes(self.folder / "cloud", f"mysql+pymysql://t:{PASSWORD}@127.0.0.1:{maria.port}/?charset=utf8mb4",
                                    f"rabbit://t:{PASSWORD}@127.0.0.1:{rabbit.port}/")
        users = " ".join(f"CREATE USER '{name}'@'%' IDENTIFIED BY '{PASSWORD}'; GRANT ALL ON *.* TO '{name}'@'%';"
                         for name in ("t", *self.processes.services))
        maria.shell(f"mariadb_admin {maria.folder} <<< \"{users} SET GLOBAL userstat=1;\"")
        (self.folder / "cloud").mkdir()
        self.processes.nodes = self.nodes
        self.processes.start()
        self.run_path = str(self.processes.run_dir)

    def __exit__(self, *_: object) -> None:
        if self.processes is not None:
            self.processes.close()
        for one in self.backends.values():
            one.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def client(self) -> Client:
        """The administrator."""
        return Client(self.processes.url("identity-api"), "admin", self.processes.password, "admin")

    def pids(self) -> dict[str, list[int]]:
        """daemon -> its processes, with the two servers'."""
        found = {name: pids for name, pids in super().pids().items() if name not in ("MariaDB", "RabbitMQ")}
        for word, one in (("MariaDB", self.backends["mariadb"]), ("RabbitMQ", self.backends["rabbitmq"])):
            pid = int((one.folder / f"{one.kind}.pid").read_text().split()[0])
            found[word] = [pid, *descendants(pid)]
        return found

    def usage(self) -> dict[str, Any]:
        """As Stack.usage, of this cloud's own servers."""
        found = super().usage()
        folder = self.backends["mariadb"].folder
        found["queries"] = user_statistics(f"mariadb --no-defaults --user=root --socket={folder}/mariadb.sock")
        rabbit = self.backends["rabbitmq"]
        script = f'. devstack/lib/common.sh; . devstack/lib/backends.sh; rabbitmq_ctl {rabbit.folder} "$@"'
        found["messages"] = rabbit_messages(["bash", "-c", script, "ctl"])
        return found
