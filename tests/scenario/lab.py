"""A second machine for this cloud: devstack/lab.sh makes it out of namespaces. What is asked of it goes through here."""

import pathlib
import re
from collections.abc import Iterable

from tests.scenario import cloud as clouds
from tests.scenario.cloud import DEVSTACK, run
from tests.waiting import PATIENCE

LAB = str(DEVSTACK / "lab.sh")
SETTINGS = "LOCAL_CONF=/etc/altostack-lab.conf"  # where lab.sh puts a machine's local.conf
UP_LIMIT_S = 300
# One command that prints everything in which an id could be left.
SURVEY = ("virsh -c qemu:///system list --all --uuid; ls /sys/class/net /run/netns; find /var/lib/altostack /run/altostack; "
          "nft list ruleset; ps -e -o args= | grep -vE 'ssh|ps -e|sh -c'")


def machines() -> list[str]:
    """Names of the machines that run."""
    return [line.split()[0] for line in run(LAB, "list").splitlines() if line.endswith(" up")]


def up(log: pathlib.Path) -> None:
    """Make a second machine, and let it join; the first one's services then stand at another address."""
    out = run(LAB, "up", "1", limit=UP_LIMIT_S * PATIENCE, check=False)
    log.write_text(out)
    if not machines():
        raise AssertionError(f"lab.sh made no machine:\n{out[-4000:]}")


def down() -> str:
    """Take all machines away; what lab.sh said."""
    return run(LAB, "down", limit=UP_LIMIT_S * PATIENCE)


def inside(machine: str, *command: str, limit: float = 120, check: bool = True) -> str:
    """What a command printed in a machine."""
    return run(LAB, "run", machine, *command, limit=limit * PATIENCE, check=check)


def leftovers(machine: str, ids: Iterable[str]) -> list[str]:
    """What in a machine still bears one of these ids, or its first eleven characters; hypervisors keep images (`_base`)."""
    ids = list(ids)
    wanted = re.compile("|".join({re.escape(i[:11]) for i in ids} | set(ids)))
    return [line.strip() for line in inside(machine, "sh", "-c", SURVEY, check=False).splitlines()
            if wanted.search(line) and "/_base/" not in line]


def missing() -> str:
    """Why no second machine can be made here, or nothing."""
    return run(LAB, "check", check=False).strip()


def fresh() -> clouds.Cloud:
    """The cloud as its openrc now describes it."""
    return clouds.Cloud()
