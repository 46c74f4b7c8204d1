# Copyright (c) DKSAN-MM contributors.
"""GIF, animated PNG and WebP: their frames, times and transparent pixels."""
import re
import struct

import numpy as np
import pytest
from helpers.animated_files import random_frames, write_apng
from PIL import Image

from dksan_mm.io.video.animations import is_animated_png
from dksan_mm.io.video.readers import Images, open_source
from dksan_mm.prepare.sources import Clip, iter_frames


def to_rgba(image):
    image = image / np.iinfo(image.dtype).max
    color = image[..., :3] if image.shape[2] > 2 else image[..., :1].repeat(
        3, 2)
    opaque = np.ones(image.shape[:2] + (1, ))
    alpha = image[..., -1:] if image.shape[2] in (2, 4) else opaque
    return np.concatenate([color, alpha], -1)


def compose(frames, size):
    """Compose frames by APNG's specification, over black, 0 to 255."""
    canvas, shown = np.zeros((*size, 4)), []
    for image, x, y, _, _, dispose, blend in frames:
        before = canvas.copy()
        h, w = image.shape[:2]
        place = canvas[y:y + h, x:x + w]
        new = to_rgba(image)
        if blend:
            above, below = new[..., 3:], place[..., 3:] * (1 - new[..., 3:])
            alpha = above + below
            color = new[..., :3] * above + place[..., :3] * below
            color = np.divide(
                color, alpha, out=np.zeros_like(color), where=alpha > 0)
            new = np.concatenate([color, alpha], -1)
        canvas[y:y + h, x:x + w] = new
        shown.append(255 * canvas[..., :3] * canvas[..., 3:])
        if dispose == 1:
            canvas[y:y + h, x:x + w] = 0
        elif dispose == 2:
            canvas = before
    return shown


TIMES = [0, 100, 300, 700, 950, 1050]  # ms; no duration means 100


def check(source, wanted, times, apart=1.0):
    frames = list(source)
    assert len(frames) == len(wanted) and source.complaints == []
    for frame, image in zip(frames, wanted):
        assert np.abs(frame.image - image).max() <= apart
    stamps = [1000 * frame.pts * source.time_base for frame in frames]
    assert stamps == times


@pytest.mark.parametrize('has_default', [False, True])
@pytest.mark.parametrize('kind', [np.uint8, np.uint16])
@pytest.mark.parametrize('channels', [1, 2, 3, 4])
def test_apng(tmp_path, channels, kind, has_default):
    frames = random_frames(channels, kind)
    default = np.zeros_like(frames[0][0]) if has_default else None
    path = write_apng(tmp_path / 'a.png', frames, default)
    wanted = compose(frames, (16, 24))
    source = open_source(path)
    assert source.num_frames == 6
    # FFmpeg blends in 8 bits, and rounds each time.
    rounds = kind is np.uint8 and channels in (2, 4)
    check(source, wanted, TIMES, 2 if rounds else 0.51)
    assert len(source.notes) == (channels in (2, 4))
    prepared = [load() for _, load in iter_frames(Clip('c', '', str(path)))]
    np.testing.assert_array_equal([image[..., ::-1] for image in prepared],
                                  [frame.image for frame in open_source(path)])


def test_an_apng_where_one_image_is_wanted(tmp_path):
    frames = random_frames(3, np.uint8)
    default = np.full_like(frames[0][0], 77)
    path = write_apng(tmp_path / 'a.png', frames, default)
    source = open_source(path, animate=False)
    [frame] = source
    assert isinstance(source, Images)
    np.testing.assert_array_equal(frame.image, default)
    assert source.notes == [
        f'{path} is animated: the output is its first image; name a video or '
        'a folder'
    ]


def test_which_pngs_are_animated(tmp_path):
    frames = random_frames(3, np.uint8)
    assert is_animated_png(write_apng(tmp_path / 'a.png', frames))
    assert not is_animated_png(write_apng(tmp_path / 'b.png', frames[:1]))
    Image.fromarray(frames[0][0]).save(tmp_path / 'c.png')
    (tmp_path / 'd.png').write_bytes(b'\x89PNG\r\n\x1a\n\0\0')
    for name in ('b', 'c', 'd', 'nothing'):
        path = tmp_path / f'{name}.png'
        assert not is_animated_png(path)
        if name in 'bc':
            assert isinstance(open_source(path), Images)


def test_a_deep_apng_that_is_damaged(tmp_path):
    frames = random_frames(4, np.uint16)
    path = write_apng(tmp_path / 'a.png', frames)
    content = path.read_bytes()
    path.write_bytes(content[:content.rindex(b'fdAT') + 20])
    source = open_source(path)
    assert len(list(source)) == 5
    assert source.complaints == [f'{path}: frame 5 is damaged']
    with pytest.raises(ValueError, match='a.png: frame 5 is damaged'):
        [load() for _, load in iter_frames(Clip('c', '', str(path)))]


def flat_images(count=4, mode='RGBA'):
    """Return images of few colours for a palette; alpha is 0 or full."""
    random = np.random.default_rng(3)
    images = random.integers(0, 4, (count, 24, 32, 4)).astype(np.uint8) * 85
    images[..., 3] = np.where(images[..., 3] > 80, 255, 0)
    images[0, 0, 0, 3] = 0
    return images if mode == 'RGBA' else images[..., :3].copy()


def save(path, images, durations, **kwargs):
    first, *others = (Image.fromarray(image) for image in images)
    first.save(
        path,
        save_all=True,
        append_images=others,
        duration=durations,
        loop=kwargs.pop('loop', 0),
        **kwargs)
    return path


