# Copyright (c) DKSAN-MM contributors.
"""Files with wrong bytes yield frames or one sentence, never a crash."""
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.animated_files import random_frames, write_apng
from helpers.color_frames import encode, make_frame, patches, write_frames
from helpers.interlaced_files import write_interlaced
from helpers.video_files import H264, LOSSLESS, make_video, moving
from PIL import Image

pytestmark = pytest.mark.slow

# Reads each file as both tools do; says which it was at if it crashes.
CHILD = '''
import sys
from dksan_mm.prepare.sources import Clip, count_frames, iter_frames
from dksan_mm.io.video.readers import open_source
for path in sys.argv[1:]:
    print('at', path, flush=True)
    for read in (lambda: list(open_source(path)),
                 lambda: list(open_source(path, keep_color=True)),
                 lambda: [f() for _, f in iter_frames(Clip('c', '', path))],
                 lambda: count_frames(Clip('c', '', path))):
        try:
            read()
        except (ValueError, OSError) as error:
            text = str(error)
            if path not in text or '\\n' in text:
                print('no sentence:', type(error), text)
'''
COUNT = int(os.environ.get('DKSAN_MUTATIONS', 8))  # of each file


def write_all(folder):
    """Write a file of each kind; return its name."""
    make_video(folder / 'a.mp4', moving(4, (48, 64)), audio='aac', **H264)
    make_video(folder / 'b.mkv', moving(4, (48, 64)), **LOSSLESS)
    write_interlaced(folder / 'c.mkv', count=3)
    frame = make_frame(
        'yuv420p10le',
        encode(patches(), 9, False, 10),
        color_primaries=9,
        color_trc=16)
    write_frames(folder / 'd.mp4', [frame] * 2, 'libx264')
    write_apng(folder / 'e.png', random_frames(4, np.uint16))
    images = [Image.fromarray(image) for image in moving(4)]
    for name in ('f.gif', 'g.webp', 'h.png'):
        images[0].save(folder / name, save_all=True, append_images=images[1:])
    return sorted(folder.iterdir())


def mutate(content, seed):
    """Change, remove or insert some bytes, mostly near the start."""
    chance, content = random.Random(seed), bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        size = len(content)
        if size < 50:
            break
        place = min(
            chance.randrange(size),
            chance.choice((chance.randrange(1200), size)))
        kind = chance.choice(('change', 'change', 'cut', 'insert', 'end'))
        if kind == 'change':
            content[place] ^= 1 << chance.randrange(8)
        elif kind == 'cut':
            del content[place:place + chance.randrange(1, 40)]
        elif kind == 'insert':
            content[place:place] = chance.randbytes(chance.randrange(1, 12))
        elif chance.random() < 0.3:
            del content[max(place, 8):]
    return bytes(content)


@pytest.mark.parametrize('number', range(8))
def test_mutated_files(tmp_path, number):
    (tmp_path / 'whole').mkdir()
    source = write_all(tmp_path / 'whole')[number]
    paths = []
    for seed in range(COUNT):
        path = tmp_path / f'{seed}{source.suffix}'
        path.write_bytes(mutate(source.read_bytes(), seed))
        paths.append(str(path))
    done = subprocess.run([sys.executable, '-c', CHILD, *paths],
                          capture_output=True,
                          text=True,
                          timeout=60 + 10 * COUNT,
                          cwd=Path(__file__).parents[3])
    assert done.returncode == 0, (done.stdout[-300:], done.stderr[-2000:])
    assert [
        line for line in done.stdout.splitlines() if not line.startswith('at ')
    ] == []
