"""A running stack at rest: memory (PSS) and CPU of every daemon, by their pid files.

    python -m tests.bench.memory [RUN_PATH] [SECONDS]

The budget is for the daemons of the six services; MariaDB and RabbitMQ are printed beside them.
"""

import pathlib
import sys
import time

from tests.bench.support import Stack, cpu_seconds, pss_mib, show

MERGING = "kernel's merging of pages"
OTHERS = ("MariaDB", "RabbitMQ", "libvirtd", "memcached", "mariadb", "rabbitmq", "tgtd")


def merging() -> list[int]:
    """The kernel's thread that merges equal pages, where there is one."""
    return [int(entry.parent.name) for entry in pathlib.Path("/proc").glob("[0-9]*/comm") if entry.read_text() == "ksmd\n"]


def main() -> None:
    """Measure and print."""
    stack = Stack(sys.argv[1] if len(sys.argv) > 1 else "/run/altostack")
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 30.0
    pids = stack.pids()
    if not pids:
        raise SystemExit(f"no daemon has a pid file in {stack.run_path}")
    pids[MERGING] = merging()
    before = {name: sum(cpu_seconds(p) for p in found) for name, found in pids.items()}
    time.sleep(seconds)
    total_mib = total_cpu = 0.0
    for name, found in pids.items():
        mib = sum(pss_mib(p) for p in found)
        cpu = (sum(cpu_seconds(p) for p in found) - before[name]) / seconds * 100
        show(f"{name}: memory", mib, "MiB")
        show(f"{name}: at rest", cpu, "% of a core")
        if name not in OTHERS:
            total_mib, total_cpu = total_mib + mib, total_cpu + cpu
    show("all daemons: memory (PSS)", total_mib, "MiB", 500)
    show("all daemons: at rest", total_cpu, "% of a core", 1)


if __name__ == "__main__":
    main()
