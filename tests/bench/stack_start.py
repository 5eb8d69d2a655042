"""`devstack/stack.sh` with its packages installed: seconds to the first real server that is ACTIVE.

    python -m tests.bench.stack_start

Needs root, and a machine on which no stack is up: it runs devstack/unstack.sh, then devstack/stack.sh, boots one server
with the client from devstack/openrc, and deletes it. The stack stays.
"""

import os
import subprocess
import time

from tests.bench.support import ROOT, show

BOOT = """set -e
. devstack/openrc admin admin >/dev/null
image=$(openstack image list -f value -c ID | head -1)
flavor=$(openstack flavor list --sort-column RAM -f value -c ID | head -1)
network=$(openstack network list --internal -f value -c ID | head -1)
openstack server create --image "$image" --flavor "$flavor" --network "$network" --wait bench-start >/dev/null
date +%s.%N
openstack server delete --wait bench-start
"""


def script(*command: str) -> str:
    """Run a script of the repository; its output."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)[:60]} ended with {done.returncode}:\n{(done.stdout + done.stderr)[-2000:]}")
    return done.stdout


def main() -> None:
    """Measure and print."""
    if os.geteuid():
        raise SystemExit("this needs root")
    script("devstack/unstack.sh")
    started = time.time()
    script("devstack/stack.sh")
    up = time.time()
    active = float(script("bash", "-c", BOOT).split()[0])
    show("stack.sh", up - started, "s")
    show("start of stack.sh to the first server ACTIVE", active - started, "s", 30)


if __name__ == "__main__":
    main()
