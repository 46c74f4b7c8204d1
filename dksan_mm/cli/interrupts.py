# Copyright (c) DKSAN-MM contributors.
"""Ctrl-C and SIGTERM in a tool that saves its work when interrupted."""
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn


@contextmanager
def stopping_once() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM interrupt only once inside the block.

    The work is then being saved, which a second signal would abort.
    """
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in signals]

    def stop(*_) -> NoReturn:
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
