"""Keeping a process of many threads small and its collector idle. Heaps are glibc's matter; elsewhere they stay as they are."""

import ctypes
import gc
import sys

_M_ARENA_MAX = -8  # malloc.h
_libc = ctypes.CDLL(None)


def one_heap() -> None:
    """Let all threads share one heap: with the interpreter's lock they gain nothing by heaps of their own, which fragment."""
    if hasattr(_libc, "mallopt"):
        _libc.mallopt(_M_ARENA_MAX, 1)


def settled() -> None:
    """The start is over: collect once, return free memory to the system, and never look through what is left again.

    A full collection looks through every module, class and route otherwise, in the middle of somebody's request.
    """
    gc.collect()
    gc.freeze()
    if hasattr(_libc, "malloc_trim"):
        _libc.malloc_trim(0)


def leave_out(module: str) -> None:
    """Let `module` seem not to be installed to a library that imports it only where it is; call this before that import."""
    sys.modules.setdefault(module, None)  # type: ignore[arg-type]
