"""One cloud for all scenarios; a tenant of its own for each module, which must leave nothing behind."""

import os
import pathlib
import shutil
from collections.abc import Callable, Iterator

import pytest

from tests.scenario import cloud as clouds
from tests.scenario.cloud import Cloud
from tests.scenario.tenant import Tenant
from tests.waiting import PATIENCE, wait_for

TEST_LIMIT_S = 300
ANSWER_LIMIT_S = 60
LAST = ["test_failures.py", "test_two_machines.py"]  # they leave the daemons cold, or at another address


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every scenario is limited in time; those that others should not come after come last."""
    here = pathlib.Path(__file__).parent
    ours = [item for item in items if here in item.path.parents]
    for item in ours:
        item.add_marker(pytest.mark.filterwarnings("ignore"))  # what the unmodified clients warn of is not ours
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TEST_LIMIT_S * PATIENCE))
    ours.sort(key=lambda item: LAST.index(item.path.name) + 1 if item.path.name in LAST else 0)
    rest = [item for item in items if here not in item.path.parents]
    items[:] = rest + ours


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """The cloud of this machine; one is brought up, and taken away in the end, where none answers."""
    if os.geteuid() != 0:
        pytest.skip("a whole cloud on this machine needs root")
    for program in ("bash", "ip", "ssh", "ssh-keygen"):
        if shutil.which(program) is None:
            pytest.skip(f"there is no {program} on this machine")
    traces = clouds.traces()
    if traces:
        # Somebody's cloud, perhaps just coming up or being mended: used when it answers, never brought up or taken away here.
        try:
            wait_for("answer of this machine's cloud", clouds.answers, ANSWER_LIMIT_S, 2)
        except AssertionError as e:
            pytest.skip(f"{e}; it is left alone, for it was not made by these tests ({', '.join(traces)})")
        yield Cloud()
        return
    if os.environ.get("ALTOSTACK_TEST_CLOUD") == "existing":
        pytest.skip("no cloud is on this machine, and ALTOSTACK_TEST_CLOUD=existing forbids to bring one up")
    log = tmp_path_factory.mktemp("cloud") / "stack.log"
    print(f"no cloud is on this machine: stack.sh brings one up, output in {log}")
    try:
        clouds.stack(log)
        yield Cloud(ours=True)
    finally:
        if clouds.OTHER_STACK not in log.read_text():  # else it is theirs, and not ours to take away
            clouds.unstack(log)


@pytest.fixture(scope="module")
def tenants(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Tenant]]:
    """Makes tenants; all are closed at the end, and whatever stays of them is an error."""
    made: list[Tenant] = []
    folder = tmp_path_factory.mktemp("keys")

    def make(label: str) -> Tenant:
        made.append(Tenant(cloud, folder, label))
        return made[-1].furnish()

    yield make
    problems = []
    for tenant in made:
        try:
            tenant.close()
        except Exception as e:  # every tenant is closed, whatever became of the others
            problems.append(f"{tenant.name}: {e}")
    assert not problems, "\n".join(problems)


@pytest.fixture(scope="module")
def tenant(tenants: Callable[[str], Tenant], request: pytest.FixtureRequest) -> Tenant:
    """The module's own tenant."""
    return tenants(request.module.__name__.rpartition("test_")[2])


@pytest.fixture(scope="module")
def volumes(cloud: Cloud) -> None:
    """Skips what needs volumes where this cloud was brought up without them."""
    if not cloud.volumes:
        pytest.skip("this cloud has no volume service (SERVICES in local.conf)")
