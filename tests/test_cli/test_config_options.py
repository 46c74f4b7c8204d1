# Copyright (c) DKSAN-MM contributors.
"""``--cfg-options``: errors suggest the correct name."""
import argparse
from pathlib import Path

import pytest
from mmengine.config import Config

from dksan_mm.cli import launch
from dksan_mm.cli.config_options import Place, check_arguments, check_options
from dksan_mm.utils.errors import UserError

PATH = str(
    Path(__file__).resolve().parents[2] / 'configs' / 'dksan-s_vid3oc_x16.py')


@pytest.fixture(scope='module')
def config():
    loaded = Config.fromfile(PATH, import_custom_modules=False)
    return dict(loaded.items())


@pytest.mark.parametrize('key, value', [
    ('train_cfg.max_iters', 5),
    ('train_dataloader.dataset.pipeline.crop.gt_patch_size', 256),
    ('train_dataloader.prefetch_factor', 4),
    ('train_dataloader.dataset.samples_per_clip', None),
    ('default_hooks.ema.momentum', 0.9),
    ('train_dataloader.dataset.pipeline.permute', None),
    ('find_unused_parameters', True),
    ('default_hooks.offsets.limit', 10),
    ('default_hooks.mine.type', 'X'),
    ('model.generator.num_blocks', [6, 4, 3, 2]),
    ('optim_wrapper.clip_grad.norm_type', 2),
    ('optim_wrapper.paramwise_cfg.offset_lr_mult', 1),
    ('optim_wrapper.accumulative_counts', 2),
    ('randomness.diff_rank_seed', True),
    ('load_from', 'a.pth'),
    ('model_wrapper_cfg.type', 'X'),
])
def test_right_keys(config, key, value):
    assert check_options(config, {key: value}) == []


@pytest.mark.parametrize('key, value, match', [
    ('optim_wraper.optimizer.lr', 1,
     'no optim_wraper; did you mean optim_wrapper'),
    ('loglevel', 'DEBUG', 'no loglevel; did you mean log_level'),
    ('randomness.sed', 1, 'no sed in randomness; did you mean seed'),
    ('optim_wrapper.clip_grad.maxnorm', 1, 'did you mean max_norm'),
    ('param_scheduler.99.x', 1, "'99' is not an index"),
    ('param_scheduler.last.end', 1, "'last' is not an index of a list of l"),
    ('train_dataloader.dataset.pipeline.crob.gt_patch_size', 64,
     'no crob in .*pipeline; did you mean crop'),
    ('train_cfg.max_iters', 'abc', "must be a number, such as 3500, got"),
    ('model.generator.num_blocks', 3, r'a list, such as \[[0-9,]+\], got 3'),
    ('randomness.deterministic', 'no', 'must be True or False, .*got .no.'),
    ('train_cfg.max_iters.x', 1, 'train_cfg.max_iters has no parts'),
    ('default_hooks.checkpointx.interval', 1, 'did you mean checkpoint'),
    ('model.generator.num_blocks.0', 9,
     r'give all 4 values, as in model.generator.num_blocks=\[[0-9,]+\]$'),
    ('model', 3, 'has parts, such as model.type'),
    ('max_iters', 3, 'no max_iters at the top .*; set train_cfg.max_iters$'),
    ('vis_backends', 3, 'has no effect, it is a variable'),
    ('vis_backends.0.type', 'X', 'has no effect, it is a variable'),
])
def test_wrong_keys_and_values(config, key, value, match):
    with pytest.raises(UserError, match=match):
        check_options(config, {key: value})


def test_keys_that_only_a_class_knows(config):
    [place] = check_options(config, {'model.generator.with_cp': True})
    assert (place.kind, place.key) == ('DKSANNet', 'with_cp')
    options = {
        'optim_wrapper.optimizer.type': 'SGD',
        'optim_wrapper.optimizer.nesterov': True
    }
    assert check_options(config, options)[0].kind == 'SGD'


class Base:

    def __init__(self, width=1):
        pass


class Passing(Base):

    def __init__(self, depth=1, **kwargs):
        pass


class Taking:

    def __init__(self, **kwargs):
        pass


@pytest.mark.parametrize('kind, key, near', [
    (Base, 'width', ''),
    (Base, 'wdth', 'did you mean width'),
    (Passing, 'width', ''),
    (Passing, 'detph', 'no detph in a; did you mean depth'),
    (Taking, 'anything', ''),
])
def test_arguments_of_classes(kind, key, near):
    place = Place(f'a.{key}', kind, key, ('type', ))
    if not near:
        return check_arguments([place])
    with pytest.raises(UserError, match=near):
        check_arguments([place])


def parse(*options):
    parser = argparse.ArgumentParser()
    launch.add_config_options(parser)
    return parser.parse_args(['--cfg-options', *options]).cfg_options


def test_a_space_in_the_place_of_the_sign(capsys):
    with pytest.raises(SystemExit) as stop:
        parse('train_cfg.max_iters', '2')
    assert stop.value.code == 2
    assert "takes KEY=VALUE without spaces, got 'train_cfg.max_iters'" in (
        capsys.readouterr().err)


@pytest.mark.parametrize('option', ['a=1 b=(2,3)', 'a=x(2,3)'])
def test_brackets_within_a_value(capsys, option):
    with pytest.raises(SystemExit) as stop:
        parse(option)
    assert stop.value.code == 2
    assert (f'{option!r} cannot be read (brackets must enclose the whole '
            'value)') in capsys.readouterr().err


def test_given_twice_both_count():
    parser = argparse.ArgumentParser()
    launch.add_config_options(parser)
    args = parser.parse_args(
        ['--cfg-options', 'a=1', '--cfg-options', 'b=[1,2]'])
    assert args.cfg_options == dict(a=1, b=[1, 2])
