# Copyright (c) DKSAN-MM contributors.
"""Keys of a config, and the check of those that nothing would read.

Most dicts of a config are arguments of a class, which rejects others. The
rest are read key by key: a misspelt one has no effect and causes no error.
"""
import difflib
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from dksan_mm.utils.errors import UserError
from .config_values import parts

# Top-level keys that mmengine's Runner or a tool reads.
TOP = ('model', 'work_dir', 'train_dataloader', 'val_dataloader',
       'test_dataloader', 'train_cfg', 'val_cfg', 'test_cfg', 'auto_scale_lr',
       'optim_wrapper', 'param_scheduler', 'val_evaluator', 'test_evaluator',
       'default_hooks', 'custom_hooks', 'data_preprocessor', 'load_from',
       'resume', 'launcher', 'env_cfg', 'log_processor', 'log_level',
       'visualizer', 'default_scope', 'randomness', 'experiment_name',
       'custom_imports', 'model_wrapper_cfg', 'compile')
# Further keys that mmagic or a tool reads.
READ = ('demo_pipeline', 'find_unused_parameters')
_LOOP = ('by_epoch', 'max_epochs', 'max_iters', 'val_begin', 'val_interval',
         'dynamic_intervals', 'fp16')
_LOADER = ('dataset', 'batch_size', 'num_workers', 'sampler', 'batch_sampler',
           'collate_fn', 'shuffle', 'pin_memory', 'drop_last', 'timeout',
           'worker_init_fn', 'multiprocessing_context', 'prefetch_factor',
           'persistent_workers', 'pin_memory_device', 'num_batch_per_epoch')
# Keys of paramwise_cfg that mmengine's constructor reads, and that ours does.
_PARAMWISE = ('bias_lr_mult', 'bias_decay_mult', 'norm_decay_mult',
              'flat_decay_mult', 'dwconv_decay_mult', 'dcn_offset_lr_mult',
              'bypass_duplicate', 'custom_keys')
_OFFSETS = ('offset_lr_mult', 'align_lr_mult', 'discriminator_lr_mult')
# Keys that dicts without a type may have in addition to the config's.
KNOWN: dict[str, tuple[str, ...]] = dict(
    train_cfg=_LOOP,
    val_cfg=_LOOP,
    test_cfg=_LOOP,
    train_dataloader=_LOADER,
    val_dataloader=_LOADER,
    test_dataloader=_LOADER,
    randomness=('seed', 'diff_rank_seed', 'deterministic'),
    auto_scale_lr=('enable', 'base_batch_size'),
    env_cfg=('cudnn_benchmark', 'mp_cfg', 'dist_cfg', 'resource_limit'),
    mp_cfg=('mp_start_method', 'opencv_num_threads'),
    dist_cfg=('backend', 'timeout'),
    clip_grad=('type', 'max_norm', 'norm_type', 'error_if_nonfinite',
               'foreach', 'clip_value'),
    paramwise_cfg=(*_PARAMWISE, *_OFFSETS),
    optim_wrapper=('optimizer', 'accumulative_counts', 'clip_grad', 'dtype',
                   'loss_scale', 'use_fsdp', 'constructor', 'paramwise_cfg'))
# Dicts with keys of the user's choice.
FREE = ('data_prefix', 'custom_keys', 'default_hooks', 'resource_limit')
# Keys that are read and removed before a class is built.
SPECIAL = ('type', '_delete_', '_scope_', 'priority', 'convert_to_iter_based')

# Dicts without a type that may have no other keys than those of KNOWN.
_COMPLETE = ('auto_scale_lr', 'env_cfg', 'env_cfg.mp_cfg', 'randomness',
             'optim_wrapper*.clip_grad')
# Constructors of optimizer wrappers by the keys of paramwise_cfg they read.
_CONSTRUCTORS = {
    'DefaultOptimWrapperConstructor': _PARAMWISE,
    'OffsetLrConstructor': _OFFSETS
}
_MULTIPLIERS = ('lr_mult', 'decay_mult')


def check_keys(config: Mapping[str, Any]) -> None:
    """Reject keys that nothing reads, wherever they were set.

    Args:
        config (Mapping): The whole config.

    Raises:
        UserError: If there is one; names the most similar key.
    """
    for place, part in parts(config):
        if not isinstance(part, Mapping):
            continue
        name = place.rpartition('.')[2]
        if any(fnmatchcase(place, pattern) for pattern in _COMPLETE):
            _check_known(place, part, KNOWN[name])
        if place.startswith('optim_wrapper') and 'paramwise_cfg' in part:
            _check_paramwise(place, part)


def _check_known(place: str, part: Mapping[str, Any],
                 known: Iterable[str]) -> None:
    for key in part:
        if key not in known and key not in SPECIAL:
            raise UserError(f'{place}: there is no {key}'
                            f'{suggestion(key, known)}')


def _check_paramwise(place: str, wrapper: Mapping[str, Any]) -> None:
    """Check multipliers against the constructor of the optimizer wrapper."""
    settings = wrapper['paramwise_cfg'] or {}
    constructor = wrapper.get('constructor', 'DefaultOptimWrapperConstructor')
    known = _CONSTRUCTORS.get(constructor)
    if known is None:  # the user's own
        return
    for other, keys in _CONSTRUCTORS.items():
        foreign = set(settings) & set(keys) - set(known)
        if foreign:
            raise UserError(
                f'{place}.paramwise_cfg: {constructor} does not read '
                f'{min(foreign)}; {place}.constructor={other!r} does, and '
                '_delete_=True in paramwise_cfg drops inherited keys')
    _check_known(f'{place}.paramwise_cfg', settings, known)
    for name, own in (settings.get('custom_keys') or {}).items():
        for key in own:  # may also be settings of the optimizer
            near = difflib.get_close_matches(key, _MULTIPLIERS, 1, 0.8)
            if near and key not in _MULTIPLIERS:
                raise UserError(
                    f'{place}.paramwise_cfg.custom_keys[{name!r}]: there is '
                    f'no {key}; did you mean {near[0]}?')


def suggestion(key: str, known: Iterable[str]) -> str:
    """Return the end of a message on a key that does not exist.

    Args:
        key (str): The key.
        known (Iterable[str]): Keys that exist.
    """
    known = sorted({name for name in known if not name.startswith('_')})
    near = difflib.get_close_matches(key, known, 1, 0.5)
    return f'; did you mean {near[0]}?' if near else \
        f'; there are {", ".join(known[:8])}'
