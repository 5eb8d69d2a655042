"""What the benchmarks share: an embedded cloud to measure or a running stack, a small client, figures against budgets."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import requests

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PORT_OFFSET = int(os.environ.get("BENCH_PORT_OFFSET", "14000"))
TICKS = os.sysconf("SC_CLK_TCK")


def show(what: str, value: float, unit: str, budget: float | None = None) -> None:
    """Print one figure, and its ratio to the budget."""
    ratio = f"   budget {budget:g} {unit}: {value / budget:5.2f} of it" if budget else ""
    print(f"{what:62} {value:10.2f} {unit}{ratio}", flush=True)


class Embedded:
    """An embedded cloud in a child process, and what it counts. A context manager."""

    def __init__(self, *options: str, folder: str | None = None) -> None:
        self._temporary = None if folder else tempfile.TemporaryDirectory(prefix="altostack-bench-")
        self.folder = folder or self._temporary.name  # type: ignore[union-attr]
        self._child = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.embedded_cloud", self.folder, str(PORT_OFFSET), *options], cwd=ROOT,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.info = self._answer()

    def _answer(self) -> dict[str, Any]:
        line = self._child.stdout.readline()  # type: ignore[union-attr]
        if not line:
            raise SystemExit(f"the embedded cloud did not start; its log is in {self.folder}/log")
        return json.loads(line)  # type: ignore[no-any-return]

    def ask(self, command: str) -> dict[str, Any]:
        """The answer to one command of tests.bench.embedded_cloud."""
        self._child.stdin.write(command + "\n")  # type: ignore[union-attr]
        self._child.stdin.flush()  # type: ignore[union-attr]
        return self._answer()

    def usage(self) -> dict[str, Any]:
        """{"cpu": {daemon: seconds}, "queries": {service: n}, "messages": n, "detail": counters}."""
        found = self.ask("stats")
        queries = {k[4:]: n for k, n in found["calls"].items() if k.startswith("sql ")}
        messages = sum(n for k, n in found["calls"].items() if k.startswith("message "))
        return {"cpu": {"all daemons (one process)": found["cpu_s"]}, "queries": queries, "messages": messages, "detail": found}

    def __enter__(self) -> "Embedded":
        return self

    def __exit__(self, *_: object) -> None:
        self._child.stdin.close()  # type: ignore[union-attr]
        try:
            self._child.wait(60)
        except subprocess.TimeoutExpired:
            self._child.kill()
        if self._temporary is not None:
            self._temporary.cleanup()

    def client(self) -> "Client":
        """The administrator."""
        return Client(self.info["auth_url"], "admin", self.info["password"], "admin")


class Stack:
    """A running stack: daemons are found by their pid files, the client by OS_* variables."""

    def __init__(self, run_path: str = "/run/altostack") -> None:
        self.run_path = run_path

    def __enter__(self) -> "Stack":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def client(self) -> "Client":
        """The caller of the environment."""
        e = os.environ
        return Client(e["OS_AUTH_URL"], e["OS_USERNAME"], e["OS_PASSWORD"], e.get("OS_PROJECT_NAME", "admin"))

    def pids(self) -> dict[str, list[int]]:
        """daemon -> its processes; with the database server and RabbitMQ of this machine that belong to the stack."""
        children = _children()
        found: dict[str, list[int]] = {}
        for name in sorted(os.listdir(self.run_path)):
            if name.endswith(".pid"):
                try:
                    with open(os.path.join(self.run_path, name)) as f:
                        pid = int(f.read().split()[0])
                except (OSError, ValueError, IndexError):
                    continue
                if os.path.exists(f"/proc/{pid}"):
                    own = [pid] if name == "supervisor.pid" else [pid, *descendants(pid, children)]
                    found[name.removesuffix(".pid")] = own
        for word, program in (("MariaDB", "mariadbd"), ("RabbitMQ", "beam.smp")):
            wanted = os.environ.get(f"BENCH_{word.upper()}_PID")
            mine = [int(wanted)] if wanted else _by_program(program)
            if mine:
                found[word] = mine
        return found

    def usage(self) -> dict[str, Any]:
        """As Embedded.usage; queries by database user where MariaDB counts them (`SET GLOBAL userstat=1`)."""
        cpu = {name: sum(cpu_seconds(p) for p in pids) for name, pids in self.pids().items()}
        return {"cpu": cpu, "queries": user_statistics(os.environ.get("BENCH_MYSQL", "mariadb")),
                "messages": rabbit_messages(os.environ.get("BENCH_RABBITMQCTL", "rabbitmqctl").split()), "detail": {}}


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far (0 when it is gone)."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def pss_mib(pid: int) -> float:
    """Proportional set size of a process, MiB."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("Pss:")) / 1024
    except (OSError, StopIteration):
        return 0.0


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as f:
                    parent = int(f.read().rpartition(")")[2].split()[1])
            except OSError:
                continue
            found.setdefault(parent, []).append(int(name))
    return found


def descendants(pid: int, children: dict[int, list[int]] | None = None) -> Iterator[int]:
    """Processes that `pid` started, and those that they did."""
    children = _children() if children is None else children
    for child in children.get(pid, ()):
        yield child
        yield from descendants(child, children)


