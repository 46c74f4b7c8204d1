# Copyright (c) DKSAN-MM contributors.
import errno
from concurrent.futures.process import BrokenProcessPool

import pytest

from dksan_mm.prepare.messages import explain, naming_wrong_input
from dksan_mm.utils.errors import UserError


@pytest.mark.parametrize('error, sentence', [
    (ValueError('a.png: empty file'), 'a.png: empty file'),
    (PermissionError(errno.EACCES, 'Permission denied',
                     'in/a'), 'in/a: Permission denied'),
    (OSError(errno.ENOSPC,
             'No space left on device'), 'target: no space left on the disk'),
    (OSError(errno.ENOSPC, 'No space left on device',
             'out/a'), 'out/a: no space left on the disk'),
    (FileNotFoundError('in: no such folder'), 'in: no such folder'),
    (BrokenProcessPool(), 'a worker process died (out of memory?)'),
])
def test_errors_become_sentences(error, sentence):
    assert explain(error) == sentence


def test_a_bug_keeps_its_traceback():
    bug = KeyError('frames')
    with pytest.raises(KeyError) as raised:
        explain(bug)
    assert raised.value is bug


def test_wrong_input_is_an_error_of_the_user():
    with pytest.raises(UserError, match='^in/a: Permission denied$') as raised:
        with naming_wrong_input():
            raise PermissionError(errno.EACCES, 'Permission denied', 'in/a')
    assert isinstance(raised.value.__cause__, PermissionError)
    with pytest.raises(KeyError):
        with naming_wrong_input():
            raise KeyError('bug')
