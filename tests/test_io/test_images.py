# Copyright (c) DKSAN-MM contributors.
"""Image files are written completely or not at all."""
import os
import zlib

import cv2
import numpy as np
import pytest

from dksan_mm.io import images
from dksan_mm.io.images import (decode_image, encode_plain_png, file_crc32,
                                is_image, read_image, sync_folder, write_bytes,
                                write_png)
from dksan_mm.utils.errors import UserError

IMAGE = np.random.default_rng(0).integers(0, 256, (6, 5, 3), np.uint8)


def test_pixels_come_back_as_they_were(tmp_path):
    path = tmp_path / 'é.png'
    write_png(str(path), IMAGE)
    np.testing.assert_array_equal(read_image(str(path)), IMAGE)
    np.testing.assert_array_equal(decode_image(path.read_bytes(), 'x'), IMAGE)
    write_png(str(path), IMAGE[::-1])  # replaces it
    np.testing.assert_array_equal(read_image(str(path)), IMAGE[::-1])
    assert os.listdir(tmp_path) == ['é.png']


@pytest.mark.parametrize('size', [(6, 5), (1, 1), (40, 1)])
def test_a_png_without_opencv_holds_the_same_pixels(size):
    image = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
    content = np.frombuffer(encode_plain_png(image), np.uint8)
    np.testing.assert_array_equal(
        cv2.imdecode(content, cv2.IMREAD_UNCHANGED), image)
    np.testing.assert_array_equal(decode_image(bytes(content), 'x'), image)


@pytest.mark.parametrize('missing, name', [('cv2', 'OpenCV'),
                                           ('PIL', 'Pillow')])
def test_without_its_packages_an_image_is_not_read(tmp_path, monkeypatch,
                                                   missing, name):
    path = str(tmp_path / 'a.png')
    find = images.find_spec
    monkeypatch.setattr(images, 'find_spec', lambda one: None
                        if one == missing else find(one))
    write_png(path, IMAGE)
    with pytest.raises(UserError, match=rf'a\.png: .* needs {name}.*images\]'):
        read_image(path)
    monkeypatch.undo()
    np.testing.assert_array_equal(read_image(path), IMAGE)


def test_grey_is_repeated_to_three_channels(tmp_path):
    path = str(tmp_path / 'grey.png')
    assert cv2.imwrite(path, IMAGE[..., 0])
    np.testing.assert_array_equal(
        read_image(path), IMAGE[..., :1].repeat(3, 2))


def test_a_damaged_image_is_none(tmp_path):
    path = tmp_path / 'a.png'
    assert not is_image(str(path))
    write_png(str(path), IMAGE)
    assert is_image(str(path))
    path.write_bytes(path.read_bytes()[:-20])
    assert not is_image(str(path))
    with pytest.raises(ValueError, match='a.png: not a readable image'):
        read_image(str(path))


@pytest.mark.parametrize('sync', [False, True])
def test_bytes_that_cannot_be_written_name_their_file(tmp_path, sync):
    path = str(tmp_path / 'missing' / 'a.txt')
    with pytest.raises(OSError) as error:
        write_bytes(path, b'new', sync=sync)
    assert error.value.filename == path
    assert os.listdir(tmp_path) == []


def test_a_file_is_replaced_or_stays(tmp_path, monkeypatch):
    path = tmp_path / 'a.txt'
    path.write_bytes(b'old')
    write_bytes(str(path), b'new', sync=True)
    assert path.read_bytes() == b'new'

    def full(handle):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(OSError, match=f'No space left.*{path}'):
        write_bytes(str(path), b'newer', sync=True)
    assert path.read_bytes() == b'new' and os.listdir(tmp_path) == ['a.txt']


def test_a_checksum_is_that_of_the_bytes(tmp_path):
    (tmp_path / 'a').write_bytes(b'a' * 5)
    assert file_crc32(str(tmp_path / 'a')) == f'{zlib.crc32(b"aaaaa"):08x}'


def test_a_folder_is_synced_with_all_of_its_files(tmp_path, monkeypatch):
    for name in 'ab':
        (tmp_path / name).touch()
    synced, fsync = [], os.fsync

    def note(handle):
        synced.append(os.readlink(f'/proc/self/fd/{handle}'))
        fsync(handle)

    monkeypatch.setattr(os, 'fsync', note)
    sync_folder(str(tmp_path))
    assert sorted(synced) == [
        str(tmp_path), *(f'{tmp_path}/{n}' for n in 'ab')
    ]
