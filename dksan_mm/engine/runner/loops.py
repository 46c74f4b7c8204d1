# Copyright (c) DKSAN-MM contributors.
"""Training that continues exactly where it was killed."""
from collections.abc import Sequence
from typing import Any

import torch
from mmagic.registry import LOOPS
from mmengine.dist import get_rank
from mmengine.runner import BaseLoop, IterBasedTrainLoop
from torch.utils.data import BatchSampler, DataLoader, Dataset

from .random_state import kept_random_state, set_random_state


class _Unread:
    """Stands for a loader whose workers are not to start yet."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    def __iter__(self):
        return iter(())


@LOOPS.register_module()
class ResumableTrainLoop(IterBasedTrainLoop):
    """mmengine's loop; resumed, it continues as if it had never stopped.

    * mmengine reads through the data of all past iterations. Here the loader
      starts at the first sample that no iteration has used, also with another
      batch or number of processes than before; for samplers that have
      ``start_at``, as :class:`SeededInfiniteSampler`.
    * Random generators continue where the checkpoint left them, each
      rank's, and validation leaves them alone.
    * A validation that was due at the checkpoint, and was cut off, is done.

    What it needs to know for that is in mmengine's message hub, which every
    checkpoint holds: ``data_position`` and ``last_validation`` are set here,
    ``random_states`` by :class:`AtomicCheckpointHook`.

    Args:
        runner (Runner): mmengine's.
        dataloader (DataLoader | dict): The loader, or its config.
        max_iters (int): Iterations of the whole training.
        **kwargs: Those of mmengine's ``IterBasedTrainLoop``.
    """

    def __init__(self, runner, dataloader: DataLoader | dict, max_iters: int,
                 **kwargs) -> None:
        self.dataloader: Any
        BaseLoop.__init__(self, runner, dataloader)
        loader: Any = self.dataloader
        # mmengine's would start the workers, at the very first sample.
        super().__init__(runner, _Unread(loader.dataset), max_iters, **kwargs)
        self.dataloader = loader
        self.dataloader_iterator: Any = None
        self._sampler = _positionable_sampler(loader)
        # One draw here, as mmengine's has it, or networks would start with
        # other weights; none when the workers start, at whatever iteration.
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
        """One iteration; its checkpoint says which samples are used up."""
        if self._sampler is not None:
            self._used += self._samples_per_iter
            self._note_position()
        super().run_iter(data_batch)

    @property
    def _samples_per_iter(self) -> int:
        """Samples of an iteration, of all processes together."""
        batch_size = self.dataloader.batch_sampler.batch_size
        return batch_size * self._sampler.world_size

    def _start_loading(self) -> None:
        """Start the workers at the first sample that is not used up."""
        if self._sampler is None:
            return self._read_through()
        position = self._recall('data_position') or dict(
            samples=self._iter * self._samples_per_iter,
            seed=self._sampler.seed)
        self._used = position['samples']
        # The order is the one it was; the config may have no seed at all.
        self._sampler.start_at(self._used, seed=position['seed'])
        self._note_position()
        self.dataloader_iterator = iter(self.dataloader)
        if self._iter > 0:
            self.runner.logger.info(
                f'continuing after iteration {self._iter} of '
                f'{self._max_iters}, with sample {self._used} of the order; '
                'what earlier logs say of later iterations is computed again')

    def _read_through(self) -> None:
        """mmengine's way, for samplers that cannot start in the middle."""
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
        """Continue with the random numbers of this rank, or of a like one."""
        states = self._recall('random_states')
        if states:
            set_random_state(states[get_rank() % len(states)])
        else:
            self.runner.logger.info('the checkpoint holds no random state: '
                                    'random numbers start again')

    def _validate_if_cut_off(self) -> None:
        """Validate if the run was killed while it did.

        Checkpoints without that note, mmengine's, count as validated.
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
            # No checkpoint to resume from is written before its end.
            self.runner.message_hub.update_info('last_validation', self._iter)
            with kept_random_state():
                self.runner.val_loop.run()
            self.runner.call_hook('after_train_val')


def _positionable_sampler(loader: DataLoader):
    """The loader's sampler if it can start in the middle, or None."""
    # Other batch samplers may hold samples back.
    if type(loader.batch_sampler) is not BatchSampler:
        return None
    sampler = loader.batch_sampler.sampler
    return sampler if hasattr(sampler, 'start_at') else None
