# Copyright (c) DKSAN-MM contributors.
import json
import os
import re
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch
from helpers.data_fixtures import write_frames
from helpers.tool_runs import (CONFIG, ROOT, assert_same, contents, load_tool,
                               run, train, weights)
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.logging import HistoryBuffer
from torch.testing import assert_close

from dksan_mm.engine.runner.checkpoint import mmengine_globals
from dksan_mm.io.locks import claimed

pytest_plugins = ['helpers.tool_runs']  # the fixtures


def same(first, second):
    """Return whether two state dicts are equal, bit for bit."""
    return first.keys() == second.keys() and all(
        torch.equal(first[name], second[name]) for name in first)


def run_until(finished, work_dir, iteration):
    """Copy a run in its state after some iterations."""
    shutil.copytree(finished, work_dir)
    for path in work_dir.glob('*_iter_*.pth'):
        path.unlink()
    (work_dir / 'iter_4.pth').unlink()
    pointer = finished / f'iter_{iteration}.pth'  # where it was then
    (work_dir / 'last_checkpoint').write_text(str(pointer))
    return work_dir


def test_a_run_leaves_checkpoints_and_the_best(finished_run):
    names = {path.name for path in finished_run.glob('*.pth')}
    assert names == {'iter_2.pth', 'iter_4.pth', 'best_PSNR_iter_4.pth'}
    before, after = (weights(finished_run / f'iter_{i}.pth') for i in (2, 4))
    assert not same(before, after)


def test_checkpoints_hold_nothing_but_data(finished_run):
    for path in finished_run.glob('*.pth'):
        assert not torch.serialization.get_unsafe_globals_in_checkpoint(path)


def test_a_new_training_replaces_no_checkpoint_of_an_earlier_one(
        finished_run, tiny_vid3oc, sentence):
    before = {p: p.stat().st_mtime_ns for p in finished_run.rglob('*')}
    assert train(tiny_vid3oc, finished_run) == 2
    assert sentence() == (
        f'{finished_run} holds checkpoints of a training (iter_4.pth): '
        'use --resume to continue it, or another --work-dir')
    assert {p: p.stat().st_mtime_ns for p in finished_run.rglob('*')} == before


def test_two_trainings_do_not_share_a_work_dir(tiny_vid3oc, tmp_path,
                                               sentence):
    with claimed(str(tmp_path)):
        assert train(tiny_vid3oc, tmp_path, '--resume') == 2
    assert sentence() == f'{tmp_path} is being written by another run'
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('name', ['mine.py', 'other/mine.py'])
def test_a_config_in_the_work_dir_stays_as_it_is(tiny_vid3oc, tmp_path, name):
    own = tmp_path / 'mine.py'
    own.write_text('something = 1\n')
    config = tmp_path / name
    config.parent.mkdir(exist_ok=True)
    config.write_text(f'_base_ = {CONFIG!r}  # my remark\n')
    text = own.read_text()
    assert train(tiny_vid3oc, tmp_path, config=str(config), iters=2) == 0
    assert own.read_text() == text
    [dumped] = tmp_path.glob('2*.py')
    assert Config.fromfile(dumped).train_cfg.max_iters == 2


def test_a_resumed_run_follows_its_config(finished_run, tiny_vid3oc, tmp_path):
    """The end of its schedule is moved from step 4 to step 6."""
    work_dir = run_until(finished_run, tmp_path / 'longer', 2)
    options = ['param_scheduler.1.end=6']
    assert train(
        tiny_vid3oc, work_dir, '--resume', iters=6, options=options) == 0
    [log] = [
        path.read_text() for path in work_dir.glob('2*/2*.log')
        if 'continuing after iteration 2 of 6' in path.read_text()
    ]
    assert 'replace those of the checkpoint: LinearLR.end' in log
    end = torch.load(work_dir / 'iter_6.pth')['param_schedulers'][1]['end']
    assert end == 6


def test_a_resumed_run_ends_like_one_that_never_stopped(
        finished_run, tiny_vid3oc, tmp_path):
    work_dir = run_until(finished_run, tmp_path / 'resumed', 2)
    assert train(tiny_vid3oc, work_dir, '--resume') == 0
    resumed, whole = (
        torch.load(path / 'iter_4.pth') for path in (work_dir, finished_run))
    assert same(resumed['state_dict'], whole['state_dict'])
    history, expected = (
        checkpoint['message_hub']['log_scalars']['train/loss']['logs']
        for checkpoint in (resumed, whole))
    assert len(history) == 4 and torch.equal(history, expected)


