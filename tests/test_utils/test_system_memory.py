# Copyright (c) DKSAN-MM contributors.
import os

import pytest

from dksan_mm.utils import system_memory


def test_it_is_half_of_what_there_is():
    total = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
    assert system_memory.available_memory() == total // 2 > 2**26


@pytest.mark.parametrize('error', [AttributeError, ValueError, OSError])
def test_a_system_that_does_not_tell(monkeypatch, error):

    def sysconf(name):
        raise error

    monkeypatch.setattr(os, 'sysconf', sysconf)
    assert system_memory.available_memory() == system_memory.UNKNOWN
