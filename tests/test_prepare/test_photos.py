# Copyright (c) DKSAN-MM contributors.
"""Each photograph of a folder is a clip."""
from dksan_mm.prepare.photos import find_photos
from dksan_mm.prepare.sources import Clip


def test_photographs_are_named_as_their_files(tmp_path):
    for name in ('b.JPG', 'a.png', 'b.tif', '.hidden.png'):
        (tmp_path / name).touch()
    clips, notes = find_photos(str(tmp_path), 'train')
    assert notes == [] and clips == [
        Clip(name, 'train', str(tmp_path / file), is_photo=True)
        for name, file in (('a', 'a.png'), ('b.JPG', 'b.JPG'),
                           ('b.tif', 'b.tif'))
    ]
    assert not any(clip.is_video for clip in clips)


def test_one_image_is_one_clip(tmp_path):
    path = tmp_path / 'a.png'
    path.touch()
    assert find_photos(str(path),
                       'val') == ([Clip('a', 'val', str(path),
                                        is_photo=True)], [])


def test_what_is_no_photograph_is_named(tmp_path):
    for name in ('a.png', 'v.mp4', 'notes.txt'):
        (tmp_path / name).touch()
    (tmp_path / 'folder').mkdir()
    clips, [note] = find_photos(str(tmp_path), 'train')
    assert [clip.name for clip in clips] == ['a']
    for name in ('v.mp4', 'notes.txt', 'folder'):
        assert name in note


def test_without_a_photograph_there_is_nothing_to_say(tmp_path):
    (tmp_path / 'v.mp4').touch()
    assert find_photos(str(tmp_path), 'train') == ([], [])
    assert find_photos(str(tmp_path / 'v.mp4'), 'train') == ([], [])
