# Copyright (c) DKSAN-MM contributors.
"""Start of a tool: its config, its checks and its exit code."""
import argparse
import os
import re
import socket

import pytest
import torch
from mmengine.config import Config

from dksan_mm.cli import launch
from dksan_mm.utils.errors import UserError


@pytest.mark.parametrize('make', [
    lambda path: path.write_text('a file'),
    lambda path: path.symlink_to('nowhere'),
])
def test_work_dirs_that_are_no_folders(tmp_path, make):
    make(tmp_path / 'w')
    for path in ('w', 'w/below'):
        with pytest.raises(UserError, match='w is not a folder'):
            launch.check_work_dir(Config(dict(work_dir=str(tmp_path / path))))
    launch.check_work_dir(Config(dict(work_dir=str(tmp_path / 'new/one'))))


@pytest.fixture
def arguments(tmp_path, monkeypatch):
    """Return a function for the arguments of a tool with a given config."""
    monkeypatch.setenv('LOCAL_RANK', '0')
    monkeypatch.chdir(tmp_path)

    def parse(text, *options):
        (tmp_path / 'small.py').write_text(text)
        parser = argparse.ArgumentParser()
        parser.add_argument('config')
        launch.add_common_arguments(parser)
        return parser.parse_args(['small.py', *options])

    return parse


def test_the_command_line_changes_the_config(arguments):
    args = arguments('train_cfg = dict(max_iters=1)', '--cfg-options',
                     'train_cfg.max_iters=3')
    config = launch.load_config(args)
    assert config.train_cfg == dict(max_iters=3)
    assert (config.work_dir, config.launcher) == ('work_dirs/small', 'none')
    args = arguments('work_dir = "w"', '--launcher', 'slurm')
    config = launch.load_config(args)
    assert (config.work_dir, config.launcher) == ('w', 'slurm')
    args = arguments('work_dir = "w"', '--work-dir', 'other')
    assert launch.load_config(args).work_dir == 'other'


@pytest.mark.parametrize('text, options, said', [
    ('a = 1 +', (), 'cannot read the config small.py: '),
    ('raise RuntimeError("no\\nway")', (), 'the config small.py: way'),
    ('raise SystemExit(3)', (), r'small.py: it ends the program, by exit\(3'),
    ('lr = 1\noptim_wrapper = dict(optimizer=dict(lr=2))',
     (), 'small.py: lr has no effect'),
    ('a = [1]', ('--cfg-options', 'a.7=2'), '--cfg-options'),
    ('work_dir = 3', (), 'work_dir must be a path, got 3'),
    ('env_cfg = dict(cudnn_bench=1)', (), 'env_cfg: there is no cudnn_bench'),
    ('train_cfg = dict(max_iters=-5)', (), 'max_iters must be .*, got -5'),
    ('train_cfg = dict(max_iters=9)',
     ('--cfg-options',
      'train_cfg.max_iters=-5'), 'train_cfg.max_iters must be .*, got -5'),
])
def test_configs_that_cannot_be_used_are_named(arguments, text, options, said):
    with pytest.raises(UserError, match=said):
        launch.load_config(arguments(text, *options))


def test_a_config_that_is_not_there(arguments):
    args = arguments('')
    args.config = 'none.py'
    with pytest.raises(UserError, match='there is no config none.py'):
        launch.load_config(args)


def test_the_name_of_a_config_that_is_near_is_given(arguments, tmp_path):
    (tmp_path / 'dksan-s_vid3oc_x16.py').write_text('')
    args = arguments('')
    args.config = str(tmp_path / 'dksan_s_vid3oc_x16.py')
    near = re.escape(str(tmp_path / 'dksan-s_vid3oc_x16.py'))
    with pytest.raises(UserError, match=rf'; did you mean {near}\?'):
        launch.load_config(args)


def test_a_read_only_work_dir_is_refused(tmp_path, monkeypatch):
    # Root may write everywhere.
    monkeypatch.setattr(os, 'access', lambda path, mode: False)
    with pytest.raises(UserError, match='new: .* cannot be written'):
        launch.check_work_dir(Config(dict(work_dir=str(tmp_path / 'new'))))


def test_launchers_that_cannot_start(monkeypatch):
    monkeypatch.delenv('RANK', raising=False)
    launch.check_launcher('none')
    with pytest.raises(UserError, match='pytorch needs torchrun'):
        launch.check_launcher('pytorch')
    monkeypatch.setenv('RANK', '0')
    launch.check_launcher('pytorch')
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    for launcher in ('slurm', 'mpi'):
        with pytest.raises(UserError, match=f'{launcher} needs a GPU'):
            launch.check_launcher(launcher)


def test_what_cannot_be_imported_is_named():
    config = Config(dict(custom_imports=dict(imports=['dksan_mm.missing'])))
    with pytest.raises(UserError, match="No module named 'dksan_mm.missing'"):
        launch.import_modules(config)


@pytest.mark.parametrize('text', [
    '', 'custom_imports = None', 'custom_imports = dict()',
    'custom_imports = dict(imports=[])', 'custom_imports = '
    'dict(imports="mmagic.none", allow_failed_imports=True)'
])
@pytest.mark.filterwarnings('ignore:mmagic.none failed')
def test_a_config_need_not_name_imports(arguments, text):
    launch.import_modules(launch.load_config(arguments(text)))


@pytest.mark.parametrize('wrong', [['a.module'], 'a.module',
                                   dict(imports=3),
                                   dict(imports=[3]),
                                   dict(imports=['os'], also=['sys'])])
def test_custom_imports_of_another_form_are_named(wrong):
    config = Config(dict(custom_imports=wrong))
    with pytest.raises(UserError, match='custom_imports must be dict.*got'):
        launch.import_modules(config)


@pytest.mark.parametrize('parts, said', [
    (dict(model={}), 'c.py: it has no model'),
    (dict(model=[1]), r'c.py: model must be a dict, got \[1\]'),
    (dict(model=dict(generator=5)), 'model.generator must be a dict, got 5'),
    (dict(test_dataloader=5), 'test_dataloader must be a dict, got 5'),
    (dict(test_dataloader=[dict(a=1), 5]), r'got \[{.*}, 5\]'),
])
def test_parts_that_are_none(parts, said):
    right = dict(model=dict(type='A'), test_dataloader=[dict(a=1)])
    launch.check_parts(Config(right), list(right), 'c.py')
    with pytest.raises(UserError, match=said):
        launch.check_parts(Config({**right, **parts}), list(right), 'c.py')


def test_a_port_that_another_program_uses(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with socket.create_server(('127.0.0.1', 0)) as server:
        port = server.getsockname()[1]
        for name, value in dict(
                RANK=0, WORLD_SIZE=2, MASTER_ADDR='127.0.0.1',
                MASTER_PORT=port).items():
            monkeypatch.setenv(name, str(value))
        with pytest.raises(UserError, match=f'--master-port .*port: {port}'):
            launch.start_cpu_group(Config(dict(launcher='pytorch')))
    launch.start_cpu_group(Config(dict(launcher='none')))
    assert not torch.distributed.is_initialized()
