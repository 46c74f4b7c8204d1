# Copyright (c) DKSAN-MM contributors.
import pytest

from dksan_mm.comparison.request import ModelSpec, parse_model
from dksan_mm.utils.errors import UserError


@pytest.mark.parametrize('config, checkpoint', [
    ('a.py', None),
    ('a.py', 'w.pth'),
    ('a=b:c.py', 'w:1=2.pth'),
    ('c.py', 'w:1=2.pth'),
])
def test_paths_may_hold_what_separates(tmp_path, monkeypatch, config,
                                       checkpoint):
    monkeypatch.chdir(tmp_path)
    for path in filter(None, (config, checkpoint, 'a=b')):
        (tmp_path / path).write_text('')
    text = f'the <name>={config}' + (f':{checkpoint}' if checkpoint else '')
    assert parse_model(text) == ModelSpec('the <name>', config, checkpoint)


@pytest.mark.parametrize('name', ['.hidden', 'a/b', 'a\nb', 'LR', 'x' * 101])
def test_names_that_are_no_folders_are_refused(tmp_path, name):
    (tmp_path / 'a.py').write_text('')
    with pytest.raises(UserError, match='--model'):
        parse_model(f'{name}={tmp_path}/a.py')
