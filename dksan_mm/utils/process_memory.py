# Copyright (c) DKSAN-MM contributors.
"""Memory that this process has in use, as Linux counts it.

Resident memory, in bytes. Importing this module is quick. It reads what Linux
tells by itself, since psutil tells no peak there.
"""
import resource


def resident_memory() -> int:
    """Return what is in use now.

    Raises:
        OSError: If the system does not tell; Linux does.
    """
    return _status('VmRSS')


def peak_resident_memory() -> int:
    """The most that was in use since :func:`forget_peak`, or ever."""
    try:
        return _status('VmHWM')
    except OSError:
        return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def forget_peak() -> bool:
    """Start a new record of the peak.

    Returns:
        bool: False where the system cannot: the record is then of all that
        the process has done.
    """
    try:
        with open('/proc/self/clear_refs', 'w', encoding='ascii') as file:
            file.write('5')
    except OSError:
        return False
    return True


def _status(name: str) -> int:
    with open('/proc/self/status', encoding='ascii') as file:
        for line in file:
            if line.startswith(name):
                return 1024 * int(line.split()[1])
    raise OSError(f'/proc/self/status has no {name}')
