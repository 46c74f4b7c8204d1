# Copyright (c) DKSAN-MM contributors.
"""Results of comparisons, without running any model."""
import numpy as np

VIDEOS = ('<b>x</b>', '"|_`')  # names that a page or table might take as code


def model_results(videos, **others):
    """Return a model's part of the results: PSNR and NIQE by video."""
    names = ('PSNR', 'NIQE')
    scores = {v: dict(zip(names, values)) for v, values in videos.items()}
    means = {
        n: float(np.mean([s[n] for s in scores.values() if n in s]))
        for n in names
    }
    return dict(
        dict(
            config='a.py',
            checkpoint=None,
            averages=means,
            videos=scores,
            untrained=False,
            network='Net',
            parameters=1_234_567,
            multiply_adds=39_400_000_000,
            multiply_adds_lr_size=[6, 8],
            seconds_per_frame=1.125,
            peak_memory=300 << 20,
            peak_memory_kind='growth of resident memory',
            device='cpu',
            threads=2), **others)


def make_results(models):
    """Return the results of collect() for two videos."""
    return dict(
        data=dict(
            root='r',
            split='val',
            max_frames=None,
            scale=16,
            videos={
                v: dict(frames=['000000'], available=5, shown='000000')
                for v in VIDEOS
            }),
        metrics=dict(
            PSNR=dict(better='higher', digits=2, unit='dB'),
            NIQE=dict(better='lower', digits=3, unit='')),
        models=models,
        paper=None,
        versions=dict(torch='2'),
        machine=dict(cpu='a <cpu>', cores=2),
        command='compare.py --out "<o>"',
        date='2026-01-01')
