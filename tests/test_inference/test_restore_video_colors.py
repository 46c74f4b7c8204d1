# Copyright (c) DKSAN-MM contributors.
"""Colours of a source and an upscaled video, each read by its own tags."""
import av
import numpy as np
import pytest
from helpers.color_frames import (decode, encode, make_frame, patches,
                                  write_frames)
from helpers.interlaced_files import write_interlaced
from helpers.video_files import make_video, moving, read_video

from dksan_mm.apis import restore_video

SIDE = 32  # of a patch, LR pixels


def first_frame(path):
    """Return its stored planes at the patches' centres, and its tags."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    planes = []
    for plane in frame.planes:
        rows = np.frombuffer(plane, np.uint8).reshape(plane.height, -1)
        rows = rows[:, :plane.width]
        h, w = rows.shape[0] // 4, rows.shape[1] // 8
        planes.append(rows[h // 2::h, w // 2::w])
    return planes, frame


def write(path, matrix, codec='ffv1', bits=8, **tags):
    planes = encode(patches(5), matrix, False, bits)
    name = 'yuv420p' if bits == 8 else 'yuv420p10le'
    frame = make_frame(
        name, planes, SIDE, colorspace=matrix, color_range=1, **tags)
    return planes, write_frames(path, [frame], codec)


@pytest.mark.parametrize('tags, kept', [
    ((1, 1, 1), (1, 1, 1)),
    ((6, 6, 6), (6, 6, 6)),
    ((5, 5, 5), (6, 5, 5)),
    ((7, 7, 7), (6, 7, 7)),
    ((1, 12, 13), (1, 12, 13)),
    ((4, 4, 4), (6, 4, 4)),
    ((1, 11, 17), (1, 11, 17)),
    ((6, 2, 2), (1, 1, 1)),
])
def test_tags_and_colours_are_the_source_s(bicubic, tmp_path, tags, kept):
    """With equal primaries and transfer, equal RGB is an equal colour."""
    matrix, primaries, transfer = tags
    planes, path = write(
        tmp_path / 'v.mkv',
        matrix,
        color_primaries=primaries,
        color_trc=transfer)
    report = restore_video(bicubic, path, tmp_path / 'o.mp4', crf=0)
    written, frame = first_frame(report.path)
    assert (frame.colorspace, frame.color_primaries, frame.color_trc) == kept
    assert frame.color_range == 1 and report.notes == []
    shown = decode(written, frame.colorspace, False, 8)
    wanted = decode(planes, matrix, False, 8)
    assert np.abs(shown - wanted).max() <= 2.5  # 8 bits, rounded twice
    assert np.abs(shown[0] - wanted[0]).max() <= 1.01  # greys
    np.testing.assert_allclose(shown[0, -1], 255)


@pytest.mark.parametrize('tags', [(9, 9, 14), (9, 9, 16), (9, 9, 18),
                                  (1, 22, 1)])
def test_hdr_and_what_h264_cannot_have_become_bt709(bicubic, tmp_path, tags):
    matrix, primaries, transfer = tags
    _, path = write(
        tmp_path / 'v.mkv',
        matrix,
        bits=10,
        color_primaries=primaries,
        color_trc=transfer)
    report = restore_video(bicubic, path, tmp_path / 'o.mkv', crf=0)
    written, frame = first_frame(report.path)
    assert (frame.colorspace, frame.color_primaries, frame.color_trc,
            frame.color_range) == (1, 1, 1, 1)
    [note] = report.notes
    assert 'BT.709' in note and report.complaints == []
    grey = decode(written, 1, False, 8)[0]
    assert (np.diff(grey[:5, 0]) > 5).all()
    assert np.abs(grey - grey[:, :1]).max() <= 1
    restore_video(bicubic, path, tmp_path / 'folder')
    [(_, image)] = read_video(tmp_path / 'folder' / '000000.png')
    h, w = image.shape[0] // 4, image.shape[1] // 8
    picture = image[h // 2::h, w // 2::w]
    shown = decode(written, 1, False, 8)
    assert np.abs(picture - shown).max() <= 2.5  # the same colours


def test_an_untagged_rgb_source_is_bt709(bicubic, tmp_path):
    path = make_video(tmp_path / 'v.mkv', moving(1))
    report = restore_video(bicubic, path, tmp_path / 'o.mp4')
    _, frame = first_frame(report.path)
    assert (frame.colorspace, frame.color_primaries, frame.color_trc) == (1, 1,
                                                                          1)


def test_deinterlacing_can_be_left_out(bicubic, tmp_path):
    path = write_interlaced(tmp_path / 'v.mkv', count=2)
    plain = restore_video(bicubic, path, tmp_path / 'a.mkv', deinterlace=False)
    whole = restore_video(bicubic, path, tmp_path / 'b.mkv')
    assert plain.notes == [f'{path} is interlaced: it is not deinterlaced']
    assert whole.notes == [f'{path} is interlaced: it is deinterlaced']
    first, second = (
        read_video(r.path)[0][1].astype(int) for r in (plain, whole))
    assert np.abs(first - second).max() > 20
