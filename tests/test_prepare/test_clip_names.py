# Copyright (c) DKSAN-MM contributors.
import pytest

from dksan_mm.prepare.clip_names import (check_name, guess_layout,
                                         joined_clips, split_of_number)
from dksan_mm.prepare.sources import Clip


def numbered(folder, names, digits):
    for name in names:
        (folder / name).mkdir()
        (folder / name / f'{1:0{digits}d}.png').touch()
    return [Clip(name, '', str(folder / name)) for name in names]


@pytest.mark.parametrize('names, digits, layout', [
    (['050', '059'], 4, 'intvid'),
    (['050', '060'], 4, 'videos'),
    (['049', '081'], 6, 'vid3oc'),
    (['049', '082'], 6, 'videos'),
    (['050', '081'], 6, 'videos'),
    (['049', 'a'], 6, 'videos'),
    ([], 6, 'videos'),
])
def test_layouts_are_guessed_by_numbers(tmp_path, names, digits, layout):
    assert guess_layout(numbered(tmp_path, names, digits)) == layout


def test_a_video_file_has_no_frame_numbers(tmp_path):
    (tmp_path / '050.mp4').touch()
    clip = Clip('050', '', str(tmp_path / '050.mp4'))
    assert guess_layout([clip]) == 'videos'


@pytest.mark.parametrize('name, split', [('000', 'train'), ('049', 'train'),
                                         ('050', 'val'), ('065', 'val'),
                                         ('066', 'test'), ('081', 'test')])
def test_splits_of_numbers(name, split):
    assert split_of_number(Clip(name, '', 'x')) == split


@pytest.mark.parametrize('name', ['50', 'a50', '0500'])
def test_other_names_have_no_split(name):
    with pytest.raises(ValueError, match=f"three digits, not '{name}'"):
        split_of_number(Clip(name, '', 'x'))


def test_frames_of_several_clips_in_a_folder():
    found = joined_clips('f', ['050_1.png', '051_1.PNG', '050_2.png'], 'val')
    assert found == {
        '050': Clip('050', 'val', 'f', prefix='050_'),
        '051': Clip('051', 'val', 'f', prefix='051_')
    }


@pytest.mark.parametrize(
    'images',
    [['050_1.png', '050_2.png'], ['050_1.png', '051_1.png', 'a.png'], []])
def test_frames_of_one_clip_in_a_folder(images):
    assert joined_clips('f', images, 'val') == {}


def test_names_that_clips_cannot_have():
    taken = {'a': Clip('a', '', 'there')}
    check_name(Clip('b', '', 'x'), taken)
    with pytest.raises(ValueError, match='the same clip name as there'):
        check_name(Clip('a', '', 'x'), taken)
    with pytest.raises(ValueError, match='rename it'):
        check_name(Clip('a\tb', '', 'a\tb'), taken)
