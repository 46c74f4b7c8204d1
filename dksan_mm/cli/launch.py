# Copyright (c) DKSAN-MM contributors.
"""Start of the tools: options, configs, checks and imports.

The import of this module is fast. mmagic (15 s) is imported by
:func:`import_modules`, after everything that can be checked before.
"""
import argparse
import difflib
import os
import warnings
from collections.abc import Sequence
from pathlib import Path

warnings.filterwarnings('ignore', 'pkg_resources is deprecated')

from mmengine.config import Config  # noqa: E402

from dksan_mm.utils.errors import UserError  # noqa: E402
from dksan_mm.utils.running import run_tool  # noqa: E402, F401
from dksan_mm.utils.running import first_line, last_line  # noqa: E402, F401
from .config_keys import check_keys  # noqa: E402
from .config_options import OptionAction  # noqa: E402
from .config_options import check_arguments, check_options  # noqa: E402
from .config_values import check_values  # noqa: E402
from .config_variables import check_variables  # noqa: E402

LAUNCHERS = ('none', 'pytorch', 'slurm', 'mpi')


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that mmagic's tools share, and ``--data-root``."""
    parser.add_argument('--work-dir', help='folder for logs and checkpoints')
    parser.add_argument(
        '--data-root',
        metavar='DIR',
        help='prepared data, instead of those of the config')
    add_config_options(parser)
    parser.add_argument(
        '--launcher',
        choices=LAUNCHERS,
        default='none',
        help='launcher of a distributed run')
    # torch.distributed.launch passes it; torchrun sets LOCAL_RANK instead.
    parser.add_argument(
        '--local_rank',
        '--local-rank',
        type=int,
        default=0,
        help=argparse.SUPPRESS)


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--cfg-options``."""
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=OptionAction,
        metavar='KEY=VALUE',
        help='override settings of the config, such as '
        'train_cfg.max_iters=100 or model.generator.num_blocks="[6,4,3,2]" '
        '(without spaces)')


def load_config(args: argparse.Namespace) -> Config:
    """Load the config and apply the command line, without slow imports.

    Raises:
        UserError: If it is missing or cannot be read, an option does not fit
            it, or a value makes no sense.
    """
    if not os.path.isfile(args.config):
        raise UserError(missing_config(args.config))
    try:
        config = Config.fromfile(args.config, import_custom_modules=False)
    except SystemExit as error:
        raise UserError(f'cannot read the config {args.config}: it ends the '
                        f'program, by exit({error.code})') from error
    except Exception as error:  # a config is a program and may raise any
        raise UserError(f'cannot read the config {args.config}: '
                        f'{last_line(error)}') from error
    check_variables(args.config, config)
    if args.cfg_options:
        # Arguments of classes are checked after the classes are imported.
        args.unknown_options = check_options(
            dict(config.items()), args.cfg_options)
        try:
            config.merge_from_dict(args.cfg_options)
        except (TypeError, KeyError, ValueError, IndexError) as error:
            raise UserError('--cfg-options do not fit the config: '
                            f'{last_line(error)}') from error
    check_keys(dict(config.items()))
    check_values(dict(config.items()))
    if not isinstance(config.get('work_dir') or '', (str, os.PathLike)):
        raise UserError(f'work_dir must be a path, got {config.work_dir!r}')
    if args.work_dir:
        config.work_dir = args.work_dir
    elif not config.get('work_dir'):
        config.work_dir = os.path.join('work_dirs', Path(args.config).stem)
    config.launcher = args.launcher
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return config


def read_config(path: str, options: dict | None = None) -> Config:
    """Load a config as :func:`load_config`, with values of ``--cfg-options``.

    Args:
        path (str): Path of the config.
        options (dict, optional): Values by dotted key.

    Raises:
        UserError: As :func:`load_config`.
    """
    return load_config(
        argparse.Namespace(
            config=path,
            cfg_options=options,
            work_dir=None,
            launcher='none',
            local_rank=0))


def missing_config(path: str) -> str:
    """Return a message on a config that does not exist, with a near name."""
    folder = Path(path).parent
    names = [file.name for file in folder.glob('*.py')]
    near = difflib.get_close_matches(Path(path).name, names, 1)
    hint = f'; did you mean {folder / near[0]}?' if near else ''
    return f'there is no config {path}{hint}'


def check_work_dir(config: Config) -> None:
    """Reject a work dir that cannot be written.

    Raises:
        UserError: If it is a file, is read-only or cannot be created.
    """
    path = Path(os.path.abspath(config.work_dir))
    existing = next(p for p in (path, *path.parents) if os.path.lexists(p))
    if not existing.is_dir():
        raise UserError(
            f'--work-dir {config.work_dir}: {existing} is not a folder')
    if not os.access(existing, os.W_OK | os.X_OK):
        raise UserError(f'--work-dir {config.work_dir}: {existing} cannot be '
                        'written')


def check_launcher(launcher: str) -> None:
    """Reject a distributed run that cannot start.

    Raises:
        UserError: If torchrun did not start the processes, or the launcher
            needs more GPUs than there are.
    """
    import torch
    if launcher == 'pytorch' and 'RANK' not in os.environ:
        raise UserError('--launcher pytorch needs torchrun: torchrun '
                        '--nproc_per_node N tools/train.py ...')
    if launcher in ('slurm', 'mpi') and not torch.cuda.is_available():
        raise UserError(f'--launcher {launcher} needs a GPU on each node; on '
                        'CPUs use torchrun and --launcher pytorch')


def start_cpu_group(config: Config) -> None:
    """Start the process group on a machine without a GPU.

    mmengine would select a CUDA device and fail; it keeps a group that
    already exists.

    Raises:
        UserError: If the processes cannot connect, for example because
            another program uses the port.
    """
    import torch
    if config.launcher != 'pytorch' or torch.cuda.is_available():
        return
    try:
        torch.distributed.init_process_group('gloo')
    except torch.distributed.DistError as error:
        raise UserError('the processes cannot connect; torchrun --master-port '
                        f'sets another port: {first_line(error)}') from error


def import_modules(config: Config) -> None:
    """Import mmagic and the modules in the config's ``custom_imports``.

    Raises:
        UserError: If one cannot be imported or has an unsupported version,
            or ``custom_imports`` is malformed.
    """
    from mmengine.utils import import_modules_from_strings

    from dksan_mm.utils.versions import check_openmmlab
    if _is_first_process():
        print('Importing mmagic (about 15 seconds) ...', flush=True)
    with warnings.catch_warnings():
        # From transformers and diffusers about torch: not for the user.
        warnings.simplefilter('ignore', FutureWarning)
        try:
            check_openmmlab()
            import_modules_from_strings(**_named_imports(config))
        except ImportError as error:
            # mmengine hides the failed import in the context.
            reason = f' ({error.__context__})' if error.__context__ else ''
            raise UserError(f'{error}{reason}') from error


def _named_imports(config: Config) -> dict:
    """Return mmengine's import arguments; ``imports`` always exists."""
    named = config.get('custom_imports') or {}
    known = {'imports', 'allow_failed_imports'}
    fits = isinstance(named, dict) and named.keys() <= known
    modules = named.get('imports') or [] if fits else None
    several = modules if isinstance(modules, list) else [modules]
    if not all(isinstance(name, str) for name in several):
        raise UserError("the config's custom_imports must be "
                        f"dict(imports=['a.module']), got {named}")
    return {**named, 'imports': modules}


