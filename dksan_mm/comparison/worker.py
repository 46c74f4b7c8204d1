# Copyright (c) DKSAN-MM contributors.
"""Restoration and scoring of the frames by one model.

Frames are processed as in tools/test.py: the config's data set and pipeline,
mmagic's preprocessing, the same metric classes. Frames of an interrupted run
are read instead of computed; metrics use 8-bit frames, so the scores are
equal.
"""
import inspect
import statistics
from collections.abc import Callable
from typing import Any

import torch
from mmagic.registry import DATASETS, METRICS
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from torch.utils.data import DataLoader, Subset

from dksan_mm.analysis.meter import Meter
from dksan_mm.cli.scales import set_scale
from dksan_mm.io.images import read_image
from dksan_mm.utils.process_memory import resident_memory
from dksan_mm.utils.rounding import round_to_uint8
from . import journal, scores
from .models import (build_model, count_multiply_adds, count_parameters,
                     device_name, find_device)
from .request import Task, dataset_config, read_config

Tell = Callable[..., None]


class ModelRun:
    """Runs one model over all frames; call :meth:`run` once.

    Args:
        task (Task): Model, frames and options.
        tell (Callable): Called as ``tell('frames', clips, missing, there)`` at
            the start, ``tell('tick', clips, frames)`` after each computed
            frame, and ``tell('note', text)`` with messages for the user.
    """

    def __init__(self, task: Task, tell: Tell) -> None:
        self.task, self.tell = task, tell
        self.config = read_config(task.model)
        if task.data.scale != 16:
            set_scale(self.config, task.data.scale)
        self.device = find_device(task.device)
        init_default_scope(self.config.get('default_scope', 'mmagic'))
        base = resident_memory()
        self.model: Any
        self.model, self.untrained = build_model(self.config, task.model)
        self.model.to(self.device).eval()
        self.dataset = DATASETS.build(dataset_config(self.config, task.data))
        self.metrics = [
            METRICS.build(scores.config_of(name)) for name in task.metrics
        ]
        for metric in self.metrics:
            metric.prepare(self.model, DataLoader(self.dataset))
        self.journal = journal.Journal(task.notes, task.frames,
                                       self._fingerprint())
        self.clips = self._list_clips()
        self.network = getattr(self.model, 'generator', self.model)
        self.meter = Meter(self.device, base)
        self.meter.watch(self.model)
        self.done = 0

    def run(self) -> dict:
        """Restore and score all frames.

        Returns:
            dict: ``averages`` (value by metric), ``videos`` (by video and
            metric), ``frames`` (by video, frame and metric), ``metrics``
            (unit, decimals and direction of each value), ``clips``
            (description of each video's frames), and the model's costs.
        """
        self._announce()
        rows: list[list] = [[] for _ in self.metrics]
        for number, clip in enumerate(self.clips):
            for all_rows, added in zip(rows, self._score_clip(clip, number)):
                all_rows += added
        return dict(
            **self._average(rows),
            clips={clip: self._describe(clip)
                   for clip in self.clips},
            untrained=self.untrained,
            network=type(self.network).__name__,
            **self._costs())

    def _average(self, rows: list[list]) -> dict[str, dict]:
        """Compute averages of all rows: in total, by video and by frame."""
        averages: dict[str, float] = {}
        described: dict[str, dict] = {}
        videos: dict[str, dict] = {clip: {} for clip in self.clips}
        frames: dict[str, dict] = {clip: {} for clip in self.clips}
        for metric, found in zip(self.metrics, rows):
            for clip, frame, values in found:
                frames[clip].setdefault(frame, {}).update(values)
            metric.results.extend(map(tuple, found))
            means = metric.evaluate()
            averages.update(means)
            for name in means:
                described[name] = dict(
                    better=metric.better,
                    digits=metric.digits,
                    unit=metric.unit)
            for clip, values in metric.videos.items():
                videos[clip].update(values)
        return dict(
            averages=averages, videos=videos, frames=frames, metrics=described)

    def _fingerprint(self) -> dict[str, str]:
        """Return digests of what restored frames depend on, except LR."""
        model, config = self.task.model, self.config
        dataset = config.test_dataloader.dataset
        found = dict(
            config=journal.digest([
                config.model.to_dict(),
                dataset.num_input_frames,
                dataset.get('pipeline'),
                config.get('randomness') if self.untrained else None,
            ]),
            checkpoint='none',
            code=journal.code_digest(),
            torch=torch.__version__,
            device=self.device.type)
        if model.checkpoint:
            found['checkpoint'] = journal.file_digest(model.checkpoint)
        return found

    def _list_clips(self) -> dict[str, dict]:
        """Return sample indices, sample keys and digests of each clip."""
        clips: dict[str, dict] = {}
        for index in range(len(self.dataset)):
            info = self.dataset.get_data_info(index)
            clip = clips.setdefault(info['clip'],
                                    dict(indices=[], keys=[], hr=[]))
            clip['indices'].append(index)
            clip['keys'].append(info['key'])
            clip['hr'].append(info['gt_path'])
            clip['lr'] = info['img_path']
        scoring = self._scoring()
        for clip in clips.values():
            clip['source'] = journal.content_digest(clip['lr'])
            clip['scored'] = journal.digest(
                [scoring, clip['keys'], clip['source'],
                 journal.stat_digest(clip['hr'])])  # yapf: disable
        return clips

    def _scoring(self) -> list:
        """Return what the scores depend on but for the frames."""
        metrics = [scores.config_of(name) for name in self.task.metrics]
        scoring = [journal.scoring_digest(), metrics]
        own = [
            inspect.getfile(config['type'])
            for name, config in zip(self.task.metrics, metrics)
            if scores.is_own(name)
        ]
        return [*scoring, journal.content_digest(own)] if own else scoring

    def _announce(self) -> None:
        """Report the amount of work, and what is not reused and why."""
        if self.journal.changed:
            self.tell(
                'note', 'its frames are computed again: changed since they '
                f'were written: {", ".join(self.journal.changed)}')
        missing = sum(not self.journal.has_frame(key, clip['source'])
                      for name, clip in self.clips.items()
                      for key in self._needed(name))
        self.tell('frames', len(self.clips), missing,
                  len(self.dataset) - missing)
        if missing:
            self._warm_up()

    def _needed(self, name: str) -> list[str]:
        """Return the frames of a clip that must be on the disk now."""
        clip = self.clips[name]
        if self.task.keep_all or self.journal.scores(name,
                                                     clip['scored']) is None:
            return clip['keys']
        return [shown(clip['keys'])]

    @torch.no_grad()
    def _warm_up(self) -> None:
        """Let operators compile before times are measured."""
        window = torch.zeros(1, self.network.num_frames, 3, 32, 32)
        self.model.forward_tensor(window.to(self.device))

    def _score_clip(self, name: str, number: int) -> list[list]:
        """Return the rows of each metric for a clip with written frames."""
        clip = self.clips[name]
        rows = self.journal.scores(name, clip['scored'])
        complete = all(
            self.journal.has_frame(key, clip['source'])
            for key in self._needed(name))
        if rows is None or not complete:
            for key, data in zip(clip['keys'], self._load(clip['indices'])):
                sample = self._restore(key, data, clip['source'], number)
                for metric in self.metrics:
                    metric.process(None, [sample])
            for metric in self.metrics:
                metric.finish_videos()
            rows = [list(metric.results) for metric in self.metrics]
            for metric in self.metrics:
                metric.results.clear()
            self.journal.add_scores(name, clip['scored'], rows)
        keep = clip['keys'] if self.task.keep_all else [shown(clip['keys'])]
        self.journal.tidy(name, keep)
        return rows

    def _load(self, indices: list[int]) -> DataLoader:
        """Load the clip's samples in order, by the config's pipeline."""
        # On a CPU, decoding processes would compete with the network whose
        # time is measured.
        workers = 0
        if self.device.type == 'cuda':
            workers = self.config.test_dataloader.get('num_workers', 0)
        return DataLoader(
            Subset(self.dataset, indices),
            batch_size=1,
            num_workers=workers,
            collate_fn=pseudo_collate)

    @torch.no_grad()
    def _restore(self, key: str, data: dict, source: str, number: int) -> dict:
        """Return a sample with its prediction, as metrics expect it."""
        image = self.journal.read_frame(key, source)
        if image is not None:
            data = self.model.data_preprocessor(data, False)
            sample = data['data_samples'].split()[0].to_dict()
            pixels = torch.from_numpy(image.transpose(2, 0, 1).copy())
            return dict(sample, output=dict(pred_img=pixels.float()))
        sample = self.model.test_step(data)[0].to_dict()
        pixels = sample['output']['pred_img'].float().numpy()
        image = round_to_uint8(pixels).transpose(1, 2, 0)
        seconds, memory = self.meter.last or (0., 0)  # of test_step
        self.journal.add_frame(
            key, image, source=source, seconds=seconds, memory=memory)
        self.done += 1
        self.tell('tick', number, self.done)
        return sample

    def _describe(self, name: str) -> dict:
        """Describe the frames of one clip."""
        clip = self.clips[name]
        height, width = read_image(clip['lr'][0]).shape[:2]
        return dict(
            frames=[key.rpartition('/')[2] for key in clip['keys']],
            available=len(clip['lr']),
            lr_size=[height, width],
            shown=shown(clip['keys']).rpartition('/')[2])

    def _costs(self) -> dict:
        """Return parameters, multiply-adds, time and memory."""
        noted = [
            self.journal.facts(key) for clip in self.clips.values()
            for key in clip['keys']
        ]
        seconds = [facts['seconds'] for facts in noted]
        first = next(iter(self.clips))
        lr_size = self._describe(first)['lr_size']
        return dict(
            parameters=count_parameters(self.model),
            multiply_adds=count_multiply_adds(self.model, lr_size),
            multiply_adds_lr_size=lr_size,
            seconds_per_frame=statistics.median(seconds),
            seconds_range=[min(seconds), max(seconds)],
            peak_memory=max(facts['memory'] for facts in noted),
            peak_memory_kind=self.meter.kind,
            device=device_name(self.device),
            threads=torch.get_num_threads())


def shown(keys: list[str]) -> str:
    """Return the frame of a clip that the report shows, the middle one."""
    return keys[len(keys) // 2]
