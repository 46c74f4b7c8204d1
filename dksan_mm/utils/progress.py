# Copyright (c) DKSAN-MM contributors.
"""Progress of long work on clips: a bar in a terminal, else lines."""
import sys
import time

from rich import progress


class Progress:
    """Shows the progress, the speed and the remaining time.

    In a terminal this is rich's bar; elsewhere, such as in a log, it is a
    line every 5 seconds and at the end.

    Args:
        label (str): Name of the work.
        clips (int): Number of clips.
        frames (int): Estimated number of frames; 0 if unknown.
    """

    def __init__(self, label: str, clips: int, frames: int) -> None:
        self.label, self.clips, self.frames = label, clips, frames
        self.start = self.shown = time.monotonic()
        self._bar: progress.Progress | None = None

    def __enter__(self) -> 'Progress':
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin(self, clips: int, frames: int) -> None:
        """Start counting up to numbers of clips and frames."""
        self.clips, self.frames = clips, frames
        self.start = self.shown = time.monotonic()

    def close(self) -> None:
        """Release the terminal."""
        if self._bar:
            self._bar.stop()
        self._bar = None

    def show(self, clips: int, frames: int, *, last: bool = False) -> None:
        """Show a state.

        Args:
            clips (int): Number of finished clips.
            frames (int): Number of finished frames.
            last (bool): Whether to keep it, since other lines follow.
        """
        if sys.stdout.isatty():
            self._update(clips, frames)
        now = time.monotonic()
        if last or not self._bar and now - self.shown >= 5:
            self.shown = now
            self.close()
            sys.stdout.write(f'{self._line(clips, frames, last)}\n')
            sys.stdout.flush()

    def _line(self, clips: int, frames: int, last: bool) -> str:
        rate = frames / max(time.monotonic() - self.start, 1e-6)
        line = f'{self.label}: {self._count(clips, frames)}'
        if frames:
            line += f', {rate:.{1 if rate >= 1 else 3}f} frames/s'
        if self.frames > frames and rate > 0 and not last:
            left = round((self.frames - frames) / rate)
            line += f', about {left // 60}:{left % 60:02d} min left'
        return line

    def _count(self, clips: int, frames: int) -> str:
        line = f'{clips}/{self.clips} clips'
        if frames:
            line += f', {frames}/{max(self.frames, frames)} frames'
        return line

    def _update(self, clips: int, frames: int) -> None:
        if not self._bar:
            self._bar = progress.Progress(
                progress.TextColumn('{task.description}'),
                progress.BarColumn(),
                progress.TextColumn('{task.fields[count]}'),
                progress.TimeRemainingColumn(),
                transient=True)
            self._bar.start()
            self._bar.add_task(self.label, count='')
        whole = frames and self.frames
        self._bar.update(
            self._bar.task_ids[0],
            total=max(self.frames, frames) if whole else self.clips,
            completed=frames if whole else clips,
            count=self._count(clips, frames))
