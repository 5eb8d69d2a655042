"""Keeping a process of many threads small and its collector idle. Heaps are glibc's matter; elsewhere they stay as they are."""

import ctypes
import gc
import logging
import os
import sys
from collections.abc import Callable

from common import errors

LOG = logging.getLogger(__name__)

_M_ARENA_MAX = -8  # malloc.h
_PR_SET_MEMORY_MERGE = 67  # sys/prctl.h, Linux 6.4
_NEW_OBJECTS_MAX = 20_000  # containers, about 2 MiB; default 700
_POOL, _SMALL, _STEP = 16384, 512, 16  # of the interpreter's own allocator
_LARGE = 65536  # below what malloc maps apart
_HOLES_MAX = 200_000
_libc = ctypes.CDLL(None)


def one_heap() -> None:
    """Let all threads share one heap: with the interpreter's lock they gain nothing by heaps of their own, which fragment."""
    if hasattr(_libc, "mallopt"):
        _libc.mallopt(_M_ARENA_MAX, 1)


def may_be_merged() -> None:
    """Let the kernel keep one copy of pages that this process and those it forks have in common, where the operator switched
    that on (/sys/kernel/mm/ksm/run). Merely running a function writes to its pages and so parts them, in every child alike.
    """
    if hasattr(_libc, "prctl"):
        # refused by older kernels, and without CAP_SYS_RESOURCE: then the pages stay apart
        _libc.prctl(_PR_SET_MEMORY_MERGE, 1, 0, 0, 0)


def without_holes() -> None:
    """Fill every hole that freed objects left, for good: to be called before forking children that live long.

    What a child makes would fill them, a few dozen bytes on each page, and every such page would be the child's own copy. Now
    it makes pages of its own, and fills them. The holes are in memory anyhow.
    """
    gc.collect()
    allocate = ctypes.pythonapi.PyObject_Malloc
    allocate.restype, allocate.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    for size in range(_STEP, _SMALL + 1, _STEP):
        before = in_a_row = 0
        for _ in range(_HOLES_MAX):
            place = allocate(size)
            # holes come in any order, a fresh pool in its own, of which asking takes some blocks itself
            in_a_row = in_a_row + 1 if before < place <= before + 3 * size else 0
            if in_a_row >= _POOL // size // 4:
                break
            before = place
    if hasattr(_libc, "mallinfo2"):
        _fill_heap()


class _HeapInfo(ctypes.Structure):
    """malloc.h's mallinfo2."""

    _fields_ = [(name, ctypes.c_size_t) for name in (
        "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")]


def _fill_heap() -> None:
    """Fill the holes of malloc's heap, the largest first; the free end of it stays."""
    _libc.malloc_trim(0)
    _libc.sbrk.restype, _libc.sbrk.argtypes = ctypes.c_void_p, [ctypes.c_ssize_t]
    _libc.malloc.restype, _libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    _libc.free.argtypes = [ctypes.c_void_p]
    _libc.mallinfo2.restype = _HeapInfo
    end = _libc.sbrk(0) - _libc.mallinfo2().keepcost
    size, left = _LARGE, _HOLES_MAX
    while size >= _STEP and left:
        place, left = _libc.malloc(size), left - 1
        if not place or place >= end:
            _libc.free(place)
            size -= max(_STEP, size // 32 // _STEP * _STEP)


def settled() -> None:
    """The start is over: collect once, return free memory to the system, and never look through what is left again.

    A full collection looks through every module, class and route otherwise, in the middle of somebody's request. Those
    to come are rarer than by default, where a list of a thousand servers spends a fifth of its time on them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS_MAX)
    if hasattr(_libc, "malloc_trim"):
        _libc.malloc_trim(0)


def apart(work: Callable[[], None]) -> str:
    """Do `work` in a process of its own, to whose end this one waits: what it imports and makes is not kept here.

    An empty text, or the words of the errors.ConfigError or errors.Transient that it ended with. To be called while there is
    one thread, and nothing open that two processes must not share.
    """
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(ours)
            work()
            status = 0
        except (errors.ConfigError, errors.Transient) as e:
            os.write(theirs, str(e).encode()[:4096])
        except Exception:  # process edge: the child must end here
            LOG.exception("what was done apart failed")
        finally:
            os._exit(status)
    os.close(theirs)
    with os.fdopen(ours, "rb") as end:
        said = end.read().decode(errors="replace")
    _, status = os.waitpid(child, 0)
    return said or ("" if status == 0 else "it failed; see the log")


def leave_out(module: str) -> None:
    """Let `module` seem not to be installed to a library that imports it only where it is; call this before that import."""
    sys.modules.setdefault(module, None)  # type: ignore[arg-type]
