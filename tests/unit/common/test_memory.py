"""How processes keep their memory small."""

import os
import pathlib
import signal
import subprocess
import sys

import pytest

from common import errors, memory
from tests.waiting import wait_for

ROOT = pathlib.Path(__file__).parents[3]
PAGES = """
import ctypes, sys
from common import memory

malloc, free = ctypes.CDLL(None).malloc, ctypes.CDLL(None).free
malloc.restype, malloc.argtypes, free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
kept = [bytes(200) for _ in range(40_000)]
del kept[::2]  # a hole after each
large = [malloc(3000) for _ in range(4000)]
for place in large[::2]:
    free(place)
if sys.argv[1] == "True":
    memory.without_holes()
made = [bytes(200) for _ in range(1000)]
print(len({id(item) // 4096 for item in made}), len({malloc(3000) // 4096 for _ in range(500)} & {p // 4096 for p in large}))
"""


@pytest.mark.skipif(sys.implementation.name != "cpython" or not sys.platform.startswith("linux"), reason="heaps differ")
@pytest.mark.parametrize("filled", [False, True])
def test_new_objects_lie_together_when_the_holes_were_filled(filled):
    done = subprocess.run([sys.executable, "-c", PAGES, str(filled)], capture_output=True, text=True, cwd=ROOT, check=True)
    small_pages, old_pages = map(int, done.stdout.split())
    if filled:
        assert small_pages < 90 and old_pages == 0  # 1,000 of 240 bytes: 59 pages at best
    else:
        assert small_pages > 90 and old_pages > 100


@pytest.fixture
def keeper(tmp_path):
    """devstack's keeper of same-page merging, at work in a folder that is not the kernel's."""
    for name, value in (("run", 0), ("full_scans", 7), ("pages_sharing", 0), ("pages_to_scan", 100), ("sleep_millisecs", 20)):
        (tmp_path / name).write_text(f"{value}\n")
    child = subprocess.Popen(["bash", ROOT / "devstack/lib/memory.sh", "ksm-keep", tmp_path], start_new_session=True,
                             env={**os.environ, "KSM_LOOK_S": "0.1"})
    yield tmp_path
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def tell(folder, name, value):
    """As the kernel does: never half a figure."""
    (folder / f"{name}.new").write_text(f"{value}\n")
    (folder / f"{name}.new").replace(folder / name)


def merges(folder, scans, sharing):
    """The keeper merges, until the kernel has looked at everything often enough; then it rests."""
    wait_for("merging", lambda: (folder / "run").read_text() == "1\n", 20)
    tell(folder, "pages_sharing", sharing)
    tell(folder, "full_scans", scans)
    wait_for("rest", lambda: (folder / "run").read_text() == "0\n", 20)


def test_pages_are_merged_at_the_start_and_when_many_parted(keeper):
    merges(keeper, 11, 10_000)
    tell(keeper, "pages_sharing", 9100)
    with pytest.raises(AssertionError):
        wait_for("merging for little", lambda: (keeper / "run").read_text() == "1\n", 1)
    tell(keeper, "pages_sharing", 8900)
    merges(keeper, 15, 10_000)


def test_what_is_done_apart_leaves_nothing_but_its_failure(tmp_path):
    def work():
        sys.modules["only_there"] = sys
        (tmp_path / "made").write_text("it")

    def refuse():
        raise errors.ConfigError("nothing works")

    def fail():
        raise ValueError("a mistake")

    assert memory.apart(work) == "" and (tmp_path / "made").read_text() == "it" and "only_there" not in sys.modules
    assert memory.apart(refuse) == "nothing works"
    assert "the log" in memory.apart(fail)
