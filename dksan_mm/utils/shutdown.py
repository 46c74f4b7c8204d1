# Copyright (c) DKSAN-MM contributors.
"""The end of a process that trained together with others."""
import atexit
import os
import sys
import threading
from types import ModuleType
from typing import NoReturn

PATIENCE = 20  # seconds for the other processes to let go of the group


def finish(code: int) -> NoReturn:
    """End the process with an exit code.

    gloo's threads outlive its process group where DDP has used it. When the
    interpreter goes away below them, about one run in seven ended by
    ``terminate called without an active exception``, after all was done. A
    process that had a group therefore leaves it, runs its exit handlers and
    ends without the interpreter's own clean-up.

    Args:
        code (int): The exit code, which nothing here changes.
    """
    distributed = sys.modules.get('torch.distributed')
    if distributed is None or not distributed.is_available() or \
            not distributed.is_initialized():
        sys.exit(code)
    # Not waited for without end: another process may be dead.
    leaving = threading.Thread(
        target=_leave, args=(distributed, ), daemon=True)
    leaving.start()
    leaving.join(PATIENCE)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            pass  # closed, or full
    os._exit(code)


def _leave(distributed: ModuleType) -> None:
    try:
        distributed.destroy_process_group()
    except Exception:  # its other processes have gone
        pass
