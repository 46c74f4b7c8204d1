# Copyright (c) DKSAN-MM contributors.
"""Choice of the checkpoint from which a training starts."""
import os
import shutil

import pytest
import torch
from mmengine.config import Config

from dksan_mm.engine.runner.resume import (check_new, find_start,
                                           list_checkpoints)
from dksan_mm.utils.errors import UserError


def save(path, **changes):
    """Save a checkpoint from which a run can be resumed."""
    content = dict(
        state_dict=dict(weight=torch.zeros(2, 3)),
        meta=dict(iter=1),
        optimizer={},
        message_hub={})
    torch.save(content | changes, path)


@pytest.fixture
def work_dir(tmp_path):
    """Return a folder of a run that was killed after 12 iterations."""
    for time, number in enumerate((4, 8, 12)):
        save(tmp_path / f'iter_{number}.pth')
        os.utime(tmp_path / f'iter_{number}.pth', (time, time))
    for name in ('best_PSNR_iter_8.pth', '.iter_16.pth.77.tmp', 'iter_x.pth'):
        save(tmp_path / name)
    point(tmp_path, tmp_path / 'iter_12.pth', 2)
    return tmp_path


def point(work_dir, path, time=99):
    pointer = work_dir / 'last_checkpoint'
    pointer.write_text(str(path))
    os.utime(pointer, (time, time))


def numbers(work_dir):
    paths = list_checkpoints(work_dir)
    assert {path.parent for path in paths} <= {work_dir}
    return [int(path.stem.removeprefix('iter_')) for path in paths]


def find(work_dir, resume=True, load_from=None):
    return find_start(
        Config(
            dict(work_dir=str(work_dir), resume=resume, load_from=load_from)))


def test_the_newest_comes_first(work_dir):
    assert numbers(work_dir) == [12, 8, 4]
    start = find(work_dir)
    assert start.path == str(work_dir / 'iter_12.pth')
    assert start.shapes == dict(weight=(2, 3)) and start.damaged == []


@pytest.mark.parametrize('content', [
    None, b'', b'nonsense', b'\x00\xff\xfe', b'/no/such/iter_12.pth',
    b'/no/such/iter_99.pth', b'/no/such/epoch_3.pth'
])
def test_without_a_pointer_that_makes_sense_the_numbers_decide(
        content, work_dir):
    pointer = work_dir / 'last_checkpoint'
    pointer.unlink() if content is None else pointer.write_bytes(content)
    assert numbers(work_dir) == [12, 8, 4]


def test_killed_before_the_pointer_was_written(work_dir):
    point(work_dir, work_dir / 'iter_8.pth', time=1.5)
    assert numbers(work_dir) == [12, 8, 4]


def test_a_future_that_was_given_up_comes_last(work_dir):
    point(work_dir, work_dir / 'iter_4.pth')
    assert numbers(work_dir) == [4, 12, 8]


def test_a_moved_or_copied_work_dir_has_its_own(work_dir, tmp_path_factory):
    copy = tmp_path_factory.mktemp('copy') / 'w'
    shutil.copytree(work_dir, copy)
    assert numbers(copy) == [12, 8, 4]


def test_checkpoints_elsewhere_are_found_by_the_pointer(work_dir, tmp_path):
    other = tmp_path / 'logs'
    other.mkdir()
    point(other, work_dir / 'iter_12.pth')
    assert list_checkpoints(other)[0] == work_dir / 'iter_12.pth'


def test_other_names_are_those_that_the_pointer_has(tmp_path):
    for number in (2, 10):
        save(tmp_path / f'epoch_{number}.pth')
    point(tmp_path, 'epoch_10.pth')
    assert [p.name for p in list_checkpoints(tmp_path)
            ] == ['epoch_10.pth', 'epoch_2.pth']


@pytest.mark.parametrize('make', [True, False])
def test_before_the_first_checkpoint_there_is_nothing(make, tmp_path,
                                                      monkeypatch):
    save(tmp_path / 'iter_2.pth')
    monkeypatch.chdir(tmp_path)  # what lies there is of no concern
    if make:
        (tmp_path / 'w').mkdir()
        point(tmp_path / 'w', 'nonsense')
    start = find(tmp_path / 'w')
    assert (start.path, start.shapes, start.damaged) == ('', {}, [])


def cut(content):
    return content[:len(content) // 2]


def flip_a_bit(content):
    place = content.index(b'weight') + 2
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1:]


def empty(content):
    return b''


@pytest.mark.parametrize('damage', [cut, flip_a_bit, empty])
def test_a_damaged_one_is_named_and_the_previous_used(damage, work_dir):
    for number in (12, 8):
        path = work_dir / f'iter_{number}.pth'
        path.write_bytes(damage(path.read_bytes()))
    start = find(work_dir)
    assert start.path == str(work_dir / 'iter_4.pth')
    assert start.damaged == [
        f'{work_dir}/iter_{number}.pth is damaged or no checkpoint'
        for number in (12, 8)
    ]


def test_a_damaged_one_that_is_asked_for_is_refused(work_dir):
    path = work_dir / 'iter_12.pth'
    path.write_bytes(cut(path.read_bytes()))
    with pytest.raises(UserError, match='iter_12.pth is damaged'):
        find(work_dir, load_from=str(path))


class Program:
    """Object that a poisoned checkpoint would execute."""

    def __init__(self, proof):
        self.proof = proof

    def __reduce__(self):
        return os.mkdir, (str(self.proof), )


@pytest.mark.parametrize('named', [True, False])
def test_a_poisoned_one_is_no_accident(named, work_dir):
    proof = work_dir / 'proof'
    save(work_dir / 'iter_16.pth', extra=Program(proof))
    if named:
        point(work_dir, work_dir / 'iter_16.pth')
    with pytest.raises(
            UserError,
            match='iter_16.pth is not loaded: it refers '
            r'to \w+\.mkdir, but .* nothing but data'):
        find(work_dir)
    assert not proof.exists()


@pytest.mark.parametrize('changes, message', [
    (dict(meta=dict(config='import os')), 'holds a program'),
    (dict(optimizer=Program), r'refers to [\w.]*test_resume\.Program'),
    (dict(state_dict={}), 'contains no state dict'),
])
def test_others_that_must_not_be_resumed(changes, message, work_dir):
    save(work_dir / 'iter_12.pth', **changes)
    with pytest.raises(UserError, match=message):
        find(work_dir)


def test_without_resume_the_work_dir_does_not_matter(work_dir):
    assert find(work_dir, resume=False).path == ''
    path = work_dir / 'best_PSNR_iter_8.pth'
    torch.save(dict(weight=torch.zeros(5)), path)  # weights alone will do
    start = find(work_dir, resume=False, load_from=str(path))
    assert start == (str(path), dict(weight=(5, )), [])
    with pytest.raises(UserError, match='contains only weights'):
        find(work_dir, load_from=str(path))


@pytest.mark.parametrize('name', ['iter_3.pth', 'best_PSNR_iter_3.pth'])
def test_a_new_run_does_not_start_where_another_left_something(tmp_path, name):
    check_new(str(tmp_path / 'none'))
    (tmp_path / 'exported.pth').touch()
    check_new(str(tmp_path))
    (tmp_path / name).touch()
    with pytest.raises(UserError, match=rf'\({name}\): use --resume'):
        check_new(str(tmp_path))
