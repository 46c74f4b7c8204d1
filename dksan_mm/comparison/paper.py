# Copyright (c) DKSAN-MM contributors.
"""Numbers of the paper's tables 1-3, for the paper's data sets."""
import json
import os.path as osp
from collections.abc import Mapping

PATH = osp.join(osp.dirname(osp.abspath(__file__)), 'paper.json')


def find_paper(available: Mapping[str, int]) -> dict | None:
    """Return the paper's numbers if a data set is one of the paper's.

    The validation split of Vid3oC is 050-065 of 120 frames each; IntVID is
    050-059 of other lengths (paper, sec. 4).

    Args:
        available (dict[str, int]): Number of frames by clip name.

    Returns:
        dict | None: ``name``, ``tables``, ``frames`` (scored per video),
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
