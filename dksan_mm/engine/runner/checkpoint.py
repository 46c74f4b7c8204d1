# Copyright (c) DKSAN-MM contributors.
"""Reading of checkpoints without executing code from them.

With ``weights_only=True``, torch loads only tensors and plain containers. The
checkpoints of mmengine 0.10 also contain the log history, whose unpickling
requires ``getattr``. Allowing it would give checkpoints access to any
function. It is therefore replaced by a function that does nothing, and the
history is rebuilt from its numbers.
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

# Keys of the state dict in other projects, averaged weights first.
WRAPPERS = ('params_ema', 'ema', 'model_ema', 'params', 'model_state_dict',
            'model', 'net', 'generator')
# Prefixes of wrappers: DDP and averaged models, and torch.compile.
WRAPPED = ('module.', '_orig_mod.')
# Step counters, which mmagic's models have or had.
COUNTERS = ('step_counter', 'n_averaged')
# Prefixes of weights that only training needs; releases do not contain them.
TRAINING_ONLY = ('discriminator.', )

# Former parameter names of DKSANNet: patterns and replacements.
RENAMED = (
    (r'\balign\.conv_offset\.', 'align.deform_conv.conv_offset.'),
    (r'(\blevels\.\d+\.attention\.attention\.6)\.(weight|bias)$',
     r'\1.expand.\2'),
    (r'(\blevels\.\d+\.attention\.attention)\.8\.', r'\1.6.merge.'),
)


class DamagedError(UserError):
    """Error of a damaged checkpoint; an older one may be intact."""


def mmengine_globals() -> AbstractContextManager:
    """Let ``torch.load`` read checkpoints of mmengine and mmagic.

    The context also allows numpy arrays and mmengine's ``HistoryBuffer`` (see
    the module's docstring). It disables none of torch's checks.
    """
    from mmengine.logging import HistoryBuffer

    class History(HistoryBuffer):
        """HistoryBuffer with the checkpoint's numbers, not its functions."""

        def __setstate__(self, state: dict) -> None:
            logs, counts = state['_log_history'], state['_count_history']
            restored = HistoryBuffer(logs, counts, state['max_length'])
            self.__class__ = HistoryBuffer
            self.__dict__.update(restored.__dict__)

    allowed: list[Any] = [(History, HISTORY), (_nothing, 'builtins.getattr'),
                          (np.ndarray, 'numpy.ndarray'),
                          (np.dtype, 'numpy.dtype')]
    # Functions that rebuild pickled arrays and scalars, under their names in
    # numpy 1 and numpy 2.
    for value in (np.zeros(0), np.float64(0)):
        rebuild: Any = value.__reduce__()[0]
        allowed += [(rebuild, f'{module}.{rebuild.__name__}')
                    for module in NUMPY_MODULES]
    allowed += [type(np.dtype(kind)) for kind in ('f4', 'f8', 'i4', 'i8')]
    return torch.serialization.safe_globals(allowed)


def _nothing(*args) -> None:
    """Replace functions that a checkpoint refers to."""


def read_checkpoint(path: str) -> dict:
    """Read a checkpoint on the CPU; reject anything but data.

    Args:
        path (str): mmengine checkpoint or plain state dict.

    Returns:
        dict: The checkpoint; a plain state dict as ``{'state_dict': ...}``.

    Raises:
        DamagedError: If the file is damaged or not a checkpoint.
        UserError: If the file does not exist, contains objects other than
            data, or has no state dict.
    """
    if not os.path.isfile(path):
        raise UserError(f'there is no checkpoint file {path}')
    try:
        _check_sums(path)
        checkpoint = _load(path)
    except Exception as error:  # torch's parsers raise any kind of error
        asked = re.search(r'GLOBAL (\S+)', str(error))
        if isinstance(error, pickle.UnpicklingError) and asked:
            raise UserError(f'{path} is not loaded: it refers to '
                            f'{asked[1]}, but a checkpoint must contain '
                            'nothing but data') from error
        raise DamagedError(f'{path} is {_describe(path)}') from error
    if not isinstance(checkpoint, dict):
        raise UserError(f'{path} contains no state dict')
    checkpoint = _with_state_dict(checkpoint)
    _check_state_dict(path, checkpoint['state_dict'])
    return checkpoint


