# Copyright (c) DKSAN-MM contributors.
"""Samplers: reproducible crops for training, blocks of frames for tests."""
import random
from collections.abc import Iterator, Sized
from contextlib import contextmanager
from itertools import islice
from typing import Any

import numpy as np
from mmagic.registry import DATA_SAMPLERS
from mmengine.dataset import InfiniteSampler
from mmengine.dist import get_dist_info
from torch.utils.data import Sampler


class SeededIndex(int):
    """Index of a sample with the seed of its augmentation.

    mmengine's ``RepeatDataset`` and ``ConcatDataset`` compute the index within
    a data set by ``%`` and ``-``, which preserve the seed.

    Args:
        index (int): Index of the sample.
        seed (int): Seed in ``[0, 2 ** 32)``.
    """

    seed: int

    def __new__(cls, index: int, seed: int) -> 'SeededIndex':
        self = super().__new__(cls, index)
        self.seed = seed
        return self

    def __getnewargs__(self) -> Any:  # pickled for workers
        return int(self), self.seed

    def __mod__(self, other: int) -> 'SeededIndex':
        return SeededIndex(int(self) % other, self.seed)

    def __sub__(self, other: int) -> 'SeededIndex':
        return SeededIndex(int(self) - other, self.seed)

    def __repr__(self) -> str:
        return f'{type(self).__name__}({int(self)}, seed={self.seed})'


@DATA_SAMPLERS.register_module()
class SeededInfiniteSampler(InfiniteSampler):
    """mmengine's ``InfiniteSampler`` with a seed for each sample.

    Augmentations draw from numpy's global generator, which each data loader
    worker seeds separately, so that the crops of a run depend on the number of
    workers. Here, the seed of the n-th sample depends only on the run's seed
    and n. Crops and flips are thus the same for any number of workers and
    ranks with equal total batch size, and they differ between epochs.

    It is for :class:`VideoWindowDataset`, also within mmengine's
    ``ConcatDataset``. Each rank reads only the samples that it yields.

    Args:
        dataset (Sized): Data set.
        shuffle (bool): Whether each epoch is a random permutation.
        seed (int, optional): Seed of the order and of the samples, equal on
            all ranks; mmengine's Runner passes its own.
    """

    seed: int
    first = 0  # index of the first sample, over all ranks

    def start_at(self, count: int, *, seed: int | None = None) -> None:
        """Skip samples that have been used, without loading them.

        Skipping takes 0.1 s per million samples.

        Args:
            count (int): Number of samples to skip in the sequence that all
                ranks share.
            seed (int, optional): Seed of that sequence. Default: the
                sampler's.
        """
        self.first = count
        self.seed = self.seed if seed is None else seed
        self.indices = self._indices_of_rank()

    def _indices_of_rank(self) -> Iterator[SeededIndex]:
        """Yield every ``world_size``-th sample of the shared sequence."""
        for count, index in islice(
                enumerate(self._infinite_indices()), self.first + self.rank,
                None, self.world_size):
            seed = np.random.SeedSequence([self.seed, count])
            yield SeededIndex(index, int(seed.generate_state(1)[0]))


@DATA_SAMPLERS.register_module()
class ConsecutiveSampler(Sampler):
    """Sampler of a block of consecutive samples for each process.

    mmengine's ``DefaultSampler`` alternates between processes, so that none
    gets two consecutive frames, which ``VideoTemporalError`` needs. All blocks
    have the same length; the last ones are padded with the last sample.

    Args:
        dataset (Sized): Data set.
        seed (int, optional): Not used; mmengine's Runner passes one.
    """

    def __init__(self, dataset: Sized, seed: int | None = None) -> None:
        self.rank, world_size = get_dist_info()
        self.total = len(dataset)
        self.length = -(-self.total // world_size)

    def __iter__(self) -> Iterator[int]:
        first = self.rank * self.length
        for index in range(first, first + self.length):
            yield min(index, self.total - 1)

    def __len__(self) -> int:
        return self.length


@contextmanager
def numpy_seed(seed: int) -> Iterator[None]:
    """Seed the global generators of numpy and Python temporarily.

    Args:
        seed (int): Seed in ``[0, 2 ** 32)``. The previous states are restored
            afterwards.
    """
    states = np.random.get_state(), random.getstate()
    np.random.seed(seed)
    random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(states[0])
        random.setstate(states[1])