def test_edvr_trains_as_a_whole_before_and_after_a_resume(
        tiny_vid3oc, tmp_path):
    """mmagic's would train only its fusion, again after a resume."""
    arguments = dict(
        config=str(ROOT / 'configs' / 'edvr-s_vid3oc_x16.py'),
        options=[
            f'model.generator.{option}'
            for option in ('num_blocks=1', 'num_extract_blocks=1',
                           'tail_channels=8')
        ])
    whole = tmp_path / 'whole'
    assert train(tiny_vid3oc, whole, **arguments) == 0
    work_dir = run_until(whole, tmp_path / 'resumed', 2)
    assert train(tiny_vid3oc, work_dir, '--resume', **arguments) == 0
    before, after = (weights(whole / f'iter_{i}.pth') for i in (2, 4))
    assert same(after, weights(work_dir / 'iter_4.pth'))
    for name, parameter in before.items():
        if name.startswith('generator.'):
            assert not torch.equal(parameter, after[name]), name


def test_synthetic_motion_is_learned_from_and_the_same_after_a_resume(
        tiny_vid3oc, tmp_path):
    """Crops of 160 have a margin around 64; those of other runs do not."""
    pipeline = 'train_dataloader.dataset.pipeline'
    options = [
        f'{pipeline}.crop.gt_patch_size=160',
        f'{pipeline}.motion.gt_patch_size=64'
    ]
    whole = tmp_path / 'whole'
    assert train(tiny_vid3oc, whole, options=options) == 0
    work_dir = run_until(whole, tmp_path / 'resumed', 2)
    assert train(tiny_vid3oc, work_dir, '--resume', options=options) == 0
    ends = [torch.load(path / 'iter_4.pth') for path in (whole, work_dir)]
    assert same(*(end['state_dict'] for end in ends))
    losses, expected = (
        end['message_hub']['log_scalars']['train/loss_motion']['logs']
        for end in ends)
    assert torch.equal(losses, expected) and len(losses) == 4
    assert losses.max() > 1e-3


def test_a_checkpoint_of_mmengine_itself_can_be_resumed(
        finished_run, tiny_vid3oc, tmp_path):
    theirs = tmp_path / 'theirs'
    other = ['default_hooks.checkpoint.type=CheckpointHook']
    assert train(tiny_vid3oc, theirs, iters=2, options=other) == 0
    with pytest.raises(Exception, match='HistoryBuffer'):
        torch.load(theirs / 'iter_2.pth')
    assert train(tiny_vid3oc, tmp_path / 'on', '--resume',
                 theirs / 'iter_2.pth') == 0
    ours, whole = (
        torch.load(path / 'iter_4.pth')
        for path in (tmp_path / 'on', finished_run))
    assert same(ours['state_dict'], whole['state_dict'])
    loss = [
        checkpoint['message_hub']['log_scalars']['train/loss']['logs']
        for checkpoint in (ours, whole)
    ]
    assert torch.equal(*loss)


def test_nothing_to_resume_starts_from_the_beginning(finished_run, tiny_vid3oc,
                                                     tmp_path):
    assert train(tiny_vid3oc, tmp_path / 'new', '--resume', iters=2) == 0
    assert same(
        weights(tmp_path / 'new' / 'iter_2.pth'),
        weights(finished_run / 'iter_2.pth'))


