# Copyright (c) DKSAN-MM contributors.
"""Several processes, and the scripts that start them."""
import json
import os
import subprocess
import sys

import pytest
import torch
from helpers.tool_runs import (CONFIG, LIGHT, ROOT, TINY, run_together, train,
                               weights)
from torch.distributed.elastic.utils.distributed import get_free_port
from torch.testing import assert_close

BICUBIC = str(ROOT / 'configs' / 'bicubic_vid3oc_x16.py')
CPU = {
    'PYTHON': sys.executable,
    'OMP_NUM_THREADS': '1',
    'CUDA_VISIBLE_DEVICES': '-1'
}


def script(name, *arguments, **environment):
    """Run tools/NAME."""
    return subprocess.run([ROOT / 'tools' / name, *map(str, arguments)],
                          env={
                              **os.environ,
                              **CPU,
                              **environment
                          },
                          capture_output=True,
                          text=True)


def evaluate(processes, config, data, folder, *arguments, options=TINY):
    """Return averages and values of each video from some processes."""
    path = folder / f'{processes}.json'
    codes = run_together(
        processes,
        'test',
        config,
        *arguments,
        '--data-root',
        data,
        '--work-dir',
        folder / 'w',
        '--out',
        path,
        options=options)
    assert codes == [0] * processes
    return json.loads(path.read_text())


def test_dist_train_runs_two_processes_that_share_the_work(
        tiny_vid3oc, tmp_path):
    """On CPUs, with gloo; the scores are those of one process."""
    result = script(
        'dist_train.sh',
        CONFIG,
        2,
        '--data-root',
        tiny_vid3oc,
        '--work-dir',
        tmp_path / 'w',
        '--cfg-options',
        *LIGHT,
        *TINY,
        'train_cfg.max_iters=2',
        'train_cfg.val_interval=2',
        'param_scheduler.1.begin=0',
        'param_scheduler.1.end=2',
        'val_dataloader.dataset.frame_step=1',
        PORT=str(get_free_port()))
    assert result.returncode == 0, result.stderr[-3000:]
    lines = next((tmp_path / 'w').rglob('scalars.json')).read_text()
    found = next(
        json.loads(line) for line in lines.splitlines() if 'PSNR' in line)
    single = evaluate(1, CONFIG, tiny_vid3oc, tmp_path,
                      tmp_path / 'w' / 'iter_2.pth')['metrics']
    for name in ('PSNR', 'PSNR_Y', 'SSIM', 'SSIM_Y'):
        assert found[name] == single[name]  # to the last digit


def test_one_batch_for_one_process_for_two_and_in_parts(tiny_vid3oc, tmp_path):
    """Crops are equal, and up to rounding the weights after 4 steps."""
    ways = dict(
        whole=(1, 'train_dataloader.batch_size=4'),
        parts=(1, 'train_dataloader.batch_size=2'),
        spread=(2, 'train_dataloader.batch_size=2'))
    found = {}
    for name, (processes, options) in ways.items():
        work_dir = tmp_path / name
        codes = train(
            tiny_vid3oc,
            work_dir,
            '--total-batch',
            4,
            options=[
                options,
                'train_cfg.val_interval=9',
                # Others divide rounding errors by small gradients.
                'optim_wrapper.optimizer.type=SGD',
                'optim_wrapper.dtype=None'
            ],
            processes=processes)
        assert codes == [0] * processes
        found[name] = weights(work_dir / 'iter_4.pth')
    start = weights(tmp_path / 'whole' / 'iter_2.pth')
    for name in ('parts', 'spread'):
        for key, value in found['whole'].items():
            moved = (value - start[key]).abs().max()
            assert_close(
                found[name][key],
                value,
                rtol=0,
                atol=1e-7 + 1e-3 * float(moved),
                msg=lambda text: f'{name}: {key}: {text}')


def test_a_model_without_parameters_is_tested_by_two(tiny_vid3oc, tmp_path):
    one, two = (
        evaluate(count, BICUBIC, tiny_vid3oc, tmp_path, options=())
        for count in (1, 2))
    assert one == two


@pytest.mark.parametrize('name, arguments', [
    ('dist_train.sh', []),
    ('dist_train.sh', [CONFIG]),
    ('dist_train.sh', [CONFIG, 'two']),
    ('dist_train.sh', [CONFIG, 0]),
    ('dist_test.sh', [CONFIG, 2]),
    ('dist_test.sh', [CONFIG, 'none', '--out']),
    ('slurm_train.sh', ['gpu', 'job']),
])
def test_wrong_arguments_get_the_usage(name, arguments):
    result = script(name, *arguments)
    assert result.returncode == 2
    line, = result.stderr.splitlines()
    assert line.startswith('usage: [') and f'{name} ' in line


def test_dist_test_hands_its_arguments_on(tmp_path):
    python = write_program(tmp_path / 'python', 'printf "%s\\n" "$@"')
    for checkpoint, extra in (('a b.pth', ['a b.pth']), ('none', [])):
        result = script(
            'dist_test.sh',
            'c.py',
            checkpoint,
            3,
            '--out',
            'x y.json',
            PYTHON=python,
            NNODES='2',
            NODE_RANK='1',
            MASTER_ADDR='node0',
            PORT='1234')
        assert result.stdout.splitlines() == [
            '-m', 'torch.distributed.run', '--nnodes=2', '--node_rank=1',
            '--master_addr=node0', '--master_port=1234', '--nproc_per_node=3',
            str(ROOT / 'tools' / 'test.py'), 'c.py', *extra, '--out',
            'x y.json', '--launcher', 'pytorch'
        ]


def write_program(path, text):
    path.write_text(f'#!/bin/sh\n{text}\n')
    path.chmod(0o755)
    return str(path)


# Writes its options down and starts the command, as srun does on each node.
SRUN = '''
while [ "$1" != "$PYTHON" ]; do echo "$1"; shift; done
echo "port $MASTER_PORT"
SLURM_PROCID=0 SLURM_NTASKS=1 exec "$@"
'''


@pytest.mark.skipif(torch.cuda.is_available(), reason='there is a GPU')
@pytest.mark.parametrize('gpus, per_node', [('16', '8'), ('2', '2')])
def test_slurm_train_asks_for_machines_and_starts_there(
        gpus, per_node, tiny_vid3oc, tmp_path):
    write_program(tmp_path / 'srun', SRUN)
    result = script(
        'slurm_train.sh',
        'gpu',
        'a job',
        CONFIG,
        '--data-root',
        tiny_vid3oc,
        '--work-dir',
        tmp_path / 'w',
        PATH=f'{tmp_path}:{os.environ["PATH"]}',
        GPUS=gpus,
        CPUS_PER_TASK='6',
        SRUN_ARGS='--mem=9G --exclusive',
        MASTER_PORT='12345')
    assert result.stdout.splitlines() == [
        '-p', 'gpu', '--job-name=a job', f'--gres=gpu:{per_node}',
        f'--ntasks={gpus}', f'--ntasks-per-node={per_node}',
        '--cpus-per-task=6', '--kill-on-bad-exit=1', '--mem=9G', '--exclusive',
        'port 12345'
    ]
    # tools/train.py has read its options, and found no GPU.
    assert result.returncode == 2
    assert result.stderr == (
        'train.py: --launcher slurm needs a GPU on each node; on CPUs use '
        'torchrun and --launcher pytorch\n')
