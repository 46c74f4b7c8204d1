# Copyright (c) DKSAN-MM contributors.
"""Finding, loading and rejecting the network of a command line."""
import argparse
import importlib.util

import pytest
import torch

from dksan_mm import load_model
from dksan_mm.cli import networks
from dksan_mm.utils.errors import UserError
from dksan_mm.utils.release import DETAIL, release_folder


def parse(*arguments):
    parser = argparse.ArgumentParser()
    networks.add_network_options(parser)
    args = parser.parse_args(list(map(str, arguments)))
    networks.check_network_options(parser, args)
    return args


def weights(model):
    return torch.cat(
        [value.flatten() for value in model.generator.parameters()])


@pytest.mark.parametrize('arguments, name, checkpoint', [
    ((), 'dksan-s', 'dksan-s_vid3oc_x16.pth'),
    (('--model', 'dksan-s-gan'), 'dksan-s-gan', 'dksan-s_gan_vid3oc_x16.pth'),
    (('--model', 'bicubic'), 'bicubic', None),
    (('--config', 'a/dksan_vid3oc_x16.py'), 'dksan_vid3oc_x16', None),
    (('--config', 'a/dksan-s_vid3oc_x16.py'), 'dksan-s_vid3oc_x16',
     'dksan-s_vid3oc_x16.pth'),
])
def test_names_and_released_weights(arguments, name, checkpoint):
    args = parse(*arguments)
    assert networks.network_name(args) == name
    found = networks.find_checkpoint(args)
    assert found == (
        checkpoint and str(release_folder() / 'weights' / checkpoint))


def test_ones_own_checkpoint_comes_first():
    assert networks.find_checkpoint(parse('--checkpoint', 'a.pth')) == 'a.pth'


@pytest.mark.parametrize('arguments, sentence', [
    (('--model', 'dksan-s', '--config', 'a.py'), 'use only one of them'),
    (('--detail', '0.5'), '--detail needs --model dksan-s-gan'),
    (('--config', 'a.py', '--detail', '0.5'), '--detail needs --model'),
    (('--model', 'other'), "invalid choice: 'other'"),
    (('--scale', '3'), 'invalid choice: 3'),
    (('--detail', '2'), "from 0 to 1, got '2'"),
])
def test_options_that_are_refused(arguments, sentence, capsys):
    with pytest.raises(SystemExit):
        parse(*arguments)
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize('arguments', [('--config', 'a.py'),
                                       ('--cfg-options', 'model.a=1')])
def test_options_that_need_mmagic(arguments, monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(SystemExit):
        parse(*arguments)
    assert f'{arguments[0]} needs mmagic' in capsys.readouterr().err


def test_cfg_options_take_the_config_of_the_released_network():
    args = parse('--model', 'dksan-s-gan', '--cfg-options', 'model.a=1')
    assert args.config == str(release_folder() / 'configs' /
                              'dksan-s_gan_vid3oc_x16.py')


@pytest.mark.parametrize('arguments, detail', [
    (('--model', 'dksan-s-gan'), DETAIL),
    (('--model', 'dksan-s-gan', '--detail', '1'), 1),
    (('--model', 'dksan-s-gan', '--checkpoint',
      release_folder() / 'weights' / 'dksan-s_gan_vid3oc_x16.pth'), 1),
])
def test_detail_is_the_default_one_of_released_weights_alone(
        arguments, detail):
    found = networks.load_network(parse(*arguments))
    torch.testing.assert_close(
        weights(found), weights(load_model('dksan-s-gan', detail=detail)))


def test_cfg_options_change_the_released_network():
    found = networks.load_network(
        parse('--model', 'dksan-s-gan', '--cfg-options',
              'model.test_cfg.scale=16'))
    torch.testing.assert_close(
        weights(found), weights(load_model('dksan-s-gan', detail=DETAIL)))


def test_a_scale_that_the_network_lacks():
    with pytest.raises(UserError, match='--scale: .* got scale=4'):
        networks.load_network(parse('--model', 'dksan-s-gan', '--scale', '4'))


def test_a_config_without_released_weights():
    config = release_folder() / 'configs' / 'dksan_vid3oc_x16.py'
    with pytest.raises(
            UserError, match='no weights are released for .*--model bic'):
        networks.load_network(
            parse('--config', config, '--cfg-options',
                  'model.generator.channels=8', 'model.generator.reduction=2'))
