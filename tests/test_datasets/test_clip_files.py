# Copyright (c) DKSAN-MM contributors.
import numpy as np
import pytest
from helpers.data_fixtures import write_frames

from dksan_mm.datasets.clip_files import find_stores, list_pairs
from dksan_mm.io.stores.stores import write_store

IMAGE = np.zeros((2, 3, 3), np.uint8)


@pytest.fixture
def folders(tmp_path):
    """Folders of LR and HR clips, in which 'a' has the frames 5 to 7."""
    for kind in ('LR', 'HR'):
        write_frames(tmp_path / kind / 'a', [IMAGE] * 3, first=5)
    return dict(img=f'{tmp_path}/LR', gt=f'{tmp_path}/HR')


def test_frames_of_lr_and_hr(folders):
    found = list_pairs(folders, 'a')
    assert found == {
        key: [f'{folder}/a/{number:06d}.png' for number in (5, 6, 7)]
        for key, folder in folders.items()
    }
    other_order = dict(reversed(folders.items()))
    assert list_pairs(other_order, 'a') == found


@pytest.mark.parametrize('gone, match', [
    ('LR/a/000007.png', 'HR/a/000007.png: no frame .*LR/a .2 LR.*3 HR'),
    ('HR/a/000005.png', 'LR/a/000005.png: no frame .*HR/a .3 LR.*2 HR'),
    ('HR/a/000006.png', 'HR/a.* 6 is missing'),
])
def test_frames_without_partner_are_named(folders, tmp_path, gone, match):
    (tmp_path / gone).unlink()
    with pytest.raises(ValueError, match=match):
        list_pairs(folders, 'a')


def test_the_number_of_frames_is_that_of_the_annotation(folders):
    assert list_pairs(folders, 'a', stated=3)
    with pytest.raises(ValueError, match='LR/a: 3 frames, my.txt says 4'):
        list_pairs(folders, 'a', stated=4, annotation='my.txt')


def test_two_frames_of_one_number_are_named(folders, tmp_path):
    (tmp_path / 'HR/a/06.png').touch()
    with pytest.raises(ValueError, match='06.png: same frame number'):
        list_pairs(folders, 'a')


def test_the_fastest_store_that_exists(folders):
    frames = list_pairs(folders, 'a')
    assert find_stores(folders, 'a', frames, 'auto') == {}
    with pytest.raises(FileNotFoundError, match='LR/a.npy: .*--store tiles'):
        find_stores(folders, 'a', frames, 'tiles')
    lr, hr = (f'{folder}/a' for folder in folders.values())
    write_store(lr, '.npy')
    write_store(hr, '.tiles')
    both = dict(img_store=f'{lr}.npy', gt_store=f'{hr}.tiles')
    assert find_stores(folders, 'a', frames, 'tiles') == both
    with pytest.raises(FileNotFoundError, match='HR/a.npy: .*--store array'):
        find_stores(folders, 'a', frames, 'array')
    write_store(hr, '.npy')
    both['gt_store'] = f'{hr}.npy'
    assert find_stores(folders, 'a', frames, 'auto') == both


def test_a_store_of_other_frames_is_named(folders):
    frames = list_pairs(folders, 'a')
    path = f'{folders["gt"]}/a.npy'
    write_store(path[:-4], '.npy')
    fewer = {key: paths[:2] for key, paths in frames.items()}
    with pytest.raises(ValueError, match='HR/a.npy: has 3 frames.* 2;'):
        find_stores(folders, 'a', fewer, 'auto')
    with open(path, 'wb') as file:
        file.write(b'text')
    with pytest.raises(ValueError, match='HR/a.npy: not an array of fr'):
        find_stores(folders, 'a', frames, 'auto')
