# Copyright (c) DKSAN-MM contributors.
"""The page upscales like Python: pictures, animations and videos."""
import io
import zipfile

import av
import cv2
import numpy as np
import pytest
from helpers.animated_files import write_apng
from helpers.video_files import make_video, read_video
from helpers.web_page import difference, read_png, write_png
from PIL import Image

from dksan_mm import load_model, restore_frames
from dksan_mm.inference.scene_cuts import is_cut
from dksan_mm.inference.windows import restore_stream
from dksan_mm.utils.resize import matlab_resize

pytestmark = [pytest.mark.slow, pytest.mark.processes]


@pytest.fixture(scope='module')
def model():
    return load_model('dksan-s')


def read_zip(content):
    """Read frames of a ZIP file of PNGs, in order, without alpha."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert names == sorted(names)
        return [read_png(archive.read(name))[..., :3] for name in names]


@pytest.mark.parametrize('scale', [2, 4])
def test_a_picture_is_upscaled_as_by_python(page, model, clip, scale,
                                            tmp_path):
    page.choose(write_png(tmp_path / 'one frame.png', clip[0]))
    assert '33 × 21 pixels' in page.text()
    page.set_scale(scale)
    name, content = page.upscale()
    assert name == f'one frame-x{scale}.png'
    expected, = restore_frames(model, [clip[0]], scale=scale)
    assert difference(read_png(content)[..., :3], expected).max() <= 2
    assert page.errors() == []


def test_windows_and_cuts_are_those_of_python(page, model, clip, tmp_path):
    """Two scenes; the second is shorter than a window."""
    assert [is_cut(*pair) for pair in zip(clip, clip[1:])].count(True) == 1
    frames = [(frame, 0, 0, 1, 10, 0, 0) for frame in clip]
    page.choose(write_apng(tmp_path / 'clip.png', frames))
    assert 'animation, 33 × 21 pixels, 10 frames' in page.text()
    page.set_scale(2)
    page.save_as('frames')
    name, content = page.upscale()
    assert name == 'clip-x2.zip'
    expected = restore_frames(model, clip, scale=2, is_cut=is_cut)
    for made, wanted in zip(read_zip(content), expected, strict=True):
        assert difference(made, wanted).max() <= 2


class Indices:
    """Stand-in that records the indices of frames in a window."""
    num_frames = 7

    def encode(self, frame):
        return int(frame[0, 0, 0])

    def decode(self, window):
        return list(window)


@pytest.mark.parametrize('cuts', [[], [3], [1, 2, 9]])
@pytest.mark.parametrize('count', [1, 2, 3, 4, 7, 12])
def test_windows_of_any_clip(page, count, cuts):
    found = page.run(f'''(async () => {{
        const {{windows}} = await import('./windows.js');
        async function* frames() {{
          for (let i = 0; i < {count}; i++) yield i;
        }}
        const found = [];
        for await (const window of windows(frames(), async (i) => i, 7,
            (before, i) => {cuts}.includes(i))) found.push(window);
        return found;
    }})()''')
    frames = [np.full((1, 1, 3), i, np.uint8) for i in range(count)]
    assert found == list(
        restore_stream(Indices(), frames,
                       lambda before, frame: frame[0, 0, 0] in cuts))


def decoded(page, path):
    """Return frames as decoded by the page, and their times in seconds."""
    page.choose(path)
    found = page.run('''(async () => {
        const {openVideo} = await import('./videos.js');
        const file = document.getElementById('file').files[0];
        const found = [];
        for await (const frame of (await openVideo(file)).frames()) {
          found.push([frame.timestamp, [...frame.data]]);
        }
        return found;
    })()''')
    shape = read_video(path)[0][1].shape
    return [time for time, _ in found], [
        np.array(levels, np.uint8).reshape(*shape[:2], 4)[..., :3]
        for _, levels in found
    ]


def test_gifs_are_decoded_as_by_pillow(page, clip, tmp_path):
    first, *others = (Image.fromarray(frame).quantize() for frame in clip[:3])
    path = tmp_path / 'clip.gif'
    first.save(
        path, save_all=True, append_images=others, duration=[40, 80, 60])
    page.choose(path)
    found = page.run('''(async () => {
        const {openPicture} = await import('./pictures.js');
        const found = [];
        const [file] = document.getElementById('file').files;
        const source = await openPicture(file);
        for await (const {timestamp, duration, data} of source.frames()) {
          found.push([timestamp, duration, [...data]]);
        }
        return found;
    })()''')
    assert [time[:2] for time in found] == [
        pytest.approx(time) for time in ([0, .04], [.04, .08], [.12, .06])
    ]
    with Image.open(path) as gif:
        for index, (_, _, levels) in enumerate(found):
            gif.seek(index)
            wanted = np.array(gif.convert('RGB'))
            made = np.array(levels).reshape(*wanted.shape[:2], 4)[..., :3]
            assert np.array_equal(made, wanted)


@pytest.mark.parametrize('end, codec, audio',
                         [('webm', 'libvpx-vp9', 'libopus'),
                          ('mp4', 'libx264', 'aac')])
def test_a_video_is_upscaled_with_its_times_and_sound(page, model, clip,
                                                      tmp_path, end, codec,
                                                      audio):
    images = [cv2.resize(frame, (32, 22)) for frame in clip[:7]]
    path = make_video(
        tmp_path / f'clip.{end}',
        images,
        codec=codec,
        pix_fmt='yuv420p',
        audio=audio)
    times, frames = decoded(page, path)
    assert len(frames) == 7
    expected = list(restore_frames(model, frames, scale=2, is_cut=is_cut))
    page.set_scale(2)
    page.save_as('frames')
    for made, wanted in zip(
            read_zip(page.upscale()[1]), expected, strict=True):
        assert difference(made, wanted).max() <= 2

    page.save_as('video')
    name, content = page.upscale()
    saved = tmp_path / name
    saved.write_bytes(content)
    assert name == f'clip-x2.{end}'
    made = read_video(saved)
    assert [time for time, _ in made] == pytest.approx(times, abs=.002)
    for (_, image), wanted in zip(made, expected, strict=True):
        assert difference(image, wanted).mean() < 4  # the encoder's losses
    with av.open(str(saved)) as after, av.open(path) as before:
        packets = [[
            bytes(packet) for packet in container.demux(audio=0) if packet.size
        ] for container in (before, after)]
    assert packets[0] == packets[1]
    assert page.errors() == []


def test_transparency_is_kept(page, model, clip, tmp_path):
    alpha = np.full((21, 33), 255, np.uint8)
    alpha[:, 20:] = 0
    alpha[5:9, 16:20] = 100
    image = np.dstack([clip[0], alpha])
    page.choose(write_png(tmp_path / 'a.png', image))
    page.set_scale(2)
    made = read_png(page.upscale()[1])
    assert 'Transparency' in page.text()
    assert difference(made[..., 3], matlab_resize(alpha, 2)).max() <= 1
    expected, = restore_frames(model, [clip[0]], scale=2)
    # Where the network sees the same pixels.
    assert difference(made[:, :8, :3], expected[:, :8]).mean() < 1
