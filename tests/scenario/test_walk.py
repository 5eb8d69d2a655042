"""The README's "Boot a server", typed as it stands there, by a user of its own; then everything deleted."""

import functools
import os
import pathlib
import re
import shlex
import subprocess
from collections.abc import Callable

import pytest

from tests.scenario import host
from tests.scenario.cloud import Cloud, openrc
from tests.scenario.tenant import Tenant
from tests.waiting import PATIENCE, wait_for

README = pathlib.Path(__file__).parents[2] / "README.md"
SSH_OPTIONS = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o ConnectTimeout=8 -o BatchMode=yes"

pytestmark = pytest.mark.timeout(420 * PATIENCE)


def blocks() -> list[list[str]]:
    """The command lines of the two blocks of "Boot a server"."""
    section = README.read_text().split("## Boot a server")[1].split("\n## ")[0]
    found = [[line.strip() for line in block.splitlines() if line.strip()]
             for block in re.findall(r"(?:^    .*\n|^ {4,}\$.*\n)+", section, re.M)]
    assert len(found) == 2 and any("server create" in line for line in found[0]), f"README changed its form: {found}"
    return found


class Shell:
    """A terminal of a user in a folder of his own: the README's lines are run as they are, but for the address."""

    def __init__(self, tenant: Tenant, folder: pathlib.Path) -> None:
        env = {k: v for k, v in os.environ.items() if not k.startswith("OS_")}
        login = openrc("demo", "demo") | {"OS_USERNAME": tenant.name, "OS_PASSWORD": tenant.password,
                                          "OS_PROJECT_NAME": tenant.name}
        self.env, self.folder, self.address = env | login, folder, ""
        self.env["PATH"] += ":/opt/altostack/venv/bin"

    def type(self, line: str, limit: float = 150) -> str:
        """What the line printed; AssertionError with all it said when it fails."""
        line = line.replace("172.24.4.X", self.address)
        line = re.sub(r"^ssh ", f"ssh {SSH_OPTIONS} ", line)
        done = subprocess.run(["bash", "-c", line], cwd=self.folder, env=self.env, capture_output=True, text=True,
                              timeout=limit * PATIENCE, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, f"$ {line}\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def shell(tenants: Callable[[str], Tenant], tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A user whose project has a network `private` and the default group's rules, as devstack gives demo."""
    tenant = tenants("walk")
    shell = Shell(tenant, tmp_path_factory.mktemp("walk"))
    tenant.net.update_network(tenant.network, name="private")
    default = next(tenant.net.security_groups(name="default", project_id=tenant.project.id))
    for rule in ("icmp", "tcp --dst-port 22"):
        shell.type(f"openstack security group rule create --protocol {rule} {default.id}")
    return shell


def test_boot_a_server(shell: Shell) -> None:
    first, _ = blocks()
    assert first[0] == "source devstack/openrc demo demo"
    for line in first[1:]:
        if line.startswith("ssh"):
            wait_for("login through the floating IP", functools.partial(_works, shell, f"{line} true"), 120, 2)
        elif line.startswith("$ "):
            told = shell.type(f"ssh -i mine.pem alto@172.24.4.X {shlex.quote(line[2:])}")
            assert '"name": "first"' in told or '"name":"first"' in told
        elif line.startswith("openstack floating ip create"):
            shell.type(line)
            shell.address = shell.type("openstack floating ip list -f value -c 'Floating IP Address'").split()[0]
        else:
            out = shell.type(line)
            if "image list" in line:
                assert re.search(r"altostack-guest +\| active", out)
            if "server create" in line:
                assert re.search(r"\| status +\| ACTIVE", out)
    assert "login:" in shell.type("openstack console log show first")


def test_give_it_a_volume(shell: Shell, cloud: Cloud, volumes: None) -> None:
    assert shell.address, "the server did not boot"
    _, second = blocks()
    for line in second:
        if line.startswith("openstack server delete"):
            continue
        if line.startswith("ssh"):
            wait_for("the volume in the server", lambda: _works(shell, "ssh -i mine.pem alto@172.24.4.X test -b /dev/vdb"), 40, 1)
        shell.type(line)
        if line.startswith("openstack volume create"):
            wait_for("available volume", lambda: _available(shell), 60, 1)
    wait_for("detached volume", lambda: _available(shell), 60, 1)


def test_delete_it(shell: Shell, cloud: Cloud) -> None:
    assert shell.address, "the server did not boot"
    server = shell.type("openstack server show first -f value -c id").strip()
    shell.type("openstack server delete --wait first")
    assert "first" not in shell.type("openstack server list")
    shell.type(f"openstack floating ip delete {shell.address}")
    shell.type("openstack keypair delete mine")
    if cloud.volumes:
        shell.type("openstack volume delete data")
        wait_for("end of the volume", lambda: not shell.type("openstack volume list -f value -c ID").strip(), 60, 1)
    host.wait_clean([server], [])


def test_operators_commands(cloud: Cloud) -> None:
    out = subprocess.run(["altostack", "status"], capture_output=True, text=True, timeout=60)
    assert out.returncode == 0, out.stderr
    for daemon in cloud.daemons():
        assert daemon in out.stdout, f"altostack status does not tell of {daemon}:\n{out.stdout}"


def _available(shell: Shell) -> bool:
    return "available" in shell.type("openstack volume show data -f value -c status")


def _works(shell: Shell, line: str) -> bool:
    try:
        shell.type(line, 30)
    except (AssertionError, subprocess.TimeoutExpired):
        return False
    return True
