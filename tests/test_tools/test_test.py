# Copyright (c) DKSAN-MM contributors.
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.tool_runs import CONFIG, ROOT, TINY, run

from dksan_mm.evaluation.functional.image_quality import psnr
from dksan_mm.io.images import read_image, write_png
from dksan_mm.utils.resize import matlab_resize

pytest_plugins = ['helpers.tool_runs']  # the fixtures

BICUBIC = str(ROOT / 'configs' / 'bicubic_vid3oc_x16.py')


def evaluate(data, folder, *arguments, config=CONFIG, options=TINY):
    """Run tools/test.py with results in folder/out.json."""
    return run(
        'test',
        config,
        *arguments,
        '--data-root',
        data,
        '--work-dir',
        folder / 'w',
        '--out',
        folder / 'out.json',
        options=options)


def results(folder):
    return json.loads((folder / 'out.json').read_text())


def test_results_are_means_over_videos(finished_run, tiny_vid3oc, tmp_path):
    assert evaluate(tiny_vid3oc, tmp_path, finished_run / 'iter_4.pth',
                    '--deterministic') == 0
    found = results(tmp_path)
    assert list(found['videos']) == ['dashcam-highway', 'puppy-grass']
    names = ['PSNR', 'PSNR_Y', 'SSIM', 'SSIM_Y', 'TE', 'TE_Y']
    assert list(found['metrics']) == [*names, 'NIQE']
    for name in names:
        videos = [values[name] for values in found['videos'].values()]
        assert found['metrics'][name] == pytest.approx(
            np.mean(videos), abs=1e-12)
    # The other video's frames are too small for it.
    assert found['metrics']['NIQE'] == found['videos']['dashcam-highway'][
        'NIQE']
    torch.use_deterministic_algorithms(False)
    assert not (tmp_path / 'out.json.part').exists()


def test_a_model_without_parameters_needs_no_checkpoint(tiny_vid3oc, tmp_path):
    """Its PSNR equals that of the frames, computed separately."""
    import cv2
    from mmagic.registry import MODELS
    assert evaluate(tiny_vid3oc, tmp_path, config=BICUBIC, options=()) == 0
    network = MODELS.build(dict(type='BicubicNet', scale=16, num_frames=7))
    for video, values in results(tmp_path)['videos'].items():
        scores = []
        for number in range(3):
            lr, hr = (
                cv2.imread(f'{tiny_vid3oc}/val/{kind}/{video}/{number:06d}.png'
                           )[..., ::-1].copy() for kind in ('LRx16', 'HR'))
            window = torch.from_numpy(lr).permute(2, 0, 1)[None, None]
            out = network(window.repeat(1, 7, 1, 1, 1) / 255)[0]
            out = (out.clamp(0, 1) * 255).round().byte()
            scores.append(psnr(hr, out.permute(1, 2, 0).numpy()))
        assert values['PSNR'] == pytest.approx(np.mean(scores), abs=1e-3)


def test_weights_alone_can_be_tested(finished_run, tiny_vid3oc, tmp_path):
    checkpoint = torch.load(finished_run / 'iter_4.pth')
    torch.save(checkpoint['state_dict'], tmp_path / 'weights.pth')
    assert evaluate(tiny_vid3oc, tmp_path, tmp_path / 'weights.pth') == 0
    assert results(tmp_path)['metrics']['PSNR'] > 0


def test_a_checkpoint_of_another_model_is_refused(finished_run, tiny_vid3oc,
                                                  tmp_path, sentence):
    assert run(
        'test',
        CONFIG,
        finished_run / 'iter_4.pth',
        '--data-root',
        tiny_vid3oc,
        '--work-dir',
        tmp_path / 'w',
        '--out',
        tmp_path / 'out.json',
        options=[*TINY, 'model.generator.channels=16']) == 2
    text = sentence()
    assert 'is a checkpoint of another model' in text
    assert 'generator.' in text and 'more' in text
    assert not (tmp_path / 'out.json').exists()


def test_a_model_with_parameters_needs_a_checkpoint(tiny_vid3oc, tmp_path,
                                                    sentence):
    assert evaluate(tiny_vid3oc, tmp_path) == 2
    assert 'CHECKPOINT is required' in sentence()


def test_a_missing_checkpoint_is_named(tiny_vid3oc, tmp_path, sentence):
    assert evaluate(tiny_vid3oc, tmp_path, tmp_path / 'none.pth') == 2
    assert sentence() == f'there is no checkpoint file {tmp_path}/none.pth'


def test_a_missing_folder_for_the_results_is_named(tiny_vid3oc, tmp_path,
                                                   sentence):
    path = tmp_path / 'nowhere' / 'out.json'
    assert run(
        'test', BICUBIC, '--data-root', tiny_vid3oc, '--out', path,
        options=()) == 2
    assert 'there is no folder' in sentence()


def test_results_replace_no_file_unasked(tiny_vid3oc, tmp_path, sentence):
    path = tmp_path / 'out.json'
    path.write_text('mine')
    assert evaluate(tiny_vid3oc, tmp_path, config=BICUBIC, options=()) == 2
    assert sentence() == f'{path} exists; use --overwrite to replace it'
    assert path.read_text() == 'mine'


def test_frames_without_ground_truth_are_named(tiny_vid3oc, tmp_path,
                                               sentence):
    config = tmp_path / 'bicubic_without_gt.py'
    config.write_text(f'_base_ = {BICUBIC!r}\n'
                      'test_dataloader = dict(dataset=dict(data_prefix=dict('
                      '_delete_=True, img="val/LRx16")))')
    assert evaluate(tiny_vid3oc, tmp_path, config=str(config), options=()) == 2
    assert 'dashcam-highway/000000 has no ground truth' in sentence()


def test_another_scale(tiny_vid3oc, tmp_path, sentence):
    """Bicubic x4, with LR downscaled by 4."""
    data = tmp_path / 'data'
    expected = {}
    for path in sorted(Path(tiny_vid3oc, 'val', 'HR').rglob('*.png')):
        truth = read_image(str(path))
        small = matlab_resize(truth, 1 / 4)
        clip = path.parent.name
        for kind, image in (('HR', truth), ('LRx4', small)):
            folder = data / 'val' / kind / clip
            folder.mkdir(parents=True, exist_ok=True)
            write_png(str(folder / path.name), image)
        score = psnr(truth, matlab_resize(small, 4))
        expected.setdefault(clip, []).append(score)
    options = ['--scale', 4]
    assert evaluate(data, tmp_path, *options, config=BICUBIC, options=()) == 0
    for video, values in results(tmp_path)['videos'].items():
        assert values['PSNR'] == pytest.approx(
            np.mean(expected[video]), abs=1e-3)
    assert run(
        'test', BICUBIC, '--data-root', tiny_vid3oc, *options, options=()) == 2
    said = sentence()
    assert f'SOURCE {tiny_vid3oc}_x4 --split val --scale 4`' in said
    assert said.endswith(f'--data-root {tiny_vid3oc}_x4')