@pytest.mark.parametrize('loop', [0, 3])
@pytest.mark.parametrize('suffix, kwargs', [
    ('gif', dict(disposal=2)),
    ('webp', dict(lossless=True)),
    ('webp', dict(lossless=True, minimize_size=True)),
])
def test_gif_and_webp(tmp_path, suffix, kwargs, loop):
    images, durations = flat_images(), [50, 130, 20, 2000]
    path = save(
        tmp_path / f'a.{suffix}', images, durations, loop=loop, **kwargs)
    wanted = images[..., :3] * (images[..., 3:] / 255)
    source = open_source(path)
    assert source.num_frames == 4
    check(source, wanted, [0, 50, 180, 200], 0)
    assert source.notes == [
        f'{path} has transparent pixels: they are shown over black'
    ]
    [*_, last] = open_source(path)
    assert last.duration * source.time_base == 2


@pytest.mark.parametrize('suffix', ['gif', 'webp'])
def test_opaque_ones(tmp_path, suffix):
    images = flat_images(mode='RGB')
    path = save(
        tmp_path / f'a.{suffix}', images, [0, 40, 40, 40], lossless=True)
    source = open_source(path)
    check(source, images, [0, 100, 140, 180], 0)
    assert source.notes == []


def test_translucent_webp(tmp_path):
    images = np.random.default_rng(0).integers(
        0, 256, (3, 16, 16, 4), dtype=np.uint8)
    path = save(tmp_path / 'a.webp', images, 40, lossless=True, exact=True)
    wanted = images[..., :3] * (images[..., 3:] / 255)
    check(open_source(path), wanted, [0, 40, 80], 0.51)


def test_a_still_webp_is_one_frame(tmp_path):
    image = flat_images(mode='RGB')[0]
    Image.fromarray(image).save(tmp_path / 'a.webp', lossless=True)
    [frame] = open_source(tmp_path / 'a.webp')
    np.testing.assert_array_equal(frame.image, image)


@pytest.mark.parametrize('keep', [12, 20, 60])
def test_a_webp_of_which_no_frame_is_left(tmp_path, keep):
    images = flat_images(mode='RGB')
    path = save(tmp_path / 'a.webp', images, 40, lossless=True)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(
            ValueError,
            match='a.webp: not a (WebP file that can|readable image)'):
        list(open_source(path))


def test_a_deep_apng_that_ends_within_a_control_chunk(tmp_path):
    path = write_apng(tmp_path / 'a.png', random_frames(4, np.uint16))
    content = path.read_bytes()
    path.write_bytes(content[:content.rindex(b'fcTL') + 20])
    source = open_source(path)
    assert len(list(source)) == 5
    assert source.complaints == [f'{path}: cut short, it has 5 of 6 frames']


@pytest.mark.parametrize('suffix, said', [
    ('gif', 'cut short in or after frame 4'),
    ('png', 'cut short, it has [34] of 6 frames'),
    ('webp', 'cut short after frame 3'),
])
@pytest.mark.parametrize('part', [0.75, 0.81])
def test_what_is_there_of_an_animation_that_was_cut_short(
        tmp_path, suffix, said, part):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (6, 40, 60, 3), dtype=np.uint8)
    path = save(tmp_path / f'a.{suffix}', images, 40, lossless=True)
    whole = [frame.image for frame in open_source(path)]
    content = path.read_bytes()
    path.write_bytes(content[:int(len(content) * part)])
    source = open_source(path)
    frames = [frame.image for frame in source]
    assert len(frames) in (4, 5)
    np.testing.assert_array_equal(frames[:4], whole[:4])
    assert re.search(f'a.{suffix}: {said}', source.complaints[-1])
    with pytest.raises(ValueError, match=f'a.{suffix}: '):
        [load() for _, load in iter_frames(Clip('c', '', str(path)))]


def test_a_damaged_size_is_refused(tmp_path):
    path = write_apng(tmp_path / 'a.png', random_frames(4, np.uint16))
    content = bytearray(path.read_bytes())
    content[16:24] = struct.pack('>II', 30000, 30000)
    path.write_bytes(content)
    with pytest.raises(ValueError, match='a.png: too large, 30000x30000'):
        list(open_source(path))


@pytest.mark.parametrize('suffix', ['.gif', '.png', '.webp'])
@pytest.mark.parametrize(
    'stem', ['x%03d', 'x%d', '*', 'q?#', '[1]', 'a:b', '100%', '\udcff'])
def test_names_that_look_like_patterns(tmp_path, stem, suffix):
    """The pattern also matches another file."""
    pictures = [Image.new('RGB', (8, 8), (40 * n, 0, 0)) for n in range(4)]
    Image.new('RGB', (8, 8), 'white').save(tmp_path / f'x001{suffix}')
    path = f'{tmp_path}/{stem}{suffix}'
    with open(path, 'wb') as file:
        pictures[0].save(
            file,
            dict(gif='GIF', png='PNG', webp='WEBP')[suffix[1:]],
            save_all=True,
            append_images=pictures[1:],
            duration=50)
    source = open_source(path)
    found = [frame.image[0, 0, 0] for frame in source]
    np.testing.assert_allclose(found, [0, 40, 80, 120], atol=3)
    assert source.complaints == []
    prepared = [load() for _, load in iter_frames(Clip('c', 'train', path))]
    assert len(prepared) == 4
