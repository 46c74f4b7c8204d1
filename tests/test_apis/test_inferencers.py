# Copyright (c) DKSAN-MM contributors.
"""mmagic's own interfaces return the pixels of restore_frames."""
from pathlib import Path

import numpy as np
import pytest
from helpers.data_fixtures import write_frames
from helpers.video_files import make_video, moving
from mmagic.apis import MMagicInferencer
from mmagic.apis.inferencers.video_restoration_inferencer import \
    VideoRestorationInferencer

import dksan_mm.apis.inferencers  # noqa: F401  (registers 'dksan')
from dksan_mm.apis import init_model, restore_frames
from dksan_mm.io.images import read_image

NAMES = dict(filename_tmpl='{:06d}.png', start_idx=0)


@pytest.fixture(autouse=True)
def fresh_parameters():
    """Reset the dict that all inferencers of mmagic share."""
    saved = dict(VideoRestorationInferencer.extra_parameters)
    yield
    VideoRestorationInferencer.extra_parameters.update(saved)


def folder_of(tmp_path, count):
    return str(
        write_frames(tmp_path / 'in',
                     [image[..., ::-1] for image in moving(count)]))


def expected(tiny_checkpoint, count):
    return list(restore_frames(init_model(*tiny_checkpoint), moving(count)))


def assert_same(folder, images):
    paths = sorted(folder.iterdir())
    assert [path.name
            for path in paths] == [f'{n:06d}.png' for n in range(len(images))]
    for path, image in zip(paths, images):
        error = read_image(str(path))[..., ::-1].astype(int) - image
        # Sums in another order may round to the other side of a half.
        assert np.abs(error).max() <= 1 and (error != 0).mean() < 1e-3


@pytest.mark.parametrize('count, parameters', [
    (1, {}),
    (3, {}),
    (7, {}),
    (9, dict(max_seq_len=2)),
    (9, dict(window_size=7)),
])
def test_video_restoration_inferencer(tiny_checkpoint, tmp_path, count,
                                      parameters):
    config, checkpoint = tiny_checkpoint
    inferencer = VideoRestorationInferencer(
        config, checkpoint, 'cpu', extra_parameters={
            **NAMES,
            **parameters
        })
    inferencer(
        video=folder_of(tmp_path, count), result_out_dir=str(tmp_path / 'out'))
    assert_same(tmp_path / 'out', expected(tiny_checkpoint, count))


def test_mmagic_inferencer(tiny_checkpoint, tmp_path):
    config, checkpoint = tiny_checkpoint
    editor = MMagicInferencer(
        'dksan',
        model_config=config,
        model_ckpt=checkpoint,
        device='cpu',
        extra_parameters=NAMES)
    editor.infer(
        video=folder_of(tmp_path, 4), result_out_dir=str(tmp_path / 'out'))
    assert_same(tmp_path / 'out', expected(tiny_checkpoint, 4))


def test_a_video_file(tiny_checkpoint, tmp_path):
    """mmagic reads it by OpenCV, which is also lossless for this codec."""
    path = make_video(tmp_path / 'v.mkv', moving(5))
    avi = make_video(tmp_path / 'v.avi', moving(5))
    inferencer = VideoRestorationInferencer(
        *tiny_checkpoint, 'cpu', extra_parameters=NAMES)
    assert path
    inferencer(video=avi, result_out_dir=str(tmp_path / 'out'))
    assert_same(tmp_path / 'out', expected(tiny_checkpoint, 5))


def test_windows_that_mmagic_would_lose(tiny_checkpoint, tmp_path):
    inferencer = VideoRestorationInferencer(
        *tiny_checkpoint, 'cpu', extra_parameters=dict(window_size=7, **NAMES))
    with pytest.raises(ValueError, match='leave window_size at 0'):
        inferencer.preprocess(folder_of(tmp_path, 6))


def test_the_released_network_is_the_default(tmp_path):
    root = Path(__file__).resolve().parents[2]
    editor = MMagicInferencer('dksan', device='cpu', extra_parameters=NAMES)
    editor.infer(
        video=folder_of(tmp_path, 2), result_out_dir=str(tmp_path / 'out'))
    model = init_model(root / 'configs/dksan-s_vid3oc_x16.py',
                       root / 'weights/dksan-s_vid3oc_x16.pth')
    assert_same(tmp_path / 'out', list(restore_frames(model, moving(2))))
