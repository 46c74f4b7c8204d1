# Copyright (c) DKSAN-MM contributors.
"""Memory of systems that are not Linux, which says it in /proc/meminfo."""
import ctypes
import os

UNKNOWN = 2**32  # bytes: *chosen here*, what nearly every machine has


class _Status(ctypes.Structure):
    """Windows' MEMORYSTATUSEX; ``words`` are of 8 bytes, the second what is
    available."""
    _fields_ = [('length', ctypes.c_uint32), ('load', ctypes.c_uint32),
                ('words', ctypes.c_uint64 * 7)]


def available_memory() -> int:
    """Return the bytes that can be had, as far as the system tells.

    macOS tells what there is in all: half of that.
    """
    if os.name == 'nt':
        status = _Status(ctypes.sizeof(_Status))
        kernel = getattr(ctypes, 'windll').kernel32  # Windows' alone
        if kernel.GlobalMemoryStatusEx(ctypes.byref(status)):
            return int(status.words[1])
        return UNKNOWN
    try:
        return os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') // 2
    except (AttributeError, OSError, ValueError):
        return UNKNOWN
