# Copyright (c) DKSAN-MM contributors.
import os
from pathlib import Path

import pytest

from dksan_mm.io.outputs import check_output, write_output
from dksan_mm.utils.errors import UserError


def test_what_is_there_is_replaced_on_demand_only(tmp_path):
    path = tmp_path / 'a.json'
    path.write_text('old')
    with pytest.raises(UserError, match='a.json exists; use --overwrite'):
        check_output(str(path), overwrite=False)
    check_output(str(path), overwrite=True)
    write_output(
        str(path), lambda name: Path(name).write_text('new'), overwrite=True)
    assert path.read_text() == 'new'
    assert list(tmp_path.iterdir()) == [path]


def test_no_output_is_in_order():
    check_output(None, overwrite=False)


@pytest.mark.parametrize('kind', ['folder', 'pipe', 'no folder', 'dangling'])
def test_what_is_no_place_for_a_file(tmp_path, kind):
    path = tmp_path / 'a.json'
    said = dict(
        folder='is a folder',
        pipe='is not a regular file',
        dangling='exists; use --overwrite').get(kind, 'there is no folder')
    if kind == 'folder':
        path.mkdir()
    elif kind == 'pipe':
        os.mkfifo(path)
    elif kind == 'dangling':
        path.symlink_to('nowhere')
    else:
        path = path / 'b.json'
    with pytest.raises(UserError, match=said):
        check_output(str(path), overwrite=kind != 'dangling')


@pytest.mark.parametrize('path', ['/dev/null', '/dev/stdout'])
def test_devices_are_not_replaced(path):
    before = os.lstat(path)
    with pytest.raises(UserError, match='is not a regular file|is a folder'):
        check_output(path, overwrite=True)
    assert os.lstat(path).st_ino == before.st_ino


def test_a_file_that_appears_meanwhile_is_kept(tmp_path):
    path = tmp_path / 'a.json'

    def write(name):
        Path(name).write_text('ours')
        path.write_text('theirs')

    with pytest.raises(UserError, match='appeared in the meantime'):
        write_output(str(path), write, overwrite=False)
    assert path.read_text() == 'theirs'
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_leaves_nothing(tmp_path):

    def write(name):
        raise OSError(28, 'No space left on device')

    with pytest.raises(UserError, match='not written: No space left'):
        write_output(str(tmp_path / 'a'), write, overwrite=False)
    assert not list(tmp_path.iterdir())
