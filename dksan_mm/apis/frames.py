# Copyright (c) DKSAN-MM contributors.
"""Restoring a stream of frames: stand-in, one forward a window."""
from collections import deque
from typing import Callable, Iterable, Iterator, Optional, Union

import numpy as np
import torch

from dksan_mm.image_quality import round_to_uint8


@torch.no_grad()
def restore_frames(
    model: torch.nn.Module,
    frames: Iterable[np.ndarray],
    *,
    tile: Union[int, str, None] = 'auto',
    ensemble: bool = False,
    is_cut: Optional[Callable[[np.ndarray, np.ndarray], bool]] = None
) -> Iterator[np.ndarray]:
    """Enlarge frames, uint8 RGB (h, w, 3) -> (16h, 16w, 3)."""
    parameter = next(model.parameters(), torch.zeros(()))
    reach = model.generator.num_frames // 2
    window, previous = deque(maxlen=2 * reach + 1), None

    def restore():
        inputs = np.stack(window)[None].transpose(0, 1, 4, 2, 3) / 255
        inputs = torch.from_numpy(inputs).to(parameter)
        out = model.forward_tensor(inputs)[0].float().permute(1, 2, 0)
        return round_to_uint8(255 * out.cpu().numpy())

    def flush():
        window.extend([previous] * (reach - waiting))
        for _ in range(waiting):
            window.append(previous)
            yield restore()

    waiting = 0  # frames of the scene that have not been centres
    for frame in frames:
        if previous is not None and is_cut and is_cut(previous, frame):
            yield from flush()
            window.clear()
            waiting = 0
        previous = frame
        if not window:
            window.extend([frame] * 2 * reach)
        window.append(frame)
        waiting += 1
        if waiting > reach:
            yield restore()
            waiting -= 1
    yield from flush()
