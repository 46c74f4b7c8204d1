# Copyright (c) DKSAN-MM contributors.
import errno
import os
import os.path as osp
from fractions import Fraction

import numpy as np
import pytest
from helpers.films import upscale
from helpers.video_files import make_video, moving, read_video

from dksan_mm.io.video.base import Frame, Source
from dksan_mm.io.video.readers import open_source
from dksan_mm.io.video.writers import open_writer


class Given(Source):
    """Source of frames with given sizes; an error in their place ends it."""

    def __init__(self, *items):
        super().__init__('v', Fraction(25), len(items))
        self.items = items

    def _read(self):
        for number, item in enumerate(self.items):
            if isinstance(item, Exception):
                raise item
            yield Frame(np.zeros((*item, 3), np.uint8), number, 1)


@pytest.mark.parametrize('last, complaint', [
    ((6, 4), 'v: frame 2 is 4x6, the frames before it are 8x6'),
    (ValueError('v: damaged'), 'v: damaged'),
    (OSError(errno.EIO, 'read error', 'v/2.png'), 'v/2.png: read error'),
])
def test_the_frames_before_an_error_are_used(last, complaint):
    source = Given((6, 8), (6, 8), last, (6, 8))
    assert [frame.pts for frame in source] == [0, 1]
    assert source.complaints == [complaint]


@pytest.mark.parametrize('error', [ValueError('v: damaged'), OSError('gone')])
def test_an_error_before_the_first_frame_is_raised(error):
    source = Given(error)
    with pytest.raises(type(error), match=str(error)):
        list(source)
    assert source.complaints == []


@pytest.mark.parametrize('target', ['big.mp4', 'big', 'big.png'])
def test_the_target_appears_when_it_is_finished(tmp_path, target):
    path = make_video(tmp_path / 'v.mkv', moving(1))
    source, target = open_source(path), tmp_path / target
    writer = open_writer(target, source)
    for frame in source:
        writer.write(frame.image, frame.pts, frame.duration)
    assert not target.exists()
    writer.close(whole=True)
    assert {p.name for p in tmp_path.iterdir()} == {'v.mkv', target.name}


def test_an_unfinished_video_plays_under_its_other_name(tmp_path):
    path = make_video(tmp_path / 'v.mkv', moving(5), audio='aac')
    upscale(path, tmp_path / 'big.mp4', whole=False)
    assert len(read_video(tmp_path / 'big.part.mp4')) == 5
    assert sorted(os.listdir(tmp_path)) == ['big.part.mp4', 'v.mkv']


@pytest.mark.parametrize('overwrite', [False, True])
@pytest.mark.parametrize('name', ['big.mp4', 'big'])
def test_frames_are_kept_when_they_cannot_be_moved(tmp_path, monkeypatch, name,
                                                   overwrite):
    path = make_video(tmp_path / 'v.mkv', moving(1))
    target = tmp_path / name
    if name == 'big':
        target.mkdir()
    elif overwrite:
        target.write_text('old')

    def failing(function):

        def move(old, new, **kwargs):
            if 'big' in (osp.basename(old)[:3], osp.basename(new)[:3]):
                raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
            function(old, new, **kwargs)

        return move

    before = target.read_text() if target.is_file() else None
    for name_of in ('link', 'replace', 'rename'):
        monkeypatch.setattr(os, name_of, failing(getattr(os, name_of)))
    with pytest.raises(
            OSError, match='Device or resource busy.*frames are '
            'in ') as error:
        upscale(path, target, overwrite=overwrite)
    [kept] = tmp_path.glob('.big*')
    assert str(error.value).endswith(str(kept))
    if name == 'big':
        assert [p.name for p in kept.iterdir()] == ['000000.png']
        assert target.is_dir()
    else:
        assert len(read_video(kept)) == 1
        assert (target.read_text() if before else None) == before
