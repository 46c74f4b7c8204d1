# Copyright (c) DKSAN-MM contributors.
"""Preparation and verification of whole data sets, in worker processes."""
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

from dksan_mm.utils.progress import Progress
from .manifest import read_manifest, write_annotation, write_manifest
from .messages import explain
from .parallel import run_parallel
from .settings import Settings, is_of_source
from .sources import Clip, count_frames
from .verify import PreparedClip, find_prepared, find_unfinished, verify_clip
from .writer import ClipWriter

Tick = Callable[[], None]


class Preparation:
    """Prepares clips and records them in the manifests of their splits.

    Args:
        clips (Sequence[Clip]): Clips of the source, at least one.
        out (str): Root of the prepared data set, which the caller has locked
            (see :func:`~dksan_mm.prepare.target.open_target`).
        settings (Settings): Scale, number of frames and so on.
        skip_bad (bool): Whether to continue after a damaged clip.
        report (Callable[[list[str]], object]): Called with the notes on each
            clip that was prepared.

    Attributes:
        failures (list[str]): One sentence for each clip that failed.

    Raises:
        ValueError: If a manifest is damaged; names the path.
    """

    def __init__(self,
                 clips: Sequence[Clip],
                 out: str,
                 *,
                 settings: Settings,
                 skip_bad: bool = False,
                 report: Callable[[list[str]], object]) -> None:
        self.clips, self.out, self.settings = clips, out, settings
        self.skip_bad, self.report = skip_bad, report
        self.failures: list[str] = []
        self._manifests = {
            clip.split: read_manifest(out, clip.split)
            for clip in clips
        }

    def run(self, jobs: int) -> Exception | None:
        """Prepare the clips; the same call continues after an interrupt.

        Args:
            jobs (int): Number of processes.

        Returns:
            Exception | None: Error that stopped the run, if one did.
        """
        counts = [count_frames(clip) for clip in self.clips]
        # The longest first, so that no process ends alone with a long clip.
        order = sorted(range(len(counts)), key=lambda i: -counts[i])
        tasks = [self._task(self.clips[i]) for i in order]
        with closing(
                run_parallel(prepare_one, tasks, self._progress(counts),
                             jobs)) as results:
            for (clip, *_), result in results:
                if not isinstance(result, Exception):
                    self._record(clip, result)
                    continue
                self.failures.append(explain(result))
                if not (self.skip_bad and is_of_source(result, self.out)):
                    return result
        for split, manifest in self._manifests.items():
            if manifest:
                write_annotation(self.out, split, manifest)
        return None

    def _task(self, clip: Clip) -> tuple:
        known = self._manifests[clip.split].get(clip.name)
        return clip, self.out, self.settings, known

    def _progress(self, counts: list[int]) -> Progress:
        limit = self.settings.max_frames or max(counts)
        total = sum(min(count, limit) for count in counts)
        total *= 1 + (self.settings.store != 'png')  # stores count once more
        return Progress('prepare', len(counts), total)

    def _record(self, clip: Clip, entry: dict[str, Any]) -> None:
        manifest = self._manifests[clip.split]
        if manifest.get(clip.name) != entry:
            manifest[clip.name] = entry
            self.report(entry.get('notes', []))
            write_manifest(self.out, clip.split, manifest)
        ClipWriter(clip, self.out, settings=self.settings).close()


def prepare_one(task: tuple, tick: Tick) -> dict[str, object]:
    """Prepare one clip in a worker process; return its manifest entry."""
    clip, out, settings, known = task
    _use_one_thread()
    return ClipWriter(clip, out, settings=settings, on_frame=tick).run(known)


def verify_data_set(out: str, splits: list[str], scale: int,
                    jobs: int) -> tuple[int, list[str]]:
    """Check a prepared data set without changing it.

    Args:
        out (str): Root of the prepared data set.
        splits (list[str]): Splits to check; all existing ones by default.
        scale (int): Scale factor, HR pixels per LR pixel along each axis.
        jobs (int): Number of processes.

    Returns:
        tuple[int, list[str]]: Number of clips, and one sentence per problem.

    Raises:
        FileNotFoundError: If there is nothing to check; names the path.
        ValueError: If a manifest is damaged; names the path.
    """
    clips = find_prepared(out, splits, scale)
    total = sum((clip.entry or {}).get('frames', 0) for clip in clips)
    problems = [
        f'{path}: unfinished; run the preparation again'
        for path in find_unfinished(out, splits)
    ]
    for _, found in run_parallel(verify_one, [(clip, scale) for clip in clips],
                                 Progress('verify', len(clips), total), jobs):
        problems += [explain(found)] if isinstance(found, Exception) else found
    return len(clips), problems


def verify_one(task: tuple[PreparedClip, int], tick: Tick) -> list[str]:
    """Check one prepared clip in a worker process; return its problems."""
    _use_one_thread()
    return verify_clip(*task, tick)


def _use_one_thread() -> None:
    """Let OpenCV use one thread, since the processes share the cores."""
    import cv2
    cv2.setNumThreads(1)
