"""Keeping a process of many threads small, where its C library is glibc; elsewhere nothing happens."""

import ctypes
import gc

_M_ARENA_MAX = -8  # malloc.h
_libc = ctypes.CDLL(None)


def one_heap() -> None:
    """Let all threads share one heap: with the interpreter's lock they gain nothing by heaps of their own, which fragment."""
    if hasattr(_libc, "mallopt"):
        _libc.mallopt(_M_ARENA_MAX, 1)


def give_back() -> None:
    """Collect garbage and return free memory to the system; after work that is not done again soon."""
    gc.collect()
    if hasattr(_libc, "malloc_trim"):
        _libc.malloc_trim(0)
