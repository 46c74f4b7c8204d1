# Copyright (c) DKSAN-MM contributors.
import os
import signal

import pytest

from dksan_mm.utils.interrupts import stopping_once


@pytest.mark.parametrize('number',
                         [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_second_signal_does_not_spoil_the_saving(number):
    before = signal.signal(number, signal.default_int_handler)
    saved = []
    try:
        with stopping_once():
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), number)
            os.kill(os.getpid(), number)
            saved.append('all')
        assert saved == ['all']
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGHUP])
def test_what_was_ignored_stays_so(number):
    """For example under nohup, which ignores SIGHUP."""
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with stopping_once():
            os.kill(os.getpid(), number)
    finally:
        signal.signal(number, before)
