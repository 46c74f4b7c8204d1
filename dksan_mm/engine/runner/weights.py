# Copyright (c) DKSAN-MM contributors.
"""Writing of weight files."""
import io
from collections.abc import Mapping

import torch

from dksan_mm.io.images import write_bytes


def write_weights(path: str, weights: Mapping[str, torch.Tensor]) -> None:
    """Write a file of weights atomically.

    Args:
        path (str): Path of the file, in the format of safetensors if the
            suffix is ``.safetensors``, else of torch.
        weights (dict[str, Tensor]): Weights to write.

    Raises:
        OSError: If the file cannot be written.
    """
    # Clones, because saving a view would save its whole base tensor.
    copies = {
        name: value.detach().clone().contiguous()
        for name, value in weights.items()
    }
    if path.endswith('.safetensors'):
        from safetensors.torch import save
        content = save(copies, metadata=dict(format='pt'))
    else:
        stream = io.BytesIO()
        torch.save(copies, stream)
        content = stream.getvalue()
    write_bytes(path, content)
