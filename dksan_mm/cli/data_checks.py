# Copyright (c) DKSAN-MM contributors.
"""Checks of the data that a config needs.

They run before slow imports, so that a run without data ends at once.
"""
import os
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dksan_mm.io.layout import SPLITS
from dksan_mm.utils.errors import UserError
from dksan_mm.utils.steps import named_steps

if TYPE_CHECKING:  # launch.py imports mmengine without its warnings
    from mmengine.config import Config, ConfigDict

PREPARE = 'python tools/prepare_data.py SOURCE'
# Data sets whose clips and lists of clips are laid out as described here.
OWN = ('VideoWindowDataset', 'Vid3oCDataset', 'IntVIDDataset')


def datasets_of(config: 'Config',
                loaders: Sequence[str]) -> Iterator[tuple[str, 'ConfigDict']]:
    """Yield the data set configs of some dataloaders, including wrapped ones.

    Args:
        config (Config): The whole config.
        loaders (Sequence[str]): Names such as ``'train_dataloader'``.

    Yields:
        tuple[str, ConfigDict]: Dotted key as in --cfg-options, and the
        config.
    """
    found: list = [(name, config.get(name)) for name in loaders]
    while found:
        place, item = found.pop(0)
        if isinstance(item, (list, tuple)):
            found.extend((f'{place}.{i}', part) for i, part in enumerate(item))
        elif isinstance(item, dict):
            if 'data_root' in item:
                yield place, item
            found.extend((f'{place}.{key}', item.get(key))
                         for key in ('dataset', 'datasets'))


def redirect_data(config: 'Config', root: str) -> None:
    """Make every data set of the config read below ``root``."""
    loaders = [name for name in config if name.endswith('dataloader')]
    for _, dataset in datasets_of(config, loaders):
        dataset['data_root'] = root


def check_data(config: 'Config', loaders: Sequence[str]) -> None:
    """Reject a run whose frames are missing, before the slow imports.

    Raises:
        UserError: If data are missing; one sentence names them and the
            command that prepares them.
    """
    for _, dataset in datasets_of(config, loaders):
        root = dataset['data_root'] or ''  # mmengine's default is ''
        folders = _frame_folders(dataset)
        for folder in filter(None, (root, *folders)):
            if not os.path.exists(folder):
                what = 'there is no folder'
            elif os.path.isdir(folder) and not any(os.scandir(folder)):
                what = 'there is nothing in'
            else:
                continue
            remedy = _remedy(folder, folders, root or os.curdir)
            raise UserError(f'no data: {what} {folder}; {remedy}')


def check_windows(config: 'Config', loaders: Sequence[str]) -> None:
    """Reject windows whose length differs from that of the network.

    Raises:
        UserError: If it does; names both settings.
    """
    frames = config.get('model', {}).get('generator', {}).get('num_frames')
    for place, dataset in datasets_of(config, loaders):
        length = dataset.get('num_input_frames', frames)
        if frames is not None and length != frames:
            raise UserError(
                f'{place}.num_input_frames is {length}, but model.generator.'
                f'num_frames is {frames}: the data set must make windows of '
                'as many frames as the network takes')


def check_crops(config: 'Config') -> None:
    """Reject clips that are smaller than the training crop.

    Otherwise the run stops, perhaps hours later, when the first of them is
    sampled.

    Raises:
        UserError: If there are any; states their number, the first name, and
            the option for a smaller crop.
    """
    for place, dataset in datasets_of(config, ['train_dataloader']):
        if 'gt' not in (dataset.get('data_prefix') or {}) or \
                dataset.get('type', OWN[0]) not in OWN:
            continue  # a data set of another kind
        for name, step in named_steps(dataset.get('pipeline', [])).items():
            if isinstance(step, dict) and 'gt_patch_size' in step:
                _check_crop(dataset, f'{place}.pipeline.{name}', step)
                break  # later steps work on the crop


def _check_crop(dataset: 'ConfigDict', place: str, step: dict) -> None:
    """Compare the crop with the first HR frame of each clip."""
    name = 'min_gt_patch_size'
    if step.get(name) is None:
        name = 'gt_patch_size'
    size = step[name]
    sides = _shorter_sides(dataset)
    small = [clip for clip, side in sides.items() if side < size]
    if small:
        named = ', '.join(f'{clip} ({sides[clip]})' for clip in small[:3])
        more = ', ...' if len(small) > 3 else ''
        least = min(sides.values()) // 16 * 16
        smaller = ', or take smaller crops with --cfg-options ' \
            f'{place}.{name}={least}' if least else ''
        raise UserError(
            f'{len(small)} of {len(sides)} clips in {_hr_folder(dataset)} '
            f'have a shorter side of less than {size} pixels, too small for '
            f'training crops of {size}: {named}{more}; leave them out'
            f'{smaller}')


def _shorter_sides(dataset: 'ConfigDict') -> dict[str, int]:
    """Map each clip to the shorter side of its first HR frame."""
    from dksan_mm.io.images import read_image
    from dksan_mm.io.layout import list_frames
    folder, sides = _hr_folder(dataset), {}
    for clip in _clips(dataset, folder):
        if not os.path.isdir(os.path.join(folder, clip)):
            raise UserError(f'there is no folder {folder}/{clip}, though a '
                            'list of clips names it; in a list, a tab '
                            'separates the name of a clip from its number of '
                            'frames')
        for path in list_frames(os.path.join(folder, clip))[:1]:
            try:
                sides[clip] = min(read_image(path).shape[:2])
            except ValueError as error:
                raise UserError(str(error)) from error
    return sides


def _hr_folder(dataset: 'ConfigDict') -> str:
    return os.path.join(dataset['data_root'] or '',
                        dataset['data_prefix']['gt'])


def _clips(dataset: 'ConfigDict', folder: str) -> list[str]:
    """List the names of the clips that a data set uses."""
    from dksan_mm.io.layout import list_clips, read_annotation
    lists = [source['ann_file'] for source in dataset.get('sources') or ()]
    if dataset.get('ann_file'):
        lists.append(dataset['ann_file'])
    if not lists:
        return list_clips(folder)
    return [
        clip for path in lists for clip in read_annotation(
            os.path.join(dataset['data_root'] or '', path))
    ]


def _frame_folders(dataset: 'ConfigDict') -> list[str]:
    """List the folders of a data set that must hold clips."""
    prefixes = dataset.get('data_prefix') or {}
    return [
        os.path.join(dataset['data_root'] or '', prefix)
        for prefix in prefixes.values() if prefix
    ]


def _remedy(folder: str, folders: list[str], root: str) -> str:
    """Name the command that makes a missing folder of a data set."""
    found = re.search(r'\bLRx(\d+)', ' '.join(folders))
    elsewhere = 'or name another place with --data-root'
    if not found:  # such as BIx4 and GT
        return f'it is used as downloaded: unpack it there, {elsewhere}'
    target, scale = root, found[1]
    if _has_other_scale(root, scale):  # a data set has one scale
        target = f'{root.rstrip(os.sep)}_x{scale}'
        elsewhere = f'and use it with --data-root {shlex.quote(target)}'
    split = os.path.relpath(folder, root).split(os.sep)[0]
    options = f' --split {split}' if split in SPLITS else ''
    options += f' --scale {scale}' if scale != '16' else ''
    return (f'prepare it with `{PREPARE} {shlex.quote(target)}{options}`, '
            f'{elsewhere}')


def _has_other_scale(root: str, scale: str) -> bool:
    """Return whether a data set has LR frames of another scale factor."""
    return any(path.name != f'LRx{scale}' for split in SPLITS
               for path in Path(root, split).glob('LRx*'))
