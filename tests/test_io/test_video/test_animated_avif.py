# Copyright (c) DKSAN-MM contributors.
"""Animated AVIF files are videos, as other animated images are."""
import numpy as np
import pytest
from helpers.image_files import SRGB
from helpers.video_files import moving
from PIL import Image

from dksan_mm.io.video.animated_avif import Avif
from dksan_mm.io.video.readers import open_source

TIMES, DURATIONS = [0, 50, 180], [50, 130, 2000]


def save(path, images, **kwargs):
    first, *others = map(Image.fromarray, images)
    first.save(
        path,
        save_all=True,
        append_images=others,
        duration=DURATIONS,
        quality=100,
        subsampling='4:4:4',
        **kwargs)
    return path


def check(source, wanted, tolerance):
    frames = list(source)
    assert [round(1000 * frame.pts * source.time_base)
            for frame in frames] == TIMES
    assert frames[-1].duration * source.time_base == 2
    for frame, image in zip(frames, wanted):
        difference = np.abs(frame.image - np.asarray(image, float))
        assert difference.max() <= tolerance


def test_all_frames_and_their_times(tmp_path):
    images = moving(3, (24, 32))
    source = open_source(save(tmp_path / 'a.avif', images))
    assert source.num_frames == 3
    check(source, images, 4)
    assert source.notes == source.complaints == []


def test_transparent_pixels_are_shown_over_black(tmp_path):
    alpha = np.full((24, 32, 1), 255, np.uint8)
    alpha[:, :16] = 128
    images = [np.dstack([image, alpha]) for image in moving(3, (24, 32))]
    path = save(tmp_path / 'a.avif', images)
    source = open_source(path)
    check(source, [i[..., :3] * (i[..., 3:] / 255) for i in images], 4)
    assert source.notes == [
        f'{path} has transparent pixels: they are shown over black'
    ]


@pytest.mark.parametrize(
    'profile, said', [(SRGB, False),
                      (SRGB.replace(b'\0s\0R\0G\0B', b'\0W\0i\0d\0e'), True)])
def test_profiles_are_named(tmp_path, profile, said):
    path = save(tmp_path / 'a.avif', moving(3, (24, 32)), icc_profile=profile)
    source = open_source(path)
    assert len(list(source)) == 3
    assert ('its colour profile is not applied'
            in ''.join(source.notes)) == said


def test_hdr_is_named(tmp_path):
    path = save(tmp_path / 'a.avif', moving(3, (24, 32)))
    content = path.read_bytes()
    place = content.index(b'colrnclx') + 8
    path.write_bytes(content[:place] + b'\0\x09\0\x10' + content[place + 4:])
    assert Avif(str(path)).notes == [
        f'{path}: its HDR colours (cICP) are read as sRGB'
    ]


def test_one_image_is_the_first(tmp_path):
    path = save(tmp_path / 'a.avif', moving(3, (24, 32)))
    source = open_source(path, animate=False)
    assert len(list(source)) == 1
    assert f'{path} is animated' in source.notes[0]


def test_damaged_files_are_named(tmp_path):
    path = save(tmp_path / 'a.avif', moving(3, (24, 32)))
    content = path.read_bytes()
    path.write_bytes(content[:-100] + b'\xff' * 100)
    source = open_source(path)
    assert len(list(source)) == 2
    [complaint] = source.complaints
    assert complaint.startswith(f'{path}: cannot be decoded from frame 2 on')
    for size in (100, len(content) - 200):
        path.write_bytes(content[:size])
        with pytest.raises(ValueError, match='a.avif: not an AVIF file that'):
            list(open_source(path))
