# Copyright (c) DKSAN-MM contributors.
"""Samplers: the same crops for any number of processes; blocks of frames."""
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
    """A sample's index with the seed of its augmentation.

    mmengine's ``RepeatDataset`` and ``ConcatDataset`` find the index within
    a data set by ``%`` and ``-``; the seed stays with it.

    Args:
        index (int): The index.
        seed (int): In ``[0, 2 ** 32)``.
    """

    seed: int

    def __new__(cls, index: int, seed: int) -> 'SeededIndex':
        self = super().__new__(cls, index)
        self.seed = seed
        return self

    def __getnewargs__(self) -> Any:  # on the way to a worker
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

    Augmentations draw from numpy's global generator, which every loader
    worker seeds in its own way: with other numbers of workers the same run
    sees other crops. Here the n-th sample of a run carries a seed that
    depends on the run's seed and on n alone, so crops and flips are the same
    for any number of workers and of ranks (at an equal total batch), and
    differ from epoch to epoch.

    For :class:`VideoWindowDataset`, also several of them in mmengine's
    ``ConcatDataset``. Each rank reads the samples that it yields, no others.

    Args:
        dataset (Sized): The data set.
        shuffle (bool): Whether each epoch is a random permutation.
        seed (int, optional): Seed of the order and of the samples. The same
            on all ranks; mmengine's Runner passes its own.
    """

    seed: int
    first = 0  # of the sequence's samples, for all ranks

    def start_at(self, count: int, *, seed: int | None = None) -> None:
        """Leave out samples that are used up, without loading them.

        It takes a tenth of a second per million.

        Args:
            count (int): Samples of the common sequence, of all ranks, that
                come no more.
            seed (int, optional): Seed of the sequence they were taken from;
                None: the sampler's.
        """
        self.first = count
        self.seed = self.seed if seed is None else seed
        self.indices = self._indices_of_rank()

    def _indices_of_rank(self) -> Iterator[SeededIndex]:
        """Every ``world_size``-th sample of the common sequence."""
        for count, index in islice(
                enumerate(self._infinite_indices()), self.first + self.rank,
                None, self.world_size):
            seed = np.random.SeedSequence([self.seed, count])
            yield SeededIndex(index, int(seed.generate_state(1)[0]))


@DATA_SAMPLERS.register_module()
class ConsecutiveSampler(Sampler):
    """Gives each process a block of consecutive samples, in order.

    mmengine's ``DefaultSampler`` deals them out in turn, so no process sees
    two consecutive frames, which ``VideoTemporalError`` needs. All blocks
    have the same length; what is missing at the end is filled with the last
    sample.

    Args:
        dataset (Sized): The data set.
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
    """Seed numpy's and Python's global generators for a while.

    Args:
        seed (int): In ``[0, 2 ** 32)``. The generators' states are put back
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
