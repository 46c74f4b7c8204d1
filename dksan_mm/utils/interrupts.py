# Copyright (c) DKSAN-MM contributors.
"""Signals that interrupt a tool, which then saves its work."""
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from .environment import TERMINAL_SIGNALS


@contextmanager
def stopping_once() -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and SIGHUP interrupt only once inside the block.

    The work is then being saved, which a second signal would abort. SIGHUP
    arrives when the terminal closes, e.g. because a remote connection ends.
    """
    signals = [*TERMINAL_SIGNALS, signal.SIGTERM]
    before = [signal.getsignal(number) for number in signals]

    def stop(*_: object) -> NoReturn:
        for number in signals:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number, handler in zip(signals, before):
        if handler != signal.SIG_IGN:
            signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in zip(signals, before):
            signal.signal(number, handler)
