"""docker-compose.yml against the daemons: each has its container, may be copied if it keeps nothing, sees only what it must."""

import pathlib

import pytest
import yaml

from common import config
from common import service as services

ROOT = pathlib.Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
CONTAINERS = COMPOSE["services"]
DAEMONS = {d.name: d for s in services.installed().values() for d in s.daemons}
BACKENDS = ["mariadb", "rabbitmq", "memcached"]
AGENTS = sorted(n for n in DAEMONS if n.endswith("-agent"))


def mounted(name):
    """The volumes that a container sees."""
    return {v.split(":")[0] for v in CONTAINERS[name].get("volumes", [])}


def test_every_daemon_has_a_container_of_its_name():
    assert {n for n, c in CONTAINERS.items() if c.get("command") == [n]} == {*DAEMONS, *BACKENDS}


@pytest.mark.parametrize("name", DAEMONS)
def test_only_what_keeps_something_has_a_fixed_name(name):
    container = CONTAINERS[name]
    assert ("hostname" in container) == (name in AGENTS)
    assert not {"container_name", "ports"} & set(container)  # either would keep a second copy from starting


def test_a_hypervisor_is_the_same_host_in_a_new_container():
    assert CONTAINERS["hypervisor"]["hostname"] == "hypervisor"


@pytest.mark.parametrize("name", [*AGENTS, "hypervisor"])
def test_agents_see_no_secret_of_services_or_people(name):
    assert not mounted(name) & {"etc", "admin", "secrets", "backends", "state"}


@pytest.mark.parametrize("name", DAEMONS)
def test_a_daemon_sees_neither_the_administrators_login_nor_the_list_of_secrets(name):
    assert not mounted(name) & {"admin", "secrets", "backends"}


@pytest.mark.parametrize("name", [*DAEMONS, *BACKENDS, "hypervisor"])
def test_what_dies_starts_again_and_what_stops_has_time_to(name):
    container = CONTAINERS[name]
    assert container["restart"] == "unless-stopped"
    drain_s = next(o.default for o in config.WORKER_OPTS if o.name == "drain_s")
    assert {"45s": 45, "1m": 60}[container["stop_grace_period"]] >= drain_s + 10


@pytest.mark.parametrize("name", [*DAEMONS, "hypervisor"])
def test_what_a_daemon_ends_its_work_with_stops_after_it(name):
    assert set(CONTAINERS[name]["depends_on"]) == {"schemas", *BACKENDS}


@pytest.mark.parametrize("name", [n for n, d in DAEMONS.items() if d.port])
def test_every_api_is_asked_for_its_health(name):
    assert CONTAINERS[name]["healthcheck"]["test"][-1] == str(DAEMONS[name].port)


def test_no_secret_stands_in_the_file():
    for container in CONTAINERS.values():
        environment = container.get("environment", {})
        assert isinstance(environment, list) or set(environment) <= {"CONFIG_DIR", "RC"}  # a list: names without values
        assert not any("=" in e for e in environment)


def test_every_volume_is_declared():
    used = set().union(*map(mounted, CONTAINERS))
    assert {v for v in used if not v.startswith("/")} == set(COMPOSE["volumes"])
