# Copyright (c) DKSAN-MM contributors.
"""Options for the network of a command line, and its loading."""
import argparse
import importlib.util
import os.path as osp
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dksan_mm.cli.arguments import share_of_one
from dksan_mm.cli.scales import SCALES
from dksan_mm.utils.errors import UserError
from dksan_mm.utils.release import (DETAIL, PIXEL_NETWORKS, RELEASED,
                                    default_detail, release_folder)

if TYPE_CHECKING:
    import torch
    from torch import nn

DEFAULT = 'dksan-s'


class OptionAction(argparse.Action):
    """Defers the import of ``config_options.OptionAction`` until used."""

    def __call__(self,
                 parser: argparse.ArgumentParser,
                 namespace: argparse.Namespace,
                 values: Any,
                 option_string: str | None = None) -> None:
        need_openmmlab(parser, '--cfg-options')
        from dksan_mm.cli.config_options import OptionAction as Original
        action = Original(self.option_strings, self.dest, nargs='+')
        action(parser, namespace, values, option_string)


def add_network_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--model``, ``--config`` and the options that go with them."""
    parser.add_argument(
        '--model',
        choices=RELEASED,
        help='released network, or bicubic: dksan-s has the lowest errors, '
        'dksan-s-gan (a preview) is sharper but invents detail '
        f'(default: {DEFAULT})')
    parser.add_argument(
        '--detail',
        type=share_of_one,
        metavar='0..1',
        help='amount of detail that dksan-s-gan invents: 0 is nearly '
        f'dksan-s (default: {DETAIL})')
    parser.add_argument(
        '--config', help='config of another network, such as your own')
    parser.add_argument(
        '--checkpoint',
        help='weights of the network (default: the released ones, if any)')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=OptionAction,
        metavar='KEY=VALUE',
        help='change settings of the config, as in the training')
    parser.add_argument(
        '--scale',
        type=int,
        choices=SCALES,
        help='scale of width and height; the smaller ones use fewer levels of '
        'the network and take less time (default: 16, or model.test_cfg.scale '
        'of the config)')
    parser.set_defaults(work_dir=None, launcher='none', local_rank=0)


def check_network_options(parser: argparse.ArgumentParser,
                          args: argparse.Namespace) -> None:
    """Reject options that exclude each other or need a missing mmagic.

    With ``--cfg-options`` but no ``--config``, ``args.config`` is set to the
    config of the released network.
    """
    if args.model and args.config:
        parser.error('--model and --config: use only one of them')
    if args.detail is not None and args.model not in PIXEL_NETWORKS:
        parser.error(f'--detail needs --model {", ".join(PIXEL_NETWORKS)}')
    if args.config:
        need_openmmlab(parser, '--config')
    elif args.cfg_options:
        args.config = str(release_folder() / 'configs' /
                          f'{RELEASED[args.model or DEFAULT]}.py')


def need_openmmlab(parser: argparse.ArgumentParser, option: str) -> None:
    """Reject an option that needs mmagic if mmagic is not installed."""
    if importlib.util.find_spec('mmagic') is None:
        parser.error(f'{option} needs mmagic, which is not installed: '
                     "pip install 'dksan_mm[mmagic]' (docs/install.md)")


def network_name(args: argparse.Namespace) -> str:
    """Return the name of the network, from its config or its release."""
    return Path(args.config).stem if args.config else args.model or DEFAULT


def load_network(args: argparse.Namespace,
                 *,
                 device: str = 'cpu',
                 dtype: 'torch.dtype | None' = None) -> 'nn.Module':
    """Load the network that the command line names.

    Args:
        args (argparse.Namespace): Values of :func:`add_network_options`.
        device (str): Device of the model.
        dtype (torch.dtype, optional): Precision of the network. Default:
            float32.

    Returns:
        nn.Module: The model in evaluation mode.

    Raises:
        UserError: If the config, its weights or the scale cannot be used.
    """
    import torch

    from dksan_mm.models.scales import choose_scale
    load = _load_configured if args.config else _load_released
    model = load(args, find_checkpoint(args), device, dtype or torch.float32)
    generator: Any = model.generator
    try:
        choose_scale(generator, args.scale)
    except ValueError as error:
        raise UserError(f'--scale: {error}') from error
    return model


def find_checkpoint(args: argparse.Namespace) -> str | None:
    """Return the path of the user's checkpoint or of the released one."""
    if args.checkpoint:
        return args.checkpoint
    config = args.config or RELEASED[args.model or DEFAULT]
    released = release_folder() / 'weights' / f'{Path(config).stem}.pth'
    return str(released) if released.is_file() else None


def _load_released(args: argparse.Namespace, checkpoint: str | None,
                   device: str, dtype: 'torch.dtype') -> 'nn.Module':
    """Load a released network without mmagic."""
    from dksan_mm import load_model
    return load_model(
        args.model or DEFAULT,
        checkpoint=checkpoint,
        detail=_detail(args),
        device=device,
        dtype=dtype)


def _load_configured(args: argparse.Namespace, checkpoint: str | None,
                     device: str, dtype: 'torch.dtype') -> 'nn.Module':
    """Load the network of a config by mmagic."""
    from dksan_mm.cli import launch
    from dksan_mm.cli.runners import BUILD_ERRORS, build_reason
    config = launch.load_config(args)
    if checkpoint:
        from dksan_mm.engine.runner.checkpoint import read_checkpoint
        read_checkpoint(checkpoint)  # fail before the slow imports
    launch.import_modules(config)
    launch.check_imported(args)
    from dksan_mm.apis import init_model
    try:
        model = init_model(config, checkpoint, device, dtype)
    except BUILD_ERRORS as error:
        raise UserError(f'{args.config} does not describe a network that can '
                        f'be built: {build_reason(error)}') from error
    if checkpoint is None and any(True for _ in model.parameters()):
        raise UserError(_no_weights(args.config))
    detail = _detail(args)
    if detail is not None:  # --model with --cfg-options
        from dksan_mm.apis.released import set_detail
        set_detail(model, args.model, detail)
    return model


def _detail(args: argparse.Namespace) -> float | None:
    """Return the requested detail, or the default of the network."""
    if args.detail is not None or not args.model:
        return args.detail
    return default_detail(args.model, own_weights=bool(args.checkpoint))


def _no_weights(config: str) -> str:
    """Return the message for a missing checkpoint."""
    return (f'no weights are released for {osp.relpath(config)}: pass your '
            'own with --checkpoint (tools/train.py makes them), omit --config '
            f'to use {DEFAULT}, or pass --model bicubic, which needs none')
