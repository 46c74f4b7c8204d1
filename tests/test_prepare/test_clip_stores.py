# Copyright (c) DKSAN-MM contributors.
from pathlib import Path

import numpy as np
import pytest
from helpers.data_fixtures import write_frames

from dksan_mm.prepare.clip_stores import (refuse_foreign_stores,
                                          stated_suffixes, update_stores)

IMAGE = np.zeros((2, 3, 3), np.uint8)


@pytest.fixture
def folders(tmp_path):
    """LR and HR folder of a clip of three frames."""
    return [
        str(write_frames(tmp_path / kind / 'a', [IMAGE] * 3))
        for kind in ('LRx16', 'HR')
    ]


def test_stores_are_written_once_and_stated(folders):
    ticks = []
    entry = update_stores(folders, 'tiles', dict(frames=3),
                          lambda: ticks.append(1))
    lr, hr = folders
    assert set(entry['stores']) == {'LRx16.npy', 'HR.tiles'}
    assert len(ticks) == 3  # HR alone
    assert stated_suffixes(entry, lr) == ['.npy']
    assert stated_suffixes(entry, hr) == ['.tiles']
    again = update_stores(folders, 'tiles', entry, lambda: ticks.append(1))
    assert again == entry and len(ticks) == 3
    # Without the option, the intact ones are kept and no other is stated.
    Path(f'{hr}.tiles').write_bytes(b'damaged')
    kept = update_stores(folders, 'png', entry, lambda: None)
    assert set(kept['stores']) == {'LRx16.npy'}
    Path(f'{lr}.npy').unlink()
    assert update_stores(folders, 'png', entry, lambda: None) == dict(frames=3)


def test_a_file_of_the_user_is_not_replaced(folders):
    mine = Path(f'{folders[1]}.npy')
    mine.write_text('mine')
    refuse_foreign_stores(folders, 'png', None)
    refuse_foreign_stores(folders, 'tiles', None)
    with pytest.raises(ValueError, match=f'{mine}: already exists'):
        refuse_foreign_stores(folders, 'array', None)
    known = dict(stores={'HR.npy': {}})  # ours, which was damaged
    refuse_foreign_stores(folders, 'array', known)
