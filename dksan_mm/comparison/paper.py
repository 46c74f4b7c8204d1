# Copyright (c) DKSAN-MM contributors.
"""The paper's printed numbers (tables 1-3), where the data set is its own."""
import json
import os.path as osp
from collections.abc import Mapping

PATH = osp.join(osp.dirname(osp.abspath(__file__)), 'paper.json')


def find_paper(available: Mapping[str, int]) -> dict | None:
    """The paper's numbers for a data set, if it is one of the paper's.

    Vid3oC's validation split is 050-065 of 120 frames each, IntVID is
    050-059, of other lengths (paper, sec. 4).

    Args:
        available (dict[str, int]): Each clip's name and number of frames.

    Returns:
        dict | None: ``name``, ``tables``, ``frames`` (scored of each video),
        ``videos``, ``columns`` (each with ``title``, ``psnr``, ``average``
        and, if printed, ``parameters_million`` and ``seconds_per_frame``),
        ``source`` and ``timing``.
    """
    with open(PATH, encoding='utf-8') as file:
        paper = json.load(file)
    for dataset in paper.pop('datasets'):
        stated = dataset.pop('available')
        full = set(available.values()) == {120}
        if list(available) == dataset['videos'] and full == bool(stated):
            return dict(paper, **dataset)
    return None
