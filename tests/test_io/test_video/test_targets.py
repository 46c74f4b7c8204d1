# Copyright (c) DKSAN-MM contributors.
import os

import pytest

from dksan_mm.io.video.targets import (check_apart, check_frame_size,
                                       check_target)


def test_targets_that_are_refused(tmp_path):
    (tmp_path / 'there.mp4').touch()
    (tmp_path / 'mine').mkdir()
    (tmp_path / 'mine' / 'thesis.txt').touch()
    (tmp_path / 'folder.mp4').mkdir()
    (tmp_path / 'plain').touch()
    (tmp_path / 'link').symlink_to('nowhere')
    for name, overwrite, match in [
        ('there.mp4', False, 'there.mp4 exists; use --overwrite'),
        ('mine', False, 'mine exists; use --overwrite'),
        ('mine', True, 'is not replaced: it holds thesis.txt'),
        ('folder.mp4', True, 'is a folder'),
        ('plain', True, 'plain is not a folder'),
        ('link', True, 'link is not a folder'),
    ]:
        with pytest.raises(FileExistsError, match=match):
            check_target(tmp_path / name, overwrite=overwrite)
    for name in ('a.webm', 'a.jpg', 'a.gif'):
        with pytest.raises(ValueError, match='the output is a video'):
            check_target(tmp_path / name)
    with pytest.raises(FileNotFoundError, match='no folder .*nowhere to'):
        check_target(tmp_path / 'nowhere' / 'a.mp4')


def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path, monkeypatch):
    """The superuser, who may run the tests, can write everywhere."""
    access = os.access
    monkeypatch.setattr(
        os, 'access',
        lambda path, mode: not mode & os.W_OK and access(path, mode))
    with pytest.raises(PermissionError, match=f'{tmp_path} cannot be written'):
        check_target(tmp_path / 'a.mp4')
    monkeypatch.undo()
    check_target(tmp_path / 'a.mp4')


def test_frames_that_are_links_are_not_replaced(tmp_path):
    (tmp_path / 'links').mkdir()
    (tmp_path / '0.png').touch()
    link = tmp_path / 'links' / '000000.png'
    link.symlink_to('../0.png')
    for target in ('links', 'links/000000.png', '0.png'):
        with pytest.raises(ValueError, match='would replace the input'):
            check_apart([str(link)], tmp_path / target)


def test_a_disk_is_not_replaced():
    with pytest.raises(ValueError, match='/proc is the root of a disk'):
        check_target('/proc', overwrite=True)


def test_targets_that_are_fine(tmp_path):
    (tmp_path / 'there.mp4').touch()
    (tmp_path / 'empty').mkdir()
    check_target(tmp_path / 'there.mp4', overwrite=True)
    for name in ('a.mp4', 'a.MKV', 'a.png', 'a', 'a.1', 'empty'):
        check_target(tmp_path / name)


def test_sizes_that_a_video_holds():
    for path in ('a.mp4', 'a.MKV'):
        check_frame_size(path, 2, 16384)
        for size in ((16386, 2), (2, 16386)):
            with pytest.raises(
                    ValueError, match=f'{path}: H.264 supports at most 16'):
                check_frame_size(path, *size)
        for size in ((3, 4), (4, 3)):
            with pytest.raises(ValueError, match=f'{path}: .* even numbers'):
                check_frame_size(path, *size)
    for path in ('a.png', 'folder'):
        check_frame_size(path, 16387, 3)


def test_names_that_are_no_target():
    with pytest.raises(ValueError, match='the output has no name'):
        check_target('')
    with pytest.raises(ValueError, match='-: the standard output'):
        check_target('-')
