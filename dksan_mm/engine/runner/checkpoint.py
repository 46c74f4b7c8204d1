# Copyright (c) DKSAN-MM contributors.
"""Reading checkpoints without ever running code that is hidden in one.

torch reads a checkpoint with ``weights_only=True``: tensors and plain
containers, nothing else. mmengine 0.10's checkpoints also hold the log
history, and ask for ``getattr`` to rebuild it. Allowing that would let a
checkpoint reach any function, so it is given a stand-in here that does
nothing, and the history is rebuilt from its numbers alone.
"""
import os
import pickle
import re
import zipfile
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch

from dksan_mm.utils.errors import UserError

HISTORY = 'mmengine.logging.history_buffer.HistoryBuffer'
NUMPY_MODULES = ('numpy.core.multiarray', 'numpy._core.multiarray')

# Where other projects put a state dict, averaged weights first.
WRAPPERS = ('params_ema', 'ema', 'model_ema', 'params', 'model_state_dict',
            'model', 'net', 'generator')
# Prefixes of wrappers: of DDP and averaged models, and of torch.compile.
WRAPPED = ('module.', '_orig_mod.')
# Entries that count steps: mmagic's models have or had one.
COUNTERS = ('step_counter', 'n_averaged')
# What nothing but a training needs; released weights do without.
TRAINING_ONLY = ('discriminator.', )

# Parameters of DKSANNet that had other names: patterns and replacements.
RENAMED = (
    (r'\balign\.conv_offset\.', 'align.deform_conv.conv_offset.'),
    (r'(\blevels\.\d+\.attention\.attention\.6)\.(weight|bias)$',
     r'\1.expand.\2'),
    (r'(\blevels\.\d+\.attention\.attention)\.8\.', r'\1.6.merge.'),
)


class DamagedError(UserError):
    """A checkpoint is not what was once written; an older one may be."""


def mmengine_globals() -> AbstractContextManager:
    """Within it, ``torch.load`` reads mmengine's and mmagic's checkpoints.

    In addition to what torch allows: arrays of numbers, and mmengine's
    ``HistoryBuffer`` (see the module's text). Nothing is switched off.
    """
    from mmengine.logging import HistoryBuffer

    class History(HistoryBuffer):
        """Takes the numbers from a checkpoint, and not its functions."""

        def __setstate__(self, state: dict) -> None:
            logs, counts = state['_log_history'], state['_count_history']
            restored = HistoryBuffer(logs, counts, state['max_length'])
            self.__class__ = HistoryBuffer
            self.__dict__.update(restored.__dict__)

    allowed: list[Any] = [(History, HISTORY), (_nothing, 'builtins.getattr'),
                          (np.ndarray, 'numpy.ndarray'),
                          (np.dtype, 'numpy.dtype')]
    # The functions that pickled arrays and scalars name, under the names of
    # numpy 1 and numpy 2.
    for value in (np.zeros(0), np.float64(0)):
        rebuild: Any = value.__reduce__()[0]
        allowed += [(rebuild, f'{module}.{rebuild.__name__}')
                    for module in NUMPY_MODULES]
    allowed += [type(np.dtype(kind)) for kind in ('f4', 'f8', 'i4', 'i8')]
    return torch.serialization.safe_globals(allowed)


def _nothing(*args) -> None:
    """Stand-in for the functions that a checkpoint asks for."""


def read_checkpoint(path: str) -> dict:
    """Read a checkpoint on the CPU; refuse what is not data.

    Args:
        path (str): A file written by mmengine, or a plain state dict.

    Returns:
        dict: The checkpoint; a plain state dict as ``{'state_dict': ...}``.

    Raises:
        DamagedError: If the file is damaged, or no checkpoint at all.
        UserError: If there is none, it asks for objects other than data, or
            it holds no state dict.
    """
    if not os.path.isfile(path):
        raise UserError(f'there is no checkpoint file {path}')
    try:
        _check_sums(path)
        checkpoint = _load(path)
    except Exception as error:  # torch raises what its parsers happen to
        asked = re.search(r'GLOBAL (\S+)', str(error))
        if isinstance(error, pickle.UnpicklingError) and asked:
            raise UserError(f'{path} is not loaded: it asks for '
                            f'{asked[1]}, and a checkpoint must hold nothing '
                            'but data') from error
        raise DamagedError(f'{path} is {_describe(path)}') from error
    if not isinstance(checkpoint, dict):
        raise UserError(f'{path} holds no state dict')
    checkpoint = _with_state_dict(checkpoint)
    _check_state_dict(path, checkpoint['state_dict'])
    return checkpoint


def _load(path: str) -> object:
    if path.endswith('.safetensors'):
        from safetensors.torch import load_file
        return load_file(path)
    try:  # plain weights, which need no mmengine
        return torch.load(path, map_location='cpu', weights_only=True)
    except pickle.UnpicklingError:
        if find_spec('mmengine') is None:
            raise
    with mmengine_globals():
        return torch.load(path, map_location='cpu', weights_only=True)


