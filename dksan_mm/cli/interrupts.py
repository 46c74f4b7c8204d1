# Copyright (c) DKSAN-MM contributors.
"""Ctrl-C and SIGTERM of a tool that saves what is done."""
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn


@contextmanager
def stopping_once() -> Iterator[None]:
    """Within it Ctrl-C and SIGTERM interrupt once.

    What is done is then being saved, and a second one would spoil that.
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
