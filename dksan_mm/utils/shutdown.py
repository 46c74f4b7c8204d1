# Copyright (c) DKSAN-MM contributors.
"""Clean exit of a process after distributed training."""
import atexit
import os
import sys
import threading
from types import ModuleType
from typing import NoReturn

PATIENCE = 20  # seconds to wait for the other processes of the group


def finish(code: int) -> NoReturn:
    """End the process with an exit code.

    After DDP, gloo's threads outlive the process group. When the interpreter
    shut down under them, about one run in seven ended with ``terminate called
    without an active exception`` after all work was done. A process with a
    group therefore leaves the group, runs its exit handlers and ends without
    the interpreter's own clean-up.

    Args:
        code (int): Exit code of the process.
    """
    distributed = sys.modules.get('torch.distributed')
    if distributed is None or not distributed.is_available() or \
            not distributed.is_initialized():
        sys.exit(code)
    # With a timeout: another process may be dead.
    leaving = threading.Thread(
        target=_leave, args=(distributed, ), daemon=True)
    leaving.start()
    leaving.join(PATIENCE)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            pass  # the stream is closed or the disk is full
    os._exit(code)


def _leave(distributed: ModuleType) -> None:
    try:
        distributed.destroy_process_group()
    except Exception:  # the other processes have ended
        pass
