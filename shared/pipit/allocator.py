"""What glibc does with memory that was given back.

A request takes some megabytes to decode with, and gives them all back. As it comes, glibc hands such memory to the
system as soon as it is free at the end of a heap, and the next request has the system clear every page of it anew: a
recording of five seconds cost 476 page faults, and a quarter of the time of a small network's answer
(docs/measured/allocator.csv).
"""

from __future__ import annotations

import ctypes
import os

KEPT_BYTES = 16 << 20
"""Of each heap, that wait for the next request; what is larger comes from the system and goes back to it."""
HEAPS = 2
"""Of all threads. Each thread would have one of its own, up to eight for each core, with free memory in every one."""
# <malloc.h>
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_SET_BY_HAND = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_ARENA_MAX", "MALLOC_TOP_PAD_")


def keep_freed_memory() -> bool:
    """For a process that answers requests, before it begins threads. False: the allocator is left as it is.

    So it is with another C library than glibc, and where somebody has chosen by glibc's own variables.
    """
    if any(name in os.environ for name in _SET_BY_HAND) or "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", ""):
        return False
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is None:
        return False
    options = ((_ARENA_MAX, HEAPS), (_MMAP_THRESHOLD, KEPT_BYTES), (_TRIM_THRESHOLD, KEPT_BYTES))
    taken = [set_option(option, value) for option, value in options]
    return all(taken)
