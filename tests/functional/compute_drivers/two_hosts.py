"""Two hypervisor hosts on one machine: a libvirtd and an agent each, in mount namespaces of their own.

Run as a program, this file is one host's agent (driver, listener and verbs without a conductor): it reads jobs as JSON lines
on its standard input and answers each with a line. The test process is the conductor.
"""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import threading
import uuid
from typing import Any

_ENTER = """set -e
mount --make-rprivate /
mkdir -p /run/altostack-moves "$B/moves" "$B/instances" "$I"
mount --bind "$B/moves" /run/altostack-moves
mount --bind "$B/instances" "$I"
for pair in run:/run/libvirt lib:/var/lib/libvirt log:/var/log/libvirt cache:/var/cache/libvirt etc:/etc/libvirt; do
  mkdir -p ${pair#*:} "$B/${pair%%:*}"; mount --bind "$B/${pair%%:*}" ${pair#*:}
done
exec "$@"
"""


class Agent:
    """A host's agent process. `call(verb, …)` does a job; it raises AssertionError with the agent's words when that fails."""

    def __init__(self, folder: pathlib.Path, pid: int, instances: str, sources: dict[str, str], name: str,
                 **options: Any) -> None:
        self.name = name
        config = {"uri": f"qemu+unix:///system?socket={folder}/run/libvirt-sock", "images_path": instances, "node_name": name,
                  "live_migration_bandwidth_mib": 100,  # so that there is time to abort one
                  "shutdown_timeout_s": 5, "image_cache_age_s": 0, "initiator_name": f"iqn.2026-11.test:{name}", **options}
        self._process = subprocess.Popen(
            ["nsenter", f"--target={pid}", "--mount", sys.executable, "-m", "tests.functional.compute_drivers.two_hosts",
             json.dumps({"config": config, "sources": sources, "name": name})],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open(folder / "agent.log", "ab"), text=True,
            env={**os.environ, "PYTHONPATH": str(pathlib.Path(__file__).parents[3])})
        self._lock = threading.Lock()
        self.commands: list[str] = []

    def call(self, verb: str, spec: Any, **args: Any) -> dict[str, Any]:
        """Do a job; its result, with the server's report as `report`."""
        with self._lock:
            assert self._process.stdin is not None and self._process.stdout is not None
            self._process.stdin.write(json.dumps({"verb": verb, "spec": spec.to_dict(), "args": args,
                                                  "commands": self.commands}) + "\n")
            self._process.stdin.flush()
            answer = json.loads(self._process.stdout.readline() or '{"error": "the agent died"}')
        if answer.get("error"):
            raise AssertionError(f"{verb} on {self.name}: {answer['error']}")
        return dict(answer)

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait(20)


def libvirtd_script() -> str:
    """How a host's libvirtd is started in its own namespace (see hosts.PrivateLibvirt)."""
    return _ENTER.replace('exec "$@"', 'exec libvirtd --config "$B/etc/libvirtd.conf" --pid-file "$B/libvirtd.pid"')


def new_host_uuid(folder: pathlib.Path) -> None:
    """Two libvirtd on one machine must not take each other for themselves."""
    with open(folder / "etc/libvirtd.conf", "a") as f:
        f.write(f'host_uuid="{uuid.uuid4()}"\n')


def main() -> None:
    """One host's agent."""
    import shutil

    from oslo_config import cfg

    from services.compute.agent import moves, tunnel, verbs
    from services.compute.drivers import load_driver, options
    from services.compute.objects.server import ServerSpec

    given = json.loads(sys.argv[1])
    conf = cfg.ConfigOpts()
    options.register(conf)
    conf([])
    for name, value in given["config"].items():
        conf.set_override(name, value, group="libvirt")
    driver = load_driver(conf, lambda image_id, path: shutil.copyfile(given["sources"][image_id], path))
    commands: list[str] = []

    class Conductor:
        """Gives the commands that the test wants given, the last one again and again."""

        def move_progress(self, ctxt: Any, host: str, server_id: str, counters: Any) -> dict[str, Any]:
            return {"command": commands.pop(0) if len(commands) > 1 else commands[0] if commands else None}

        def move_switching(self, ctxt: Any, host: str, server_id: str) -> None:
            """There are no ports to switch."""

    host = verbs.Host(driver, None, "/nowhere", given["name"], tunnel.Listener("127.0.0.1"), Conductor())  # type: ignore[arg-type]
    table = {**verbs.VERBS, **moves.MOVES}
    for line in sys.stdin:
        job = json.loads(line)
        spec = ServerSpec.from_dict(job["spec"])
        commands[:] = job["commands"]
        try:
            if job["verb"] == "console":
                answer: dict[str, Any] = {"text": driver.consoles.output(spec.uuid, None)}
            elif job["verb"] == "report":
                answer = {"report": driver.lifecycle.report(spec.uuid).to_dict()}
            elif job["verb"] == "set_power":
                answer = {"report": driver.lifecycle.set_power(spec.uuid, job["args"]["power"], 0).to_dict()}
            else:
                report, answer = table[job["verb"]](host, spec.uuid, spec, job["args"])
                answer = {**answer, "report": report.to_dict() if report else None}
        except Exception as e:  # process edge: a job's error is its answer
            answer = {"error": f"{type(e).__name__}: {e}"}
        print(json.dumps(answer), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
