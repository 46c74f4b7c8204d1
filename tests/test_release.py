# Copyright (c) DKSAN-MM contributors.
"""The weights in weights/, and the files that refer to them."""
import re
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.fileio import load

from dksan_mm.apis import init_model, restore_frames
from dksan_mm.engine.runner.checkpoint import check_fits, needed, shapes
from dksan_mm.evaluation.functional.image_quality import psnr
from dksan_mm.io.video.readers import open_source
from dksan_mm.utils.resize import matlab_resize

ROOT = Path(__file__).resolve().parents[1]
MIM = ROOT / 'dksan_mm' / '.mim'
CLIPS = ('dashcam-highway', 'puppy-grass')  # of the validation
MODELS = [
    model for path in load(MIM / 'model-index.yml')['Import']
    for model in load(MIM / path)['Models'] if 'Weights' in model
]


@pytest.fixture(scope='module', params=MODELS, ids=lambda m: m['Name'])
def released(request):
    return request.param


@pytest.fixture
def card(released):
    """Return the model's section of the card."""
    text = (ROOT / 'weights' / 'README.md').read_text(encoding='utf-8')
    return text.split(f'\n## {released["Name"]}\n')[1].split('\n## ')[0]


@pytest.fixture(scope='module')
def frames(released):
    """Return HR, bicubic and restored frame of each clip."""
    model = init_model(MIM / released['Config'], MIM / released['Weights'])
    made = {}
    for clip in CLIPS:
        hr = first_images(clip)
        lr = [matlab_resize(image, 1 / 16) for image in hr]
        made[clip] = hr[3], matlab_resize(lr[3],
                                          16), list(restore_frames(model,
                                                                   lr))[3]
    return made


def first_images(clip: str) -> list:
    """Return the HR images of a validation clip's first window."""
    path = ROOT / 'data' / 'sample' / 'val' / f'{clip}.mp4'
    return [
        frame.image[:len(frame.image) // 16 * 16]
        for frame in islice(open_source(str(path)), 7)
    ]


def test_models_are_released():
    names = ['dksan-s_vid3oc_x16', 'dksan-s_gan_vid3oc_x16']
    assert [model['Name'] for model in MODELS] == names


def test_weights_are_a_small_plain_state_dict_of_the_config(released):
    path = MIM / released['Weights']
    assert path.stat().st_size < 2**23
    weights = torch.load(path, weights_only=True)
    assert all(value.isfinite().all() for value in weights.values())
    model = init_model(MIM / released['Config'])
    expected = needed(model.state_dict())
    check_fits(str(path), shapes(weights), shapes(expected))
    count = sum(value.numel() for value in weights.values())
    assert released['Metadata']['Parameters'] == count


def test_the_card_states_the_scores_of_the_metafile(released, card):
    metrics = released['Results'][0]['Metrics']
    assert metrics and all(f'{value:.2f}' in card or f'{value:.3f}' in card
                           for value in metrics.values())


@pytest.mark.slow
@pytest.mark.parametrize('clip', CLIPS)
def test_frames_are_nearer_to_the_truth_or_sharper_than_bicubic_s(
        released, frames, clip):
    truth, bicubic, ours = frames[clip]
    if 'gan' in released['Name']:
        # A soft picture has a sixth to a quarter of the truth's edges.
        assert 0.4 < edges(ours) / edges(truth) < 1.2
        assert edges(bicubic) < 0.3 * edges(truth)
        assert psnr(truth, ours) > psnr(truth, bicubic) - 1
    else:
        assert psnr(truth, ours) > psnr(truth, bicubic) + 0.3
    assert np.abs(ours.astype(int) - bicubic).mean() < 12


def edges(image: np.ndarray) -> float:
    """Return the mean difference of neighbours, in grey levels."""
    grey = image.astype(float).mean(2)
    return sum(np.abs(np.diff(grey, axis=axis)).mean() for axis in (0, 1))


@pytest.mark.slow
@pytest.mark.parametrize('clip', CLIPS)
def test_frames_have_neither_a_grid_nor_another_colour(frames, clip):
    """The PixelShuffle must leave no grid, and no tint may be added."""
    truth, _, ours = frames[clip]
    error = ours.astype(float) - truth
    height, width = (size // 16 for size in error.shape[:2])
    places = error.reshape(height, 16, width, 16, 3).mean((0, 2))
    assert np.abs(places.mean((0, 1))).max() < 2
    grid = places - places.mean((0, 1))
    assert np.sqrt((grid**2).mean()) < 1.5


@pytest.fixture(scope='module')
def relus(released):
    """Return the numbers of ReLUs that are never active, and of all."""
    model = init_model(MIM / released['Config'], MIM / released['Weights'])
    opened = {}

    def watch(name):

        def hook(module, inputs, output):
            if output.shape[-1] > 1:  # those of whole frames are choosy
                now = (output > 0).flatten(2).any(2).any(0)
                opened[name] = opened.get(name, False) | now

        return hook

    for name, module in model.named_modules():
        if type(module) is torch.nn.ReLU:
            module.register_forward_hook(watch(name))
    for clip in CLIPS:
        lr = np.stack([
            matlab_resize(image[:480, :640], 1 / 16)
            for image in first_images(clip)
        ])
        inputs = torch.from_numpy(lr).permute(0, 3, 1, 2)[None] / 255
        with torch.no_grad():
            model.generator(inputs)
    shut = sum(int((~channels).sum()) for channels in opened.values())
    return shut, sum(len(channels) for channels in opened.values())


def test_its_relus_open(released, relus):
    """Too fast or too long trainings leave many permanently inactive."""
    shut, total = relus
    # The preview's training went on with those that were shut.
    limit = 0.02 if 'gan' in released['Name'] else 0.01
    assert shut <= limit * total


def test_the_card_says_how_many_relus_stay_shut(relus, card):
    stated = re.search(r'(\S+) of its (\S+) ReLUs', card).groups()
    assert stated == tuple(f'{count:,}' for count in relus)
