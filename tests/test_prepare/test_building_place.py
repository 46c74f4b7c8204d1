# Copyright (c) DKSAN-MM contributors.
import pytest

from dksan_mm.io.files import END
from dksan_mm.prepare.building_place import (SOURCE_FILE, is_ours,
                                             remove_leftovers, remove_ours)

TEMPORARY = f'.000001.png.0123abcd{END}'


@pytest.mark.parametrize('name, ours', [
    ('000000.png', True),
    ('1234567.png', True),
    (SOURCE_FILE, True),
    (TEMPORARY, True),
    ('00000.png', False),
    ('000000.jpg', False),
    ('notes.txt', False),
])
def test_names_of_our_files(name, ours):
    assert is_ours(name) == ours


def test_only_our_files_and_empty_folders_are_removed(tmp_path):
    place = tmp_path / 'place'
    for name in ('HR/000000.png', 'LR/000000.png', 'LR/mine.txt', SOURCE_FILE):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text('x')
    remove_ours(str(place))
    left = [path for path in place.rglob('*') if path.is_file()]
    assert left == [place / 'LR/mine.txt']
    assert not (place / 'HR').exists()
    (place / 'LR/mine.txt').unlink()
    remove_ours(str(place))
    assert not place.exists()


def test_leftovers_are_half_written_files_alone(tmp_path):
    for name in (TEMPORARY, '000000.png', 'mine.txt'):
        (tmp_path / name).write_text('x')
    remove_leftovers(str(tmp_path))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ['000000.png', 'mine.txt']
