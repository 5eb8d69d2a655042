"""The cloud of processes that the tests of this folder share, with a tenant's ground in it."""

import pathlib
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest

from tests.functional.common.conftest import Backend
from tests.functional.stack.processes import Processes
from tests.waiting import PATIENCE, wait_for

SECRET = "secret-word"
IMAGE_BYTES = b"a simulated hypervisor boots anything" * 100


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The unmodified clients warn of things that are not ours."""
    for item in items:
        if item.path.parent.name == "stack":
            item.add_marker(pytest.mark.filterwarnings("ignore"))
            item.add_marker(pytest.mark.timeout(240 * PATIENCE))


@pytest.fixture(scope="session")
def backends() -> Iterator[dict[str, Backend]]:
    """A MariaDB and a RabbitMQ of this cloud's own, since they are stopped and started, too."""
    for program in ("mariadbd", "mariadb", "/usr/lib/rabbitmq/bin/rabbitmq-server"):
        if shutil.which(program) is None and shutil.which(program, path="/usr/sbin") is None:
            pytest.skip(f"there is no {program} on this machine; devstack/test.sh installs it")
    made = {}
    try:
        for kind in ("mariadb", "rabbitmq"):
            # not pytest's own folder: the servers' accounts must get through, and another pytest would forbid it again
            folder = pathlib.Path(tempfile.mkdtemp(prefix=f"altostack-{kind}."))
            folder.chmod(0o755)
            one = made[kind] = Backend(kind, folder)
            if kind == "rabbitmq":
                one.shell(f"backend_dir {folder} rabbitmq; rabbitmq_definitions t {SECRET} / | "
                          f"write_file {folder}/definitions.json 0640 rabbitmq:")
            one.start()
        made["mariadb"].shell(f"mariadb_admin {made['mariadb'].folder} <<< \"CREATE USER 't'@'%' IDENTIFIED BY '{SECRET}'; "
                              "GRANT ALL ON *.* TO 't'@'%';\"")
        yield made
    finally:
        for one in made.values():
            one.stop()
            shutil.rmtree(one.folder)


@pytest.fixture(scope="session")
def processes(backends: dict[str, Backend], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """Every daemon in its own process."""
    made = Processes(tmp_path_factory.mktemp("stack"),
                     f"mysql+pymysql://t:{SECRET}@127.0.0.1:{backends['mariadb'].port}/?charset=utf8mb4",
                     f"rabbit://t:{SECRET}@127.0.0.1:{backends['rabbitmq'].port}/")
    try:
        made.start()
        yield made
    finally:
        made.close()


class Ground:
    """What servers need: image, flavor, network."""

    def __init__(self, processes: Processes) -> None:
        self.admin = processes.connect()
        self.image = self.admin.image.create_image(name="nothing", disk_format="raw", container_format="bare", data=IMAGE_BYTES,
                                                   validate_checksum=False)
        wait_for("image", lambda: self.admin.image.get_image(self.image.id).status == "active", 30)
        self.flavor = self.admin.compute.create_flavor(name="m1.nano", ram=128, vcpus=1, disk=1)
        wait_for("network agents", lambda: list(self.admin.network.agents()), 60)
        self.network = self.admin.network.create_network(name="net")
        self.admin.network.create_subnet(network_id=self.network.id, ip_version=4, cidr="10.0.0.0/20")
        wait_for("hypervisors", lambda: len(list(self.admin.compute.hypervisors())) > 0, 60)
        providers = "/resource_providers?resources=VCPU:1"  # a hypervisor is shown before Placement knows it
        wait_for("providers", lambda: self.admin.placement.get(providers, microversion="1.4").json()["resource_providers"], 60)
        self.admin.network.update_quota(self.admin.current_project_id, ports=-1)

    def start(self, name: str, count: int) -> list[str]:
        """Ask for `count` servers; their ids."""
        answer = self.admin.compute.post("/servers", json={"server": {
            "name": name, "imageRef": self.image.id, "flavorRef": self.flavor.id, "networks": [{"uuid": self.network.id}],
            "min_count": count, "max_count": count, "return_reservation_id": True}})
        assert answer.status_code == 202, answer.text
        return [s.id for s in self.admin.compute.servers() if s.name.startswith(name)]

    def servers(self) -> dict[str, Any]:
        """All servers by id."""
        return {s.id: s for s in self.admin.compute.servers()}


@pytest.fixture(scope="session")
def ground(processes: Processes) -> Ground:
    """Image, flavor and network."""
    return Ground(processes)
