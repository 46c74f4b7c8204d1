# Copyright (c) DKSAN-MM contributors.
import errno
import os
import stat
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from dksan_mm.io import files

ROOT = Path(__file__).resolve().parents[2]


def test_a_file_appears_whole(tmp_path):
    path = tmp_path / 'a.txt'
    with files.replacing(str(path)) as file:
        file.write(b'new')
        assert not path.exists()
    assert path.read_bytes() == b'new' and os.listdir(tmp_path) == ['a.txt']
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask


@pytest.mark.parametrize('error', [OSError, KeyboardInterrupt])
def test_what_was_there_stays_if_it_cannot_be_written(tmp_path, error):
    path = tmp_path / 'a.txt'
    path.write_text('old')
    with pytest.raises(error), files.replacing(str(path)) as file:
        file.write(b'new')
        raise error
    assert path.read_text() == 'old' and os.listdir(tmp_path) == ['a.txt']


@pytest.mark.parametrize('name', ['a' * 251 + '.mp4', 'ü' * 125 + '.mp4'])
def test_names_as_long_as_they_may_be(tmp_path, name):
    temporary = files.reserve_file(str(tmp_path / name), '.tmp.mp4')
    assert temporary.endswith('.tmp.mp4')
    files.move_new(temporary, str(tmp_path / name))
    assert os.listdir(tmp_path) == [name]
    part = next(files.part_names(str(tmp_path / name)))
    Path(part).touch()
    assert part.endswith('.part.mp4')


def test_names_where_the_system_has_ascii_alone(tmp_path):
    """Other names then contain bytes that Python cannot decode."""
    name = 'é漢.mp4'
    code = 'import sys\nfrom dksan_mm.io import files\n' \
        'print(ascii(files.reserve_file(sys.argv[1], ".tmp.mp4")))'
    done = subprocess.run([sys.executable, '-c', code, tmp_path / name],
                          env=dict(
                              os.environ,
                              LC_ALL='C',
                              PYTHONUTF8='0',
                              PYTHONCOERCECLOCALE='0',
                              PYTHONPATH=str(ROOT)),
                          capture_output=True,
                          text=True,
                          timeout=60)
    assert done.returncode == 0, done.stderr
    [temporary] = os.listdir(tmp_path)
    assert temporary.startswith(f'.{name}.')
    assert ascii(os.fsencode(temporary))[2:-1].replace('\\x', '\\udc') in \
        done.stdout


def test_temporary_names_are_never_those_of_other_files(tmp_path, monkeypatch):
    tokens = iter(['00000000', '00000000', '11111111'])
    monkeypatch.setattr(files.secrets, 'token_hex', lambda _: next(tokens))
    first = files.reserve_file(str(tmp_path / 'a.png'), '.png')
    Path(first).write_text('mine')
    assert files.reserve_file(str(tmp_path / 'a.png'), '.png') != first
    assert Path(first).read_text() == 'mine'


@pytest.mark.parametrize('can_link', [True, False])
def test_a_moved_file_replaces_nothing(tmp_path, can_link, monkeypatch):

    def refuse(*_, **__):
        raise PermissionError(errno.EPERM, 'no links here')

    if not can_link:
        monkeypatch.setattr(files.os, 'link', refuse)
    new, there = tmp_path / 'new', tmp_path / 'there'
    new.write_text('new')
    there.symlink_to('nothing')  # a name is taken by a broken link too
    with pytest.raises(FileExistsError):
        files.move_new(str(new), str(there))
    assert there.is_symlink() and new.read_text() == 'new'
    there.unlink()
    files.move_new(str(new), str(there))
    assert there.read_text() == 'new' and os.listdir(tmp_path) == ['there']


def test_a_moved_folder_replaces_nothing(tmp_path):
    new, there = tmp_path / 'new', tmp_path / 'there'
    for folder in (new, there):
        folder.mkdir()
    (there / 'mine').touch()
    with pytest.raises(FileExistsError):
        files.move_new(str(new), str(there))
    assert os.listdir(there) == ['mine'] and new.is_dir()


def test_part_names(tmp_path):
    for name, expected in [('a.mp4', ['a.part.mp4', 'a.part-2.mp4']),
                           ('a', ['a.part', 'a.part-2']),
                           ('a.b c', ['a.b c.part', 'a.b c.part-2'])]:
        found = list(islice(files.part_names(str(tmp_path / name)), 2))
        assert found == [str(tmp_path / name) for name in expected]
    (tmp_path / 'a.part.mp4').write_text('mine')
    (tmp_path / 'x').touch()
    path = files.move_to_free_name(
        str(tmp_path / 'x'), files.part_names(str(tmp_path / 'a.mp4')))
    assert path == str(tmp_path / 'a.part-2.mp4')
    assert (tmp_path / 'a.part.mp4').read_text() == 'mine'


def test_leftovers_are_what_no_run_is_writing(tmp_path):
    path = str(tmp_path / 'a.pth')
    left = tmp_path / f'.a.pth.00ff00ff{files.END}'
    for name in (left.name, f'.b.pth.00ff00ff{files.END}',
                 '.a.pth.00ff00ff.tmp', f'.a.pth.mine{files.END}'):
        (tmp_path / name).touch()
    with files.replacing(path):
        assert len(os.listdir(tmp_path)) == 5
        assert files.find_leftovers(str(tmp_path), r'a\.pth') == [str(left)]
        files.remove_leftovers(str(tmp_path), r'a\.pth')
        assert len(os.listdir(tmp_path)) == 4 and not left.exists()
    assert Path(path).exists()


@pytest.mark.parametrize('path', ['/dev/null', '/dev/stdout', '/dev/fd/1'])
def test_links_of_the_system_are_special(path):
    assert files.is_special(path)


def test_files_folders_and_what_is_not_there_are_not_special(tmp_path):
    (tmp_path / 'a').touch()
    (tmp_path / 'link').symlink_to('a')
    for name in ('a', 'link', 'none', '.'):
        assert not files.is_special(str(tmp_path / name))
    os.mkfifo(tmp_path / 'pipe')
    assert files.is_special(str(tmp_path / 'pipe'))
