# Copyright (c) DKSAN-MM contributors.
"""Available memory on systems without Linux's /proc/meminfo."""
import ctypes
import os

UNKNOWN = 2**32  # bytes, *chosen here*: nearly every machine has them


class _Status(ctypes.Structure):
    """Windows' MEMORYSTATUSEX; ``words`` are of 8 bytes, the second one is
    the available memory."""
    _fields_ = [('length', ctypes.c_uint32), ('load', ctypes.c_uint32),
                ('words', ctypes.c_uint64 * 7)]


def available_memory() -> int:
    """Return the available memory in bytes, as reported by the system.

    macOS reports only the total memory, half of which is returned.
    """
    if os.name == 'nt':
        status = _Status(ctypes.sizeof(_Status))
        kernel = getattr(ctypes, 'windll').kernel32  # only on Windows
        if kernel.GlobalMemoryStatusEx(ctypes.byref(status)):
            return int(status.words[1])
        return UNKNOWN
    try:
        return os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') // 2
    except (AttributeError, OSError, ValueError):
        return UNKNOWN
