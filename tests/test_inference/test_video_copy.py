# Copyright (c) DKSAN-MM contributors.
"""A video whose frames are changed; test_restore_video.py has the rest."""
import numpy as np
from helpers.video_files import make_video, moving, read_packets, read_video

from dksan_mm.inference.video_copy import copy_video


def test_frames_are_changed_and_all_else_is_kept(tmp_path):
    images, pts = moving(4), [0, 40, 90, 200]
    source = make_video(tmp_path / 'a.mkv', images, pts=pts, audio='pcm_s16le')
    seen = []
    report = copy_video(
        lambda frames: (frame[:, ::-1] for frame in frames),
        source,
        tmp_path / 'b.mkv',
        crf=0,
        progress=lambda *counts: seen.append(counts))
    assert (report.num_frames, report.complaints) == (4, [])
    assert [done for done, _ in seen] == [1, 2, 3, 4]
    found = read_video(tmp_path / 'b.mkv')
    assert [float(time) for time, _ in found] == [t / 1000 for t in pts]
    for (_, image), original in zip(found, images):
        # Colours at half the resolution; brightness is kept.
        grey = [one.mean(2) for one in (image, original[:, ::-1])]
        assert np.abs(np.subtract(*grey)).mean() < 12
    assert read_packets(tmp_path / 'b.mkv') == read_packets(source)
