# Copyright (c) DKSAN-MM contributors.
"""The weights in weights/, and the files by which others find them."""
import re
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.fileio import load

from dksan_mm.apis import init_model, restore_frames
from dksan_mm.engine.runner.checkpoint import check_fits, shapes
from dksan_mm.evaluation.functional.image_quality import psnr
from dksan_mm.io.video.readers import open_source
from dksan_mm.utils.resize import matlab_resize

ROOT = Path(__file__).resolve().parents[1]
MIM = ROOT / 'dksan_mm' / '.mim'
CARD = (ROOT / 'weights' / 'README.md').read_text(encoding='utf-8')
MODELS = [
    model for path in load(MIM / 'model-index.yml')['Import']
    for model in load(MIM / path)['Models'] if 'Weights' in model
]


@pytest.fixture(scope='module', params=MODELS, ids=lambda m: m['Name'])
def released(request):
    return request.param


def first_images(clip: str) -> list:
    """The HR images of a validation clip's first window."""
    path = ROOT / 'data' / 'sample' / 'val' / f'{clip}.mp4'
    return [frame.image for frame in islice(open_source(str(path)), 7)]


def test_a_model_is_released():
    assert [model['Name'] for model in MODELS] == ['dksan-s_vid3oc_x16']


def test_weights_are_a_small_plain_state_dict_of_the_config(released):
    path = MIM / released['Weights']
    assert path.stat().st_size < 2**23
    weights = torch.load(path, weights_only=True)
    assert all(value.isfinite().all() for value in weights.values())
    model = init_model(MIM / released['Config'])
    check_fits(str(path), shapes(weights), shapes(model.state_dict()))
    count = sum(value.numel() for value in weights.values())
    assert released['Metadata']['Parameters'] == count


def test_the_card_states_the_scores_of_the_metafile(released):
    metrics = released['Results'][0]['Metrics']
    assert metrics and all(f'{value:.2f}' in CARD or f'{value:.3f}' in CARD
                           for value in metrics.values())


@pytest.mark.slow
@pytest.mark.parametrize('clip', ['dashcam-highway', 'puppy-grass'])
def test_it_is_ahead_of_bicubic_on_clips_it_has_not_seen(released, clip):
    """Both are validation clips. One window of seven frames."""
    hr = [
        image[:len(image) // 16 * 16, :image.shape[1] // 16 * 16]
        for image in first_images(clip)
    ]
    lr = [matlab_resize(image, 1 / 16) for image in hr]
    model = init_model(MIM / released['Config'], MIM / released['Weights'])
    ours = list(restore_frames(model, lr))[3]
    bicubic = matlab_resize(lr[3], 16)
    gain = psnr(hr[3], ours) - psnr(hr[3], bicubic)
    assert gain > 0.3
    assert np.abs(ours.astype(int) - bicubic).mean() < 10


@pytest.fixture(scope='module')
def relus(released):
    """How many never open on two clips, and how many there are."""
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
    for clip in ('dashcam-highway', 'puppy-grass'):
        lr = np.stack([
            matlab_resize(image[:480, :640], 1 / 16)
            for image in first_images(clip)
        ])
        inputs = torch.from_numpy(lr).permute(0, 3, 1, 2)[None] / 255
        with torch.no_grad():
            model.generator(inputs)
    shut = sum(int((~channels).sum()) for channels in opened.values())
    return shut, sum(len(channels) for channels in opened.values())


def test_its_relus_open(relus):
    """A training too quick, or too long, shuts many for good."""
    shut, total = relus
    assert shut <= 0.01 * total


def test_the_card_says_how_many_relus_stay_shut(relus):
    stated = re.search(r'(\S+) of its (\S+) ReLUs', CARD).groups()
    assert stated == tuple(f'{count:,}' for count in relus)
