"""A whole cloud on this machine: the one that stack.sh brought up, or one brought up for these tests.

What the cloud is called where (openrc, folders, ports) is devstack's convention; see devstack/README.md.
"""

import os
import pathlib
import re
import subprocess
from typing import Any

import openstack
from keystoneauth1 import exceptions as ksa_exceptions
from openstack import exceptions

DEVSTACK = pathlib.Path(__file__).parents[2] / "devstack"
OPENRC = DEVSTACK / "openrc"
STATE, RUN, LOG, ETC = (pathlib.Path(p, "altostack") for p in ("/var/lib", "/run", "/var/log", "/etc"))
STACK_LIMIT_S = 1200
OTHER_STACK = "another stack.sh is running"  # how stack.sh says that it did nothing
IMAGE, NANO, MICRO = "altostack-guest", "m1.nano", "m1.micro"


def run(*command: str, limit: float = 60, check: bool = True, **kwargs: Any) -> str:
    """The output of a program; AssertionError with all it said when it fails (unless not `check`)."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=limit, errors="replace", **kwargs)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def openrc(*login: str) -> dict[str, str]:
    """The OS_ variables that `source openrc USER PROJECT` sets (the administrator's without arguments)."""
    out = run("bash", "-c", 'source "$0" "$@" && env', str(OPENRC), *login, env={"PATH": os.environ["PATH"]})
    return dict(line.split("=", 1) for line in out.splitlines() if line.startswith("OS_"))


def connect(**login: str) -> Any:
    """A connection of openstacksdk; by default as the administrator of openrc."""
    env = openrc()
    auth = {
        "auth_url": env["OS_AUTH_URL"], "region_name": env["OS_REGION_NAME"], "username": env["OS_USERNAME"],
        "password": env["OS_PASSWORD"], "project_name": env["OS_PROJECT_NAME"],
        "user_domain_name": "Default", "project_domain_name": "Default",
    } | login
    return openstack.connect(load_yaml_config=False, load_envvars=False, app_name="scenario", **auth)


def traces() -> list[str]:
    """What says that there is a cloud on this machine, or that one is coming up or was half taken away."""
    places = [str(p) for p in (OPENRC, STATE, RUN, ETC) if p.exists()]
    scripts = subprocess.run(["pgrep", "-af", r"(un)?stack\.sh"], capture_output=True, text=True).stdout.splitlines()
    return places + [f"running: {line}" for line in scripts if re.search(r"bash \S*stack\.sh( |$)", line)]


def answers() -> bool:
    """Whether a cloud of ours is up: its openrc is there, and identity gives the administrator a token."""
    if not OPENRC.exists():
        return False
    try:
        connect().authorize()
    except (exceptions.SDKException, ksa_exceptions.ClientException, OSError):
        return False
    return True


class Cloud:
    """The cloud as its administrator, and the machine it stands on; `ours`: it was brought up for these tests."""

    def __init__(self, ours: bool = False) -> None:
        self.ours, self.admin = ours, connect()
        self.services = {s.type for s in self.admin.identity.services()}
        self.image = self.admin.image.find_image(IMAGE, ignore_missing=False)
        self.public = self.admin.network.find_network("public", ignore_missing=False)

    def has(self, *types: str) -> bool:
        """Whether one of these service types is in the catalog."""
        return bool(self.services.intersection(types))

    @property
    def volumes(self) -> bool:
        """Whether this cloud has volumes (a local.conf may leave a service out)."""
        return self.has("block-storage", "block-store", "volumev3")

    def flavor(self, name: str) -> Any:
        """A flavor by name."""
        return self.admin.compute.find_flavor(name, ignore_missing=False)

    def pid(self, daemon: str) -> int:
        """The process id of a daemon as its pid file names it; 0 when it does not run."""
        try:
            pid = int((RUN / f"{daemon}.pid").read_text())
            command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        except (OSError, ValueError):
            return 0
        return pid if "altostack" in command else 0

    def daemons(self) -> list[str]:
        """The daemons that run here, by their pid files."""
        ours = re.compile(r"[a-z]+-(api|agent|conductor)|scheduler|console-proxy")
        return sorted(p.stem for p in RUN.glob("*.pid") if ours.fullmatch(p.stem))


def stack(log: pathlib.Path) -> None:
    """Bring the cloud up with stack.sh; all it says is kept in `log`."""
    _script("stack.sh", log)


def unstack(log: pathlib.Path) -> None:
    """Take the cloud away with unstack.sh."""
    _script("unstack.sh", log)


def _script(name: str, log: pathlib.Path) -> None:
    with log.open("a") as out:
        status = subprocess.run([str(DEVSTACK / name)], stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                timeout=STACK_LIMIT_S).returncode
    if status:
        raise AssertionError(f"{name} ended with {status}; {log}:\n{log.read_text()[-4000:]}")
