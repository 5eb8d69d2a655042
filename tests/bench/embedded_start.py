"""The embedded profile: seconds (and CPU) to the first answer, in an empty folder and again, and its memory.

    python -m tests.bench.embedded_start

Runs `altostack up` as a user does. On a machine that does other work, the CPU seconds are the better figure.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from tests.bench.support import PORT_OFFSET, ROOT, cpu_seconds, pss_mib, show

APIS = {"identity": 5000, "image": 9292, "placement": 8778, "compute": 8774, "network": 9696, "volume": 8776}


def answers(port: int) -> bool:
    """Whether an API answers (with whatever)."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def start(folder: str, what: str) -> None:
    """Start, wait, measure, stop."""
    # an installed package is compiled; a checkout is, too, after its first run, unless the environment forbids it
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    started = time.monotonic()
    child = subprocess.Popen([sys.executable, "-m", "common.cli", "up", "--data-dir", folder, "--port-offset", str(PORT_OFFSET)],
                             cwd=ROOT, stdout=subprocess.DEVNULL, env=environment)
    try:
        while not all(answers(p + PORT_OFFSET) for p in APIS.values()):
            if child.poll() is not None:
                raise SystemExit(f"`altostack up` ended with {child.returncode}; see {folder}/log")
            time.sleep(0.05)
        show(f"{what}: all APIs answer after", time.monotonic() - started, "s", 3)
        show(f"{what}: CPU until then", cpu_seconds(child.pid), "s")
        time.sleep(5)
        show(f"{what}: memory (PSS)", pss_mib(child.pid), "MiB", 150)
        before = cpu_seconds(child.pid)
        time.sleep(20)
        show(f"{what}: at rest", (cpu_seconds(child.pid) - before) / 20 * 100, "% of a core")
    finally:
        ending = time.monotonic()
        child.send_signal(signal.SIGINT)
        child.wait(60)
    show(f"{what}: Ctrl-C to the end", time.monotonic() - ending, "s")


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="altostack-bench-") as folder:
        start(os.path.join(folder, "data"), "first start")
        start(os.path.join(folder, "data"), "second start")


if __name__ == "__main__":
    main()
