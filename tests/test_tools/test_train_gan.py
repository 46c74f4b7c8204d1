# Copyright (c) DKSAN-MM contributors.
"""Training against a discriminator with the usual properties."""
import shutil

import torch
from helpers.tool_runs import ROOT, TINY, load_tool, run, train, weights
from torch.testing import assert_close

GAN = str(ROOT / 'configs' / 'dksan-s_gan_vid3oc_x16.py')
PIPELINE = 'train_dataloader.dataset.pipeline'
OPTIONS = [
    'load_from=None', f'{PIPELINE}.crop.gt_patch_size=160',
    f'{PIPELINE}.motion.gt_patch_size=64',
    'model.discriminator.mid_channels=4',
    'model.perceptual_loss._delete_=True',
    'model.perceptual_loss.type=MeanDistance', 'model.critic_size=32'
]


def train_gan(data, work_dir, *arguments, options=(), **settings):
    return train(
        data,
        work_dir,
        *arguments,
        config=GAN,
        options=[*OPTIONS, *options],
        **settings)


def test_a_resumed_run_ends_like_one_that_never_stopped(tiny_vid3oc, tmp_path):
    whole, resumed = tmp_path / 'whole', tmp_path / 'resumed'
    assert train_gan(tiny_vid3oc, whole) == 0
    resumed.mkdir()
    shutil.copy(whole / 'iter_2.pth', resumed)
    assert train_gan(tiny_vid3oc, resumed, '--resume') == 0
    ends = [
        torch.load(path / 'iter_4.pth', weights_only=True)
        for path in (whole, resumed)
    ]
    for name in ('state_dict', 'optimizer'):
        assert_close(*(end[name] for end in ends), rtol=0, atol=0)
    for loss in ('loss_gan', 'loss_d_fake', 'loss_temporal', 'loss_grid'):
        log, expected = (
            end['message_hub']['log_scalars'][f'train/{loss}']['logs']
            for end in ends)
        assert len(log) == 4 and torch.equal(log, expected)
    moved = weights(whole / 'iter_2.pth')
    for part in ('generator.levels.3.upscale.5', 'discriminator.conv_0'):
        name = f'{part}.weight'
        assert not torch.equal(moved[name], ends[0]['state_dict'][name])


def test_two_processes_train_like_one(tiny_vid3oc, tmp_path):
    """Pairs are equal, and up to rounding the weights after a step."""
    found = {}
    for name, processes, rate in (('start', 1, 0), ('one', 1, 100), ('two', 2,
                                                                     100)):
        options = [
            # Parts in turn would change the spectral norms in between.
            f'train_dataloader.batch_size={2 // processes}',
            'train_cfg.val_interval=9',
            'default_hooks.checkpoint.interval=1',
            'optim_wrapper.optimizer.type=SGD',
            f'optim_wrapper.optimizer.lr={rate}',  # a hundredth, at first
            'optim_wrapper.dtype=None',
            # Each process draws the part that it looks at.
            'model.critic_size=64',
            # These are means over what a process has seen.
            'model.temporal_weight=0',
            'model.grid_weight=0'
        ]
        codes = train_gan(
            tiny_vid3oc,
            tmp_path / name,
            iters=1,
            options=options,
            processes=processes)
        assert codes == [0] * processes
        found[name] = weights(tmp_path / name / 'iter_1.pth')
    still = []
    for name, start in found['start'].items():
        moved = (found['one'][name] - start).abs().max()
        if not moved:
            still.append(name)
        assert_close(
            found['two'][name],
            found['one'][name],
            rtol=0,
            atol=1e-7 + 1e-3 * float(moved),
            msg=lambda text: f'{name}: {text}')
    assert len(still) < len(found['start']) / 2


def test_released_weights_are_the_generator_s_alone(tiny_vid3oc, tmp_path):
    work_dir, out = tmp_path / 'work', tmp_path / 'mine.safetensors'
    assert train_gan(tiny_vid3oc, work_dir, iters=2) == 0
    load_tool('publish_weights').main([str(work_dir / 'iter_2.pth'), str(out)])
    assert run(
        'test',
        str(ROOT / 'configs' / 'dksan-s_vid3oc_x16.py'),
        out,
        '--data-root',
        tiny_vid3oc,
        '--work-dir',
        tmp_path / 'test',
        options=TINY) == 0
