# Copyright (c) DKSAN-MM contributors.
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from dksan_mm.utils import progress
from dksan_mm.utils.progress import Progress

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def clock(monkeypatch):
    """Return a function that advances the time by some seconds."""
    now = [100.]
    monkeypatch.setattr(progress.time, 'monotonic', lambda: now[0])

    def wait(seconds):
        now[0] += seconds

    return wait


def test_a_log_gets_a_line_every_five_seconds(clock, capsys):
    with Progress('upscale', 2, 40) as shown:
        for frame in range(1, 13):
            clock(1)
            shown.show(0, frame)
        clock(8)
        shown.show(2, 40, last=True)
    assert capsys.readouterr().out.splitlines() == [
        'upscale: 0/2 clips, 5/40 frames, 1.0 frames/s, about 0:35 min left',
        'upscale: 0/2 clips, 10/40 frames, 1.0 frames/s, about 0:30 min left',
        'upscale: 2/2 clips, 40/40 frames, 2.0 frames/s'
    ]


def test_frames_may_be_unknown_or_more_than_estimated(clock, capsys):
    shown = Progress('verify', 3, 0)
    clock(10)
    shown.show(1, 0)
    shown.begin(3, 4)
    clock(10)
    shown.show(2, 5)
    assert capsys.readouterr().out.splitlines() == [
        'verify: 1/3 clips', 'verify: 2/3 clips, 5/5 frames, 0.500 frames/s'
    ]


def in_terminal(code):
    """Return the text that a terminal receives from a script."""
    ours, theirs = pty.openpty()
    run = subprocess.Popen([sys.executable, '-c', code],
                           stdout=theirs,
                           stderr=theirs,
                           env=dict(
                               os.environ,
                               PYTHONPATH=str(ROOT),
                               TERM='xterm',
                               COLUMNS='100'))
    os.close(theirs)
    text = b''
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # Linux's end of a terminal
            part = b''
        if not part:
            break
        text += part
    os.close(ours)
    run.wait()
    return text.decode()


SCRIPT = """
from dksan_mm.utils.progress import Progress
with Progress('upscale', 2, 8) as shown:
    shown.show(0, 3)
    print('a note')
    {end}
"""


@pytest.mark.parametrize('end', ['shown.show(2, 8, last=True)', '1 / 0'])
def test_a_terminal_gets_a_bar_and_its_cursor_back(end):
    text = in_terminal(SCRIPT.format(end=end))
    hide, show = '\x1b[?25l', '\x1b[?25h'
    assert 'a note' in text
    assert text.count(hide) == text.count(show) == 1
    bar = text.index('/8 frames')
    assert text.index(hide) < bar < text.index(show)
    whole = text.find('upscale: 2/2 clips, 8/8 frames, ')
    assert (whole > text.index(show)) == ('last' in end)