class Program:
    """Object that a poisoned checkpoint would execute."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def poisoned(checkpoint, proof):
    checkpoint['extra'] = Program(os.system, f'touch {proof}')


def poisoned_by_getattr(checkpoint, proof):
    checkpoint['extra'] = Program(getattr, torch.nn.Module, 'load_state_dict')


def poisoned_by_config(checkpoint, proof):
    checkpoint['meta']['config'] = f'import os\nos.system("touch {proof}")'


@pytest.mark.parametrize('change',
                         [poisoned, poisoned_by_getattr, poisoned_by_config])
def test_a_poisoned_checkpoint_in_the_work_dir_stops_the_tool(
        change, finished_run, tiny_vid3oc, tmp_path, sentence):
    """Unlike a damaged one, it is no accident: the user has to inspect it."""
    work_dir = run_until(finished_run, tmp_path / 'w', 2)
    checkpoint = torch.load(work_dir / 'iter_2.pth')
    change(checkpoint, tmp_path / 'proof')
    torch.save(checkpoint, work_dir / 'iter_3.pth')
    before = {path: path.read_bytes() for path in work_dir.glob('*.pth')}
    assert train(tiny_vid3oc, work_dir, '--resume') == 2
    assert re.search('iter_3.pth is not loaded: .* nothing but data$',
                     sentence())
    assert not (tmp_path / 'proof').exists()
    assert before == {path: path.read_bytes() for path in before}


def without_optimizer(checkpoint, proof):
    del checkpoint['optimizer']


def of_another_model(checkpoint, proof):
    state_dict = checkpoint['state_dict']
    name = next(iter(state_dict))
    state_dict['generator.other'] = state_dict.pop(name)


@pytest.mark.parametrize(
    'change, message',
    [(poisoned, 'refers to .*system'),
     (poisoned_by_getattr, 'refers to .*Module'),
     (poisoned_by_config, 'holds a program'),
     (without_optimizer, 'contains only weights'),
     (of_another_model, 'another model .*generator.other is unknown')])
def test_a_checkpoint_that_must_not_be_resumed(change, message, finished_run,
                                               tiny_vid3oc, tmp_path,
                                               sentence):
    checkpoint = torch.load(finished_run / 'iter_2.pth')
    change(checkpoint, tmp_path / 'proof')
    path = tmp_path / 'changed.pth'
    torch.save(checkpoint, path)
    assert train(tiny_vid3oc, tmp_path / 'w', '--resume', path) == 2
    text = sentence()
    assert re.search(message, text), text
    assert not (tmp_path / 'proof').exists()
    assert not list((tmp_path / 'w').glob('*.pth'))


def test_the_log_history_cannot_bring_functions_along(tmp_path, monkeypatch):
    crafted = dict(
        _log_history=np.array([1., 2.]),
        _count_history=np.array([1, 1]),
        max_length=9,
        statistics_methods=dict(mean=Program(getattr, HistoryBuffer, 'max')))
    with monkeypatch.context() as patch:
        patch.setattr(HistoryBuffer, '__getstate__', lambda self: crafted)
        torch.save(HistoryBuffer(), tmp_path / 'crafted.pth')
    with mmengine_globals():
        loaded = torch.load(tmp_path / 'crafted.pth')
    assert type(loaded) is HistoryBuffer
    assert loaded.statistics('mean') == 1.5


def damaged(path):
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    for place in range(middle, middle + 128):  # more than padding
        content[place] ^= 255
    path.write_bytes(content)


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize('damage', [damaged, cut_short])
def test_a_damaged_checkpoint_is_named(damage, finished_run, tiny_vid3oc,
                                       tmp_path, sentence):
    path = tmp_path / 'broken.pth'
    shutil.copy(finished_run / 'iter_2.pth', path)
    damage(path)
    assert train(tiny_vid3oc, tmp_path / 'w', '--resume', path) == 2
    assert sentence() == f'{path} is damaged or no checkpoint'
    assert not (tmp_path / 'w').exists()


@pytest.mark.parametrize('damage', [damaged, cut_short])
def test_the_one_before_a_damaged_checkpoint_is_used(damage, finished_run,
                                                     tiny_vid3oc, tmp_path):
    work_dir = tmp_path / 'w'
    shutil.copytree(finished_run, work_dir)
    damage(work_dir / 'iter_4.pth')
    (work_dir / 'last_checkpoint').write_bytes(b'\0nonsense')
    assert train(tiny_vid3oc, work_dir, '--resume') == 0
    log = max(work_dir.rglob('*.log'), key=lambda path: path.name).read_text()
    assert f'WARNING - {work_dir}/iter_4.pth is damaged' in log
    assert f'Load checkpoint from {work_dir}/iter_2.pth' in log
    assert 'continuing after iteration 2 of 4, with sample 4' in log
    assert_same(*(contents(path / 'iter_4.pth')
                  for path in (work_dir, finished_run)))


def test_of_a_finished_run_nothing_is_left_to_do(finished_run, tiny_vid3oc,
                                                 tmp_path):
    work_dir = tmp_path / 'w'
    shutil.copytree(finished_run, work_dir)
    assert train(tiny_vid3oc, work_dir, '--resume') == 0
    log = max(work_dir.rglob('*.log'), key=lambda path: path.name).read_text()
    assert 'all 4 iterations are done, nothing is left to train' in log
    for path in finished_run.glob('*.pth'):
        assert (work_dir / path.name).read_bytes() == path.read_bytes()


def test_a_config_s_own_weights_are_where_a_resumed_training_begins(
        finished_run, tiny_vid3oc, tmp_path):
    """--resume in an empty folder does not ignore load_from."""
    first, work_dir = tmp_path / 'first.pth', tmp_path / 'w'
    # Other weights than any seed gives; they stay, but for the average's
    # rounding, at a rate of zero.
    given = {
        name: 1.01 * value
        for name, value in weights(finished_run / 'iter_2.pth').items()
    }
    torch.save(given, first)
    options = [f'load_from={first}', 'optim_wrapper.optimizer.lr=0.']
    for _ in range(2):
        assert train(tiny_vid3oc, work_dir, '--resume', options=options) == 0
        found = weights(work_dir / 'iter_4.pth')
        assert_close(dict(found), given, rtol=1e-6, atol=1e-8)
        # From then on the run's own checkpoints are what it begins with.
        (work_dir / 'iter_4.pth').unlink()
        torch.save({name: 2 * value for name, value in given.items()}, first)
    log = min(work_dir.rglob('*.log'), key=lambda path: path.name).read_text()
    assert f'the training starts with {first}' in log


@pytest.fixture(scope='module')
def averaged_run(tiny_vid3oc, tmp_path_factory):
    """Return a config with averaged weights, and its work dir."""
    folder = tmp_path_factory.mktemp('averaged')
    config = folder / 'ema.py'
    config.write_text(f'_base_ = [{CONFIG!r}]\n'
                      'default_hooks = dict(ema=dict(momentum=0.25), '
                      'progressive=dict(until=0))')
    options = [
        'default_hooks.checkpoint.interval=1', 'optim_wrapper.optimizer.lr=.1',
        'default_hooks.checkpoint.max_keep_ckpts=4',
        'val_dataloader.dataset.frame_step=1'
    ]
    assert train(
        tiny_vid3oc, folder / 'w', config=config, options=options) == 0
    return config, folder / 'w'


def test_averaged_weights_are_what_a_checkpoint_holds(averaged_run):
    """The average is computed again from the weights of each step."""
    _, work_dir = averaged_run
    average = None
    for number in range(1, 5):
        checkpoint = torch.load(work_dir / f'iter_{number}.pth')
        trained = {
            name.removeprefix('module.'): value.double()
            for name, value in checkpoint['ema_state_dict'].items()
            if name.startswith('module.')
        }
        average = average or trained
        for name, value in trained.items():
            average[name] = 0.75 * average[name] + 0.25 * value
        found = {name: checkpoint['state_dict'][name] for name in average}
        assert_close(found, average, rtol=1e-6, atol=1e-7, check_dtype=False)
    assert not same(checkpoint['state_dict'], trained)
    assert checkpoint['ema_state_dict']['steps'] == 4


def test_averaged_weights_are_validated_and_tested(averaged_run, tiny_vid3oc,
                                                   tmp_path):
    config, work_dir = averaged_run
    best = torch.load(work_dir / 'best_PSNR_iter_4.pth')
    score = best['message_hub']['runtime_info']['best_score']
    torch.save(best['state_dict'], tmp_path / 'plain.pth')
    for name, path in ((config, work_dir / 'best_PSNR_iter_4.pth'),
                       (config, work_dir / 'iter_4.pth'),
                       (CONFIG, tmp_path / 'plain.pth')):
        found = evaluate(path, tiny_vid3oc, tmp_path, config=name)
        assert found['PSNR'] == score


def test_a_missing_checkpoint_is_named(tiny_vid3oc, tmp_path, sentence):
    path = tmp_path / 'none.pth'
    assert train(tiny_vid3oc, tmp_path / 'w', '--resume', path) == 2
    assert sentence() == f'there is no checkpoint file {path}'


def without_data_root():
    """Return the environment without DKSAN_DATA_ROOT."""
    return {k: v for k, v in os.environ.items() if k != 'DKSAN_DATA_ROOT'}


def test_no_data_is_said_in_one_sentence_before_anything_slow(tmp_path):
    result = subprocess.run([
        sys.executable, '-X', 'importtime', ROOT / 'tools/train.py',
        ROOT / 'configs/dksan_vid3oc_x16.py'
    ],
                            env=without_data_root(),
                            cwd=tmp_path,
                            capture_output=True,
                            text=True)
    lines = result.stderr.splitlines()
    imported = {
        line.split('|')[-1].strip()
        for line in lines if line.startswith('import time:')
    }
    rest = [line for line in lines if not line.startswith('import time:')]
    assert result.returncode == 2
    assert rest == [
        'train.py: no data: there is no folder data/Vid3oC; prepare it with '
        '`python tools/prepare_data.py SOURCE data/Vid3oC`, or name another '
        'place with --data-root'
    ]
    assert 'mmengine.config' in imported
    assert not imported & {'mmagic', 'mmcv', 'torch'}
    assert not list(tmp_path.iterdir())


def remove_hr(root):
    shutil.rmtree(root / 'train' / 'HR')


def empty_validation(root):
    shutil.rmtree(root / 'val' / 'LRx16')
    (root / 'val' / 'LRx16').mkdir()


@pytest.mark.parametrize(
    'change, message',
    [(remove_hr, 'there is no folder {}/train/HR'),
     (empty_validation, 'there is nothing in {}/val/LRx16')])
def test_missing_parts_of_the_data_are_named(change, message, tiny_vid3oc,
                                             tmp_path, sentence):
    root = tmp_path / 'data'
    shutil.copytree(tiny_vid3oc, root)
    change(root)
    assert train(root, tmp_path / 'w') == 2
    assert message.format(root) in sentence()
    assert not (tmp_path / 'w').exists()


def test_a_first_frame_that_cannot_be_read_is_named(tiny_vid3oc, tmp_path,
                                                    sentence):
    root = tmp_path / 'data'
    shutil.copytree(tiny_vid3oc, root)
    path = root / 'train' / 'HR' / 'egret-lake' / '000000.png'
    path.write_bytes(b'')
    assert train(root, tmp_path / 'w') == 2
    assert sentence() == f'{path}: empty file (0 bytes)'


@pytest.mark.parametrize('crop, chosen, said', [
    (528, None, '2 of 2 clips in {}/train/HR .* less than 528 pixels, .* '
     r'carpenter-bee \(512\), egret-lake \(512\); .*'),
    (528, 'egret-lake', r'1 of 1 clips .* egret-lake \(512\); .*'),
])
def test_clips_smaller_than_the_crop_are_named(crop, chosen, said, tiny_vid3oc,
                                               tmp_path, sentence):
    options = [f'train_dataloader.dataset.pipeline.crop.gt_patch_size={crop}']
    if chosen:
        path = tmp_path / 'clips.txt'
        path.write_text(f'{chosen}\t9\n')
        options.append(f'train_dataloader.dataset.ann_file={path}')
    assert train(tiny_vid3oc, tmp_path / 'w', options=options) == 2
    said = said.format(tiny_vid3oc) + r'pipeline\.crop\.gt_patch_size=512'
    assert re.search(said + '$', sentence())
    assert not (tmp_path / 'w').exists()


def test_of_many_small_clips_the_first_are_named(tmp_path, sentence):
    for clip in 'abcde':
        height = 32 if clip == 'd' else 48
        for kind, scale in (('HR', 1), ('LRx16', 16)):
            image = np.zeros((height // scale, 80 // scale, 3), np.uint8)
            for split in ('train', 'val'):
                write_frames(tmp_path / split / kind / clip, [image])
    assert train(tmp_path, tmp_path / 'w') == 2
    assert re.search(
        r'5 of 5 clips .*: a \(48\), b \(48\), c \(48\), \.\.\.; leave them '
        r'out, .*gt_patch_size=32$', sentence())


def test_a_frame_that_cannot_be_read_is_named(tiny_vid3oc, tmp_path, sentence):
    root = tmp_path / 'data'
    shutil.copytree(tiny_vid3oc, root)
    for path in (root / 'train' / 'HR').rglob('*.png'):
        if path.stem != '000000':  # those are looked at before the run
            path.write_bytes(path.read_bytes()[:1000])
            assert cv2.imread(str(path)) is None
    assert train(root, tmp_path / 'w') == 2
    text = sentence()
    assert str(root / 'train' / 'HR') in text and 'traceback in' in text
    log = next((tmp_path / 'w').rglob('*.log')).read_text()
    assert 'Traceback' in log
    assert not list((tmp_path / 'w').glob('*.pth'))


@pytest.mark.parametrize('name, content, message', [
    ('none.py', None, 'there is no config'),
    ('broken.py', 'model = dict(', 'cannot read the config'),
    ('empty.py', 'model = dict(type="WindowVSR")', 'no train_dataloader'),
])
def test_a_config_that_cannot_be_trained(name, content, message, tmp_path,
                                         sentence):
    path = tmp_path / name
    if content:
        path.write_text(content)
    tool = load_tool('train')
    assert tool.launch.run_tool(tool.main, [str(path)]) == 2
    assert message in sentence()


@pytest.mark.skipif(torch.cuda.is_available(), reason='there is a GPU')
@pytest.mark.parametrize('option, message',
                         [('--amp=fp16', '--amp fp16 needs a GPU'),
                          ('--launcher=slurm', '--launcher slurm needs a GPU'),
                          ('--launcher=pytorch', 'needs torchrun')])
def test_options_that_this_machine_cannot_serve(option, message, tiny_vid3oc,
                                                tmp_path, sentence):
    assert train(tiny_vid3oc, tmp_path / 'w', option) == 2
    assert message in sentence()


def test_options_reach_the_config(tiny_vid3oc, tmp_path):
    tool = load_tool('train')
    config = tool.prepare_config(
        tool.parse_args([
            CONFIG, '--data-root', tiny_vid3oc, '--auto-scale-lr',
            '--total-batch', '24', '--work-dir',
            str(tmp_path), '--cfg-options', 'train_cfg.max_iters=7'
        ]))
    assert config.auto_scale_lr.enable
    assert config.train_dataloader.batch_size == 24
    assert config.optim_wrapper.accumulative_counts == 6
    assert config.train_cfg.max_iters == 7
    assert config.work_dir == str(tmp_path)
    for loader in ('train', 'val', 'test'):
        assert config[f'{loader}_dataloader'].dataset.data_root == tiny_vid3oc


def test_the_work_dir_is_named_after_the_config(tiny_vid3oc):
    tool = load_tool('train')
    config = tool.prepare_config(
        tool.parse_args([CONFIG, '--data-root', tiny_vid3oc]))
    assert config.work_dir == os.path.join('work_dirs', 'dksan-s_vid3oc_x16')


def test_an_interrupted_run_says_how_to_go_on(tiny_vid3oc, tmp_path, sentence,
                                              monkeypatch):

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(Hook, 'before_train', interrupt)
    assert train(tiny_vid3oc, tmp_path / 'w') == 130
    assert '--resume' in sentence()


@pytest.mark.parametrize('option, message', [
    ('model.generator=TEXT', '--cfg-options model.generator: has parts'),
    ('model.generator.chanels=8',
     '--cfg-options model.generator.chanels: .* did you mean channels'),
    ('model.generator.type=Net', 'the config cannot be used for this: '
     '.*Net is not in the .* registry'),
])
def test_options_that_nothing_can_be_built_of(option, message, tiny_vid3oc,
                                              tmp_path, sentence):
    assert train(tiny_vid3oc, tmp_path / 'w', options=[option]) == 2
    text = sentence()
    assert re.match(message, text), text


def evaluate(checkpoint, data, folder, config=CONFIG):
    path = folder / 'out.json'
    assert run('test', config, checkpoint, '--data-root', data, '--work-dir',
               folder / 'w', '--out', path, '--overwrite') == 0
    return json.loads(path.read_text())['metrics']
