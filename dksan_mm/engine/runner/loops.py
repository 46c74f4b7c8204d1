# Copyright (c) DKSAN-MM contributors.
"""Training loop that resumes exactly where a run was killed."""
from collections.abc import Sequence
from typing import Any

import torch
from mmagic.registry import LOOPS
from mmengine.dist import get_rank
from mmengine.runner import BaseLoop, IterBasedTrainLoop
from torch.utils.data import BatchSampler, DataLoader, Dataset

from .random_state import kept_random_state, set_random_state


class _Unread:
    """Placeholder of a data loader whose workers must not start yet."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    def __iter__(self):
        return iter(())


@LOOPS.register_module()
class ResumableTrainLoop(IterBasedTrainLoop):
    """Training loop whose resumed runs equal uninterrupted ones.

    * mmengine reads the data of all past iterations again. Here, the data
      loader starts at the first unused sample, even if the batch size or the
      number of processes has changed. This requires a sampler with
      ``start_at``, such as :class:`SeededInfiniteSampler`.
    * The random generators of each rank continue from their states in the
      checkpoint, and validation does not change them.
    * A validation that was due at the checkpoint but interrupted is repeated.

    The required state is in mmengine's message hub, which is part of every
    checkpoint: this loop sets ``data_position`` and ``last_validation``,
    :class:`AtomicCheckpointHook` sets ``random_states``.

    Args:
        runner (Runner): mmengine Runner.
        dataloader (DataLoader | dict): Data loader or its config.
        max_iters (int): Total number of iterations.
        **kwargs: Arguments of mmengine's ``IterBasedTrainLoop``.
    """

    def __init__(self, runner, dataloader: DataLoader | dict, max_iters: int,
                 **kwargs) -> None:
        self.dataloader: Any
        BaseLoop.__init__(self, runner, dataloader)
        loader: Any = self.dataloader
        # mmengine's would start the workers at the first sample.
        super().__init__(runner, _Unread(loader.dataset), max_iters, **kwargs)
        self.dataloader = loader
        self.dataloader_iterator: Any = None
        self._sampler = _positionable_sampler(loader)
        # One draw here as in mmengine, or initial weights would differ; none
        # when the workers start, regardless of the iteration.
        seed = torch.empty((), dtype=torch.int64).random_()
        if loader.generator is None:
            loader.generator = torch.Generator().manual_seed(int(seed))

    def run(self) -> torch.nn.Module:
        """Train until the last iteration."""
        self.runner.call_hook('before_train')
        self.runner.call_hook('before_train_epoch')
        self._start_loading()
        if self._iter > 0:
            self._restore_random_state()
        self._validate_if_cut_off()
        if self._iter >= self._max_iters:
            self.runner.logger.info(f'all {self._max_iters} iterations are '
                                    'done, nothing is left to train')
        while self._iter < self._max_iters and not self.stop_training:
            self.runner.model.train()
            self.run_iter(next(self.dataloader_iterator))
            self._validate_if_due()
        self.runner.call_hook('after_train_epoch')
        self.runner.call_hook('after_train')
        return self.runner.model

    def run_iter(self, data_batch: Sequence[dict]) -> None:
        """Run one iteration and record which samples have been used."""
        if self._sampler is not None:
            self._used += self._samples_per_iter
            self._note_position()
        super().run_iter(data_batch)

    @property
    def _samples_per_iter(self) -> int:
        """Samples per iteration over all processes."""
        batch_size = self.dataloader.batch_sampler.batch_size
        return batch_size * self._sampler.world_size

    def _start_loading(self) -> None:
        """Start the workers at the first unused sample."""
        if self._sampler is None:
            return self._read_through()
        position = self._recall('data_position') or dict(
            samples=self._iter * self._samples_per_iter,
            seed=self._sampler.seed)
        self._used = position['samples']
        # Keep the previous order; the config may have no seed.
        self._sampler.start_at(self._used, seed=position['seed'])
        self._note_position()
        self.dataloader_iterator = iter(self.dataloader)
        if self._iter > 0:
            self.runner.logger.info(
                f'continuing after iteration {self._iter} of '
                f'{self._max_iters}, with sample {self._used} of the order; '
                'later iterations in earlier logs are computed again')

    def _read_through(self) -> None:
        """Read past data as in mmengine, for samplers without ``start_at``."""
        from mmengine.runner.loops import _InfiniteDataloaderIterator
        self.dataloader_iterator = _InfiniteDataloaderIterator(self.dataloader)
        if self._iter > 0:
            self.runner.logger.warning(
                f'reading through the data of {self._iter} past iterations: '
                'only SeededInfiniteSampler can start in the middle')
        for _ in range(self._iter):
            next(self.dataloader_iterator)

    def _note_position(self) -> None:
        self.runner.message_hub.update_info(
            'data_position', dict(samples=self._used, seed=self._sampler.seed))

    def _recall(self, name: str) -> Any:
        return self.runner.message_hub.runtime_info.get(name)

    def _restore_random_state(self) -> None:
        """Restore this rank's random state, or that of a lower rank."""
        states = self._recall('random_states')
        if states:
            set_random_state(states[get_rank() % len(states)])
        else:
            self.runner.logger.info('the checkpoint holds no random state: '
                                    'random numbers start again')

    def _validate_if_cut_off(self) -> None:
        """Validate if the run was killed during validation.

        mmengine's checkpoints, which do not record it, count as validated.
        """
        validated = self._recall('last_validation')
        if validated is None:
            self.runner.message_hub.update_info('last_validation', self._iter)
        elif validated != self._iter:
            self._validate_if_due()

    def _validate_if_due(self) -> None:
        """Validate every ``val_interval`` iterations and after the last."""
        self._decide_current_val_interval()
        if self.runner.val_loop is None or self._iter < self.val_begin:
            return
        if self._iter % self.val_interval == 0 or \
                self._iter == self._max_iters:
            # No checkpoint is written before the validation ends.
            self.runner.message_hub.update_info('last_validation', self._iter)
            with kept_random_state():
                self.runner.val_loop.run()
            self.runner.call_hook('after_train_val')


def _positionable_sampler(loader: DataLoader):
    """Return the loader's sampler if it has ``start_at``, else None."""
    # Other batch samplers may buffer samples.
    if type(loader.batch_sampler) is not BatchSampler:
        return None
    sampler = loader.batch_sampler.sampler
    return sampler if hasattr(sampler, 'start_at') else None
