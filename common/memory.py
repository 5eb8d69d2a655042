"""Keeping a process of many threads small and its collector idle. Heaps are glibc's matter; elsewhere they stay as they are."""

import ctypes
import gc
import sys

_M_ARENA_MAX = -8  # malloc.h
_PR_SET_MEMORY_MERGE = 67  # sys/prctl.h, Linux 6.4
_NEW_OBJECTS_MAX = 20_000  # containers, about 2 MiB; default 700
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


def leave_out(module: str) -> None:
    """Let `module` seem not to be installed to a library that imports it only where it is; call this before that import."""
    sys.modules.setdefault(module, None)  # type: ignore[arg-type]