def _load(path: str) -> object:
    if path.endswith('.safetensors'):
        from safetensors.torch import load_file
        return load_file(path)
    try:  # plain weights do not need mmengine
        return torch.load(path, map_location='cpu', weights_only=True)
    except pickle.UnpicklingError:
        if find_spec('mmengine') is None:
            raise
    with mmengine_globals():
        return torch.load(path, map_location='cpu', weights_only=True)


def _describe(path: str) -> str:
    """Describe a file that is not a checkpoint, given its first bytes."""
    with open(path, 'rb') as file:
        start = file.read(200).lstrip()
    if start.startswith(b'version https://git-lfs'):
        return ('a placeholder of Git LFS, not the file itself; "git lfs '
                'pull" fetches the file')
    if start[:1] == b'<':
        return 'a web page, no checkpoint; download the file itself'
    return 'damaged or no checkpoint'


def _with_state_dict(checkpoint: dict) -> dict:
    """Find the state dict in checkpoints of other projects."""
    if 'state_dict' in checkpoint:
        return checkpoint
    for key in WRAPPERS:
        found = checkpoint.get(key)
        if isinstance(found, dict) and any(
                map(torch.is_tensor, found.values())):
            break
    else:
        key, found = '', checkpoint
    # Numbers among the weights count steps or epochs.
    weights = {
        name: value
        for name, value in found.items()
        if not isinstance(value, (int, float))
    }
    converted = bool(key) or any('_orig_mod.' in str(n) for n in weights)
    return dict(
        state_dict=weights, **dict(converted=True) if converted else {})


def _check_sums(path: str) -> None:
    """Verify the checksums that torch writes but does not verify."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:
                raise ValueError('check sums differ')


def _check_state_dict(path: str, state_dict: object) -> None:
    if not isinstance(state_dict, dict) or not state_dict or not all(
            isinstance(name, str) and torch.is_tensor(value)
            for name, value in state_dict.items()):
        raise UserError(f'{path} contains no state dict')
    for name, value in state_dict.items():
        if value.is_floating_point() and not value.isfinite().all():
            raise DamagedError(f'{path} cannot be used: {name} contains '
                               'values that are not finite')


def load_weights(model: torch.nn.Module, path: str) -> None:
    """Load a checkpoint whose names and shapes all match the model's.

    Args:
        model (nn.Module): Model to load; unchanged if weights are rejected.
        path (str): mmengine checkpoint or plain state dict.

    Raises:
        UserError: As in :func:`read_checkpoint` and :func:`check_fits`.
    """
    before = model.state_dict()
    wanted = needed(before)
    state_dict = needed(rename(read_checkpoint(path)['state_dict'], wanted))
    check_fits(path, shapes(state_dict), shapes(wanted))
    model.load_state_dict({**before, **state_dict})


def needed(state_dict: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Remove counters and weights that only training needs."""
    return {
        name: value
        for name, value in state_dict.items()
        if name not in COUNTERS and not name.startswith(TRAINING_ONLY)
    }


def rename(state_dict: Mapping[str, torch.Tensor],
           wanted: Iterable[str]) -> dict[str, torch.Tensor]:
    """Rename weights to the names in a model.

    Args:
        state_dict (dict[str, Tensor]): State dict of the model or of its
            generator, with or without prefixes of wrappers.
        wanted (Iterable[str]): Names in the model.

    Returns:
        dict[str, Tensor]: State dict with known names renamed, no counters.
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
    """Return the shape of each tensor by its current name, unwrapped.

    Step counters, which some models have, are excluded.
    """
    found = {
        current_name(_unwrapped(name)): tuple(value.shape)
        for name, value in state_dict.items()
    }
    return {name: v for name, v in found.items() if name not in COUNTERS}


def current_name(name: str) -> str:
    """Return the current name of a parameter, given a former one."""
    for pattern, replacement in RENAMED:
        name = re.sub(pattern, replacement, name)
    return name


def check_fits(path: str, found: Mapping[str, tuple[int, ...]],
               wanted: Mapping[str, tuple[int, ...]]) -> None:
    """Reject a checkpoint of another network.

    mmengine loads matching weights and keeps the others, so that a test would
    run with random weights.

    Args:
        path (str): Checkpoint path for the message.
        found (dict): :func:`shapes` of the checkpoint.
        wanted (dict): :func:`shapes` of the model.

    Raises:
        UserError: If names or shapes differ; names the first few.
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
