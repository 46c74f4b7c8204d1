# Copyright (c) DKSAN-MM contributors.
import gc
import io
import subprocess
import sys
from fractions import Fraction

import av
import numpy as np
import pytest
from av.sidedata.sidedata import Type
from helpers.video_files import moving
from PIL import Image, ImageCms

from dksan_mm.io.video.readers import VideoFile
from dksan_mm.io.video.side_data import read_side_data


@pytest.fixture
def path(tmp_path):
    """Return an MJPEG file with EXIF data in each frame, as from cameras."""
    exif = Image.Exif()
    exif[0x010f] = 'Camera'
    path = tmp_path / 'camera.avi'
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('mjpeg', rate=25)
        stream.width, stream.height, stream.pix_fmt = 20, 12, 'yuvj444p'
        for number, image in enumerate(moving(3)):
            file = io.BytesIO()
            Image.fromarray(image).save(
                file, 'JPEG', quality=100, subsampling=0, exif=exif)
            packet = av.Packet(file.getvalue())
            packet.stream, packet.pts, packet.dts = stream, number, number
            packet.time_base = Fraction(1, 25)
            container.mux(packet)
    return str(path)


def test_unknown_kinds_have_numbers(path):
    with av.open(path) as container:
        frame = next(container.decode(video=0))
    kinds = {kind.value for kind in read_side_data(frame)}
    assert kinds - {kind.value for kind in Type}, kinds


def test_a_camera_s_frames_are_read(path):
    frames = [frame.image for frame in VideoFile(path)]
    for frame, image in zip(frames, moving(3)):
        assert np.abs(frame.astype(int) - image).mean() < 2
    assert len(frames) == 3


@pytest.fixture(scope='module')
def profiles():
    """Return the profile of sRGB, and one that swaps red and blue."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB'))
    content = profile.tobytes()
    other = content.replace(b's\0R\0G\0B',
                            b'o\0t\0h\0e').replace(b'sRGB', b'othe')
    for name in (b'rXYZ', b'bXYZ'):
        assert other.count(name) == 1
    other = other.replace(b'rXYZ',
                          b'____').replace(b'bXYZ',
                                           b'rXYZ').replace(b'____', b'bXYZ')
    return content, other


def make_png_video(path, profile):
    """PNG frames in a film or an animation."""
    frames = [Image.fromarray(image) for image in moving(3)]
    if path.suffix != '.mov':
        frames[0].save(
            path,
            save_all=True,
            append_images=frames[1:],
            lossless=True,
            icc_profile=profile)
        return str(path)
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('png', rate=25)
        stream.width, stream.height, stream.pix_fmt = 20, 12, 'rgb24'
        for number, image in enumerate(frames):
            file = io.BytesIO()
            image.save(file, 'PNG', icc_profile=profile)
            packet = av.Packet(file.getvalue())
            packet.stream, packet.pts, packet.dts = stream, number, number
            packet.time_base = Fraction(1, 25)
            container.mux(packet)
    return str(path)


READ = """
import gc, sys
from dksan_mm.io.video.readers import VideoFile
source = VideoFile(sys.argv[1])
print(len(list(source)))
del source
gc.collect()
"""


@pytest.mark.parametrize('suffix', ['.mov', '.png', '.webp'])
def test_colour_profiles_of_videos_are_named(tmp_path, suffix, profiles):
    """PyAV ended the process when it read a profile with a name."""
    for profile, count in zip(profiles, (0, 1)):
        path = make_png_video(tmp_path / f'v{suffix}', profile)
        done = subprocess.run([sys.executable, '-c', READ, path],
                              capture_output=True,
                              text=True)
        assert (done.returncode, done.stdout.strip()) == (0, '3')
        source = VideoFile(path)
        frames = [frame.image for frame in source]
        gc.collect()
        np.testing.assert_array_equal(frames, moving(3))
        assert source.notes == [
            f'{path}: its colour profile is not applied, the values are '
            'taken as they are'
        ] * count
