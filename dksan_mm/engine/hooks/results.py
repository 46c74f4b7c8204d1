# Copyright (c) DKSAN-MM contributors.
"""Results of a test as a file."""
import json
from pathlib import Path

from mmagic.registry import HOOKS
from mmengine.dist import master_only
from mmengine.hooks import Hook

from dksan_mm.io.outputs import write_output


@HOOKS.register_module()
class ResultsFileHook(Hook):
    """Write the means of a test and the values of each video to a JSON file.

    ``{"metrics": {name: value}, "videos": {video: {name: value}}}``, where
    names in ``metrics`` include their prefix.

    Args:
        path (str): Path of the file, which is written atomically.
        overwrite (bool): Whether to overwrite an existing file.
    """

    def __init__(self, path: str, *, overwrite: bool = False) -> None:
        self.path, self.overwrite = path, overwrite

    @master_only
    def after_test_epoch(self, runner, metrics: dict[str, float]) -> None:
        """Write the file."""
        videos: dict[str, dict[str, float]] = {}
        for metric in _metrics_of(runner.test_loop):
            for video, values in getattr(metric, 'videos', {}).items():
                videos.setdefault(video, {}).update(values)
        content = json.dumps(dict(metrics=metrics, videos=videos), indent=2)
        write_output(
            self.path,
            lambda name: Path(name).write_text(content, encoding='utf-8'),
            overwrite=self.overwrite)


def _metrics_of(loop) -> list:
    """Return the metrics of mmengine's loop, or of all mmagic evaluators."""
    evaluators = getattr(loop, 'evaluators', None) or [loop.evaluator]
    return [metric for evaluator in evaluators for metric in evaluator.metrics]