def _by_program(program: str) -> list[int]:
    """Processes of a program that were started by this machine's stack: those with its state path on the command line."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/cmdline") as f:
                    words = f.read().split("\0")
            except OSError:
                continue
            if words[0].rpartition("/")[2] == program and "altostack" in " ".join(words):
                found.append(int(name))
    return found


def _run(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def user_statistics(client: str) -> dict[str, int]:
    """Statements by database user; empty where this user may not see them. `client`: MariaDB's, as a command line."""
    text = _run(*client.split(), "-N", "-e", "SET GLOBAL userstat=1; SELECT USER, SELECT_COMMANDS + UPDATE_COMMANDS "
                                             "+ OTHER_COMMANDS FROM information_schema.USER_STATISTICS")
    return {name: int(number) for name, number in (line.split("\t") for line in text.splitlines())}


def rabbit_messages(command: list[str]) -> int | None:
    """Messages that RabbitMQ received so far. `command`: rabbitmqctl, with what it needs to find the node."""
    text = _run(*command, "eval", "[{V} || {_, #{messages_received_total := V}} <- "
                                  "maps:to_list(rabbit_global_counters:overview())].")
    numbers = [int(word) for word in text.replace("[", " ").replace("]", " ").replace("{", " ").replace("}", " ")
               .replace(",", " ").split() if word.isdigit()]
    return sum(numbers) if numbers else None


class Client:
    """HTTP with one token: `call(service type, method, path, body)`."""

    def __init__(self, auth_url: str, user: str, password: str, project: str) -> None:
        self.http = requests.Session()
        self.http.trust_env = False
        domain = {"id": "default"}
        body = {"auth": {"identity": {"methods": ["password"], "password": {"user": {
            "name": user, "password": password, "domain": domain}}},
            "scope": {"project": {"name": project, "domain": domain}}}}
        answer = self.http.post(f"{auth_url.rstrip('/').removesuffix('/v3')}/v3/auth/tokens", json=body, timeout=60)
        answer.raise_for_status()
        token = answer.json()["token"]
        self.auth_url, self.project_id, self.token = auth_url, token["project"]["id"], answer.headers["X-Subject-Token"]
        self.http.headers["X-Auth-Token"] = self.token
        self.http.headers["OpenStack-API-Version"] = "compute 2.60"
        self.urls = {s["type"]: next(e["url"] for e in s["endpoints"] if e["interface"] == "public").rstrip("/")
                     for s in token["catalog"] if s["endpoints"]}

    def call(self, service: str, method: str, path: str, body: Any = None, **kwargs: Any) -> Any:
        """The JSON answer (None when empty); an exception for refusals."""
        answer = self.http.request(method, self.urls[service] + path, json=body, timeout=300, **kwargs)
        if answer.status_code >= 400:
            raise RuntimeError(f"{method} {service} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json() if answer.content else None


class World:
    """What servers need: quotas, an image, a flavor, a network with a subnet, all made for the benchmark and removed."""

    def __init__(self, client: Client, name: str = "bench") -> None:
        self.client, self.name = client, name
        project = client.project_id
        quota = {"instances": -1, "cores": -1, "ram": -1}
        client.call("compute", "PUT", f"/os-quota-sets/{project}", {"quota_set": quota})
        client.call("network", "PUT", f"/v2.0/quotas/{project}", {"quota": {"port": -1}})
        image = client.call("image", "POST", "/v2/images", {"name": name, "disk_format": "raw", "container_format": "bare"})
        client.http.put(f"{client.urls['image']}/v2/images/{image['id']}/file", data=b"\0" * 4096,
                        headers={"Content-Type": "application/octet-stream"}, timeout=60).raise_for_status()
        self.image_id = image["id"]
        self.flavor_id = client.call("compute", "POST", "/flavors", {"flavor": {
            "name": f"{name}-{time.time():.0f}", "vcpus": 1, "ram": 64, "disk": 1}})["flavor"]["id"]
        self.network_id = client.call("network", "POST", "/v2.0/networks", {"network": {"name": name}})["network"]["id"]
        client.call("network", "POST", "/v2.0/subnets", {"subnet": {
            "network_id": self.network_id, "ip_version": 4, "cidr": "10.64.0.0/12"}})

    def server(self, name: str, **values: Any) -> dict[str, Any]:
        """The body that boots a server."""
        return {"server": {"name": name, "imageRef": self.image_id, "flavorRef": self.flavor_id,
                           "networks": [{"uuid": self.network_id}], **values}}

    def states(self, prefix: str = "") -> dict[str, str]:
        """Server id -> status of the benchmark's servers, page by page."""
        found: dict[str, str] = {}
        marker = ""
        while True:
            page = self.client.call("compute", "GET", f"/servers/detail?limit=1000&name={prefix or self.name}{marker}")["servers"]
            found.update({s["id"]: s["status"] for s in page})
            if len(page) < 1000:
                return found
            marker = f"&marker={page[-1]['id']}"

    def count(self, status: str) -> int:
        """How many servers are in `status`: ids only, which is cheap."""
        found, marker = 0, ""
        while True:
            page = self.client.call("compute", "GET", f"/servers?limit=1000&status={status}&name={self.name}{marker}")["servers"]
            found += len(page)
            if len(page) < 1000:
                return found
            marker = f"&marker={page[-1]['id']}"

    def remove(self) -> None:
        """Take the network, flavor and image away."""
        self.client.call("network", "DELETE", f"/v2.0/networks/{self.network_id}")
        self.client.call("compute", "DELETE", f"/flavors/{self.flavor_id}")
        self.client.call("image", "DELETE", f"/v2/images/{self.image_id}")