def check_imported(args: argparse.Namespace) -> None:
    """Check options against the arguments of their imported classes.

    Raises:
        UserError: If a class has no such argument.
    """
    check_arguments(getattr(args, 'unknown_options', None) or ())


def check_parts(config: Config, names: Sequence[str], sentence: str) -> None:
    """Reject a config that lacks parts, or has others in their place.

    Args:
        config (Config): The whole config.
        names (Sequence[str]): Names of the parts.
        sentence (str): Beginning of the message.

    Raises:
        UserError: If a part is missing, or the model, its generator or a
            loader is not a dict (or, for loaders, a list of dicts).
    """
    for name in names:
        if not config.get(name):
            raise UserError(f'{sentence}: it has no {name}')
    parts = {
        name: config[name]
        for name in names if name == 'model' or name.endswith('_dataloader')
    }
    if isinstance(config.model, dict):
        parts['model.generator'] = config.model.get('generator', {})
    for name, part in parts.items():
        many = isinstance(part, (list, tuple)) and name.endswith('_dataloader')
        if not all(
                isinstance(one, dict) for one in (part if many else [part])):
            raise UserError(f'{sentence}: {name} must be a dict, got {part!r}')


def _is_first_process() -> bool:
    return os.environ.get('RANK', '0') == '0'
