# Copyright (c) DKSAN-MM contributors.
import io
from fractions import Fraction

import av
import numpy as np
import pytest
from av.sidedata.sidedata import Type
from helpers.video_files import moving
from PIL import Image

from dksan_mm.io.video.readers import VideoFile
from dksan_mm.io.video.side_data import read_side_data


@pytest.fixture
def path(tmp_path):
    """MJPEG, each frame with EXIF data, as small cameras write it."""
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