def _describe(path: str) -> str:
    """Name what a file is that is no checkpoint, by its beginning."""
    with open(path, 'rb') as file:
        start = file.read(200).lstrip()
    if start.startswith(b'version https://git-lfs'):
        return ('a pointer of Git LFS, not the file that it stands for; '
                '"git lfs pull" fetches that')
    if start[:1] == b'<':
        return 'a web page, no checkpoint; download the file itself'
    return 'damaged or no checkpoint'


def _with_state_dict(checkpoint: dict) -> dict:
    """Find the state dict where other projects put it."""
    if 'state_dict' in checkpoint:
        return checkpoint
    for key in WRAPPERS:
        found = checkpoint.get(key)
        if isinstance(found, dict) and any(
                map(torch.is_tensor, found.values())):
            break
    else:
        key, found = '', checkpoint
    # Numbers next to the weights count steps or epochs.
    weights = {
        name: value
        for name, value in found.items()
        if not isinstance(value, (int, float))
    }
    converted = bool(key) or any('_orig_mod.' in str(n) for n in weights)
    return dict(
        state_dict=weights, **dict(converted=True) if converted else {})


def _check_sums(path: str) -> None:
    """Compare the check sums that torch writes, and does not read."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:
                raise ValueError('check sums differ')


def _check_state_dict(path: str, state_dict: object) -> None:
    if not isinstance(state_dict, dict) or not state_dict or not all(
            torch.is_tensor(value) for value in state_dict.values()):
        raise UserError(f'{path} holds no state dict')
    for name, value in state_dict.items():
        if value.is_floating_point() and not value.isfinite().all():
            raise DamagedError(f'{path} is of no use: {name} holds values '
                               'that are not finite')


def load_weights(model: torch.nn.Module, path: str) -> None:
    """Load a checkpoint that fits in every name and shape.

    Args:
        model (nn.Module): Gets the weights; unchanged if they are refused.
        path (str): A file written by mmengine, or a plain state dict.

    Raises:
        UserError: As :func:`read_checkpoint` and :func:`check_fits`.
    """
    before = model.state_dict()
    wanted = needed(before)
    state_dict = needed(rename(read_checkpoint(path)['state_dict'], wanted))
    check_fits(path, shapes(state_dict), shapes(wanted))
    model.load_state_dict({**before, **state_dict})


def needed(state_dict: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Leave out counters, and what only a training needs."""
    return {
        name: value
        for name, value in state_dict.items()
        if name not in COUNTERS and not name.startswith(TRAINING_ONLY)
    }


def rename(state_dict: Mapping[str, torch.Tensor],
           wanted: Iterable[str]) -> dict[str, torch.Tensor]:
    """Give weights the names that a model has for them.

    Args:
        state_dict (dict[str, Tensor]): Of the model, or of its generator
            alone; wrapped for several processes or not.
        wanted (Iterable[str]): The model's names.

    Returns:
        dict[str, Tensor]: Renamed as far as that is known, without counters.
    """
    found = {_unwrapped(name): value for name, value in state_dict.items()}
    found = {name: v for name, v in found.items() if name not in COUNTERS}
    prefix = 'generator.'
    if any(name.startswith(prefix) for name in wanted) and not any(
            name.startswith(prefix) for name in found):
        return {prefix + name: value for name, value in found.items()}
    return found


def _unwrapped(name: str) -> str:
    while name.startswith(WRAPPED):
        name = name.split('.', 1)[1]
    return name


def shapes(
        state_dict: Mapping[str, torch.Tensor]) -> dict[str, tuple[int, ...]]:
    """Shape of each tensor by its present name, without ``module.``.

    Counters of steps, which some models have, are left out.
    """
    found = {
        current_name(_unwrapped(name)): tuple(value.shape)
        for name, value in state_dict.items()
    }
    return {name: v for name, v in found.items() if name not in COUNTERS}


def current_name(name: str) -> str:
    """Present name of a parameter that an earlier version may have named."""
    for pattern, replacement in RENAMED:
        name = re.sub(pattern, replacement, name)
    return name


def check_fits(path: str, found: Mapping[str, tuple[int, ...]],
               wanted: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse a checkpoint of another network.

    mmengine loads whatever fits and leaves the rest as it was, so that a
    test would continue with random weights.

    Args:
        path (str): The checkpoint, for the message.
        found (dict): :func:`shapes` of the checkpoint.
        wanted (dict): :func:`shapes` of the model.

    Raises:
        UserError: If names or shapes differ; it names the first few.
    """
    complaints = [
        f'{name} is {_size(found[name])} there, {_size(wanted[name])} here'
        for name in wanted if name in found and found[name] != wanted[name]
    ]
    complaints += [f'{name} is missing' for name in wanted.keys() - found]
    complaints += [f'{name} is unknown' for name in found.keys() - wanted]
    if complaints:
        shown = '; '.join(sorted(complaints)[:3])
        more = f'; and {len(complaints) - 3} more' if complaints[3:] else ''
        raise UserError(f'{path} is a checkpoint of another model than the '
                        f'config describes: {shown}{more}')


def _size(shape: tuple[int, ...]) -> str:
    return 'x'.join(map(str, shape)) or 'a scalar'
