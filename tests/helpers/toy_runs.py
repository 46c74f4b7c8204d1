# Copyright (c) DKSAN-MM contributors.
"""Trainings of mmengine's Runner that take a fraction of a second."""
import itertools

import torch
import torch.nn.functional as F
from mmengine.dataset import DefaultSampler
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.runner import Runner

from dksan_mm.datasets import SeededInfiniteSampler
from dksan_mm.engine.hooks import AtomicCheckpointHook
from dksan_mm.engine.runner.checkpoint import mmengine_globals
from dksan_mm.engine.runner.loops import ResumableTrainLoop
from dksan_mm.engine.runner.resume import list_checkpoints

NUMBERS = itertools.count()
RISING = dict.fromkeys(range(100), 0.) | {2: 1., 4: 3., 6: 2., 8: 4.}


class ToyRunner(Runner):
    """mmengine's Runner without the slow inspection of the machine."""

    def _log_env(self, env_cfg):
        pass


class Samples(torch.utils.data.Dataset):
    """Numbers that record which of them were loaded."""

    loaded = []

    def __len__(self):
        return 10

    def __getitem__(self, index):
        self.loaded.append(int(index))
        return dict(inputs=torch.tensor([float(index)]))


class ToyNet(BaseModel):
    """Network with one weight, dropout, and a count of training steps."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(1, 1)
        self.register_buffer('steps', torch.tensor(0))

    def forward(self, inputs, mode='tensor'):
        if mode == 'predict':
            torch.rand(3)  # as networks may that draw in validation too
            return [int(self.steps)]
        self.steps += 1
        inputs = F.dropout(torch.stack(list(inputs)), 0.5)
        return dict(loss=(self.linear(inputs) - 1).square().mean())


class Score(BaseMetric):
    """Metric that returns the score set for the number of steps."""

    def __init__(self, scores, validated):
        super().__init__()
        self.scores, self.validated = scores, validated

    def process(self, data_batch, data_samples):
        self.results.append(data_samples[0])

    def compute_metrics(self, results):
        self.validated.append(results[0])
        score = self.scores[results[0]]
        return dict(score=score, error=score)


def toy_run(work_dir,
            iters,
            *,
            resume=None,
            start=None,
            scores=RISING,
            batch_size=2,
            sampler=SeededInfiniteSampler,
            loop=ResumableTrainLoop,
            accumulate=1,
            val_interval=2,
            hooks=(),
            **checkpoint):
    """Train; return the runner, the loaded samples and the validations.

    ``resume`` is a checkpoint, or True for the newest; ``start`` is weights.
    """
    if resume is True:
        resume = list_checkpoints(work_dir)[0]
    torch.set_num_threads(1)
    torch.manual_seed(3)  # the network is made before the Runner
    Samples.loaded, validated = [], []
    settings = dict(interval=2, save_best='score', rule='greater')
    hook = AtomicCheckpointHook(by_epoch=False, **{**settings, **checkpoint})
    runner = ToyRunner(
        ToyNet(),
        str(work_dir),
        train_dataloader=loader(sampler, batch_size),
        val_dataloader=loader(DefaultSampler, 1, [dict(inputs=torch.ones(1))]),
        train_cfg=dict(type=loop, max_iters=iters, val_interval=val_interval),
        val_cfg=dict(),
        val_evaluator=[Score(scores, validated)],
        optim_wrapper=dict(
            optimizer=dict(type='Adam', lr=0.1),
            accumulative_counts=accumulate),
        default_hooks=dict(checkpoint=hook),
        custom_hooks=list(hooks),
        randomness=dict(seed=3),
        load_from=str(resume or start or '') or None,
        resume=bool(resume),
        default_scope='mmagic',
        experiment_name=f'toy{next(NUMBERS)}')
    with mmengine_globals():
        runner.train()
    return runner, Samples.loaded, validated


def loader(sampler, batch_size, dataset=None):
    """Return the config of a loader that works in this process."""
    return dict(
        dataset=dataset or Samples(),
        sampler=dict(type=sampler, shuffle=dataset is None),
        batch_size=batch_size,
        num_workers=0,
        persistent_workers=False)
