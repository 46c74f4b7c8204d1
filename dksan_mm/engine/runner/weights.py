# Copyright (c) DKSAN-MM contributors.
"""Writing files of weights alone."""
import io
from collections.abc import Mapping

import torch

from dksan_mm.io.images import write_bytes


def write_weights(path: str, weights: Mapping[str, torch.Tensor]) -> None:
    """Write a file of weights alone, whole or not at all.

    Args:
        path (str): In safetensors' form if its suffix is ``.safetensors``,
            else in torch's.
        weights (dict[str, Tensor]): What to write.

    Raises:
        OSError: If it cannot be written.
    """
    # Clones: a view would take the whole tensor it shows with it.
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
