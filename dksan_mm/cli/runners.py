# Copyright (c) DKSAN-MM contributors.
"""mmengine's Runner, as the tools build it from a config."""
import difflib
import functools
import os
import re
from collections.abc import Callable
from typing import Any

from mmengine.config import Config

from dksan_mm.utils.errors import UserError
from dksan_mm.utils.running import last_line, log_traceback
from .config_options import registered_classes
from .optimizers import check_optimizers

# Errors that building from a wrong config raises.
BUILD_ERRORS = (TypeError, KeyError, ValueError, AssertionError,
                AttributeError, IndexError)
# Parts of the config that belong together.
LOOPS = (('train_dataloader', 'train_cfg',
          'optim_wrapper'), ('val_dataloader', 'val_cfg', 'val_evaluator'),
         ('test_dataloader', 'test_cfg', 'test_evaluator'))
# Hooks that mmengine registers unless the config sets them to None.
DEFAULT_HOOKS = ('runtime_info', 'timer', 'sampler_seed', 'logger',
                 'param_scheduler', 'checkpoint')
# mmengine's message on a type.
_UNKNOWN = re.compile(r'(\w+) is not in the (.+?) registry')
# Parts of the config that mmengine's Runner builds only when it runs.
BUILDERS = ('build_train_loop', 'build_val_loop', 'build_test_loop',
            'build_optim_wrapper', 'build_param_scheduler')


def build_runner(kind: type, config: Config):
    """Build mmengine's Runner and everything that the config describes.

    Args:
        kind (type): ``Runner`` or a subclass.
        config (Config): The whole config.

    Returns:
        Runner: The runner.

    Raises:
        UserError: If something cannot be built as configured.
    """
    check_optimizers(config)
    _check_loops(config)
    _drop_absent_hooks(config)
    try:
        runner: Any = _own_runner(kind)
        return runner.from_cfg(config)
    except BUILD_ERRORS as error:
        raise _misfit(error) from error


def _check_loops(config: Config) -> None:
    """Reject a loop with some of its parts; mmengine prints the parts."""
    for parts in LOOPS:
        missing = [name for name in parts if config.get(name) is None]
        if missing and len(missing) < len(parts):
            raise UserError(f'the config has no {missing[0]}, but others of '
                            f'{", ".join(parts)}: to do without, set all of '
                            'them to None')


def _drop_absent_hooks(config: Config) -> None:
    """Remove hooks of None, which mmengine does only for its own ones."""
    hooks = config.get('default_hooks') or {}
    for name in [name for name, hook in hooks.items() if hook is None]:
        if name not in DEFAULT_HOOKS:
            del hooks[name]


def _misfit(error: Exception) -> UserError:
    return UserError('the config cannot be used for this: '
                     f'{build_reason(error)}{log_traceback()}')


def build_reason(error: Exception) -> str:
    """Return why something cannot be built, as one sentence.

    Args:
        error (Exception): Error of a class or a registry. For a type that no
            registry has, the sentence suggests one of almost the same name.
    """
    unknown = _UNKNOWN.search(str(error))
    if isinstance(error, KeyError) and ' ' not in str(error):
        return f'there is no {error}'
    if unknown is None:
        return last_line(error)
    name, registry = unknown.groups()
    near = difflib.get_close_matches(name, registered_classes(), 1)
    hint = f'did you mean {near[0]}?' if near else \
        'add the module of your own to custom_imports'
    return f'{name} is not in the {registry} registry; {hint}'


def _own_runner(kind: type) -> type:
    """Derive a Runner that respects the user's config.

    mmengine's dumps the config to the work dir under its own file name, which
    may overwrite that very file or another one; and on resuming, it takes the
    learning rates from the checkpoint. It builds data only when it runs.
    """
    from dksan_mm.engine.runner.schedule import Schedule

    class OwnRunner(kind):

        def call_hook(self, fn_name: str, **kwargs) -> None:
            call = super().call_hook
            if fn_name == 'before_run':  # hooks build what they need
                call = _naming_misfits(call)
            call(fn_name, **kwargs)

        def dump_config(self) -> None:
            own = self.cfg.filename
            target = os.path.join(self.work_dir, os.path.basename(own or ''))
            if own and os.path.lexists(target):
                target = os.path.join(self.work_dir, f'{self.timestamp}.py')
                self.cfg.dump(target)
            else:
                super().dump_config()

        def resume(self, filename: str, *args, **kwargs) -> None:
            schedule = Schedule(self)
            try:
                super().resume(filename, *args, **kwargs)
                changed = schedule.follow(self)
            except (KeyError, ValueError) as error:
                raise UserError(
                    f'{filename} cannot be resumed with the optimizer and '
                    f'schedule of this config ({build_reason(error)}); '
                    'load_from starts a new training with its weights'
                ) from error
            if changed:
                self.logger.info('values of the config replace those of the '
                                 f'checkpoint: {", ".join(changed)}')

    for name in BUILDERS:
        setattr(OwnRunner, name, _naming_misfits(getattr(kind, name)))
    OwnRunner.__name__ = kind.__name__
    return OwnRunner


def _check_samples(part: Any) -> None:
    """Reject a loop that would never end, or has nothing to read."""
    from mmengine.dataset import InfiniteSampler
    from mmengine.runner import BaseLoop, IterBasedTrainLoop
    if not isinstance(part, BaseLoop):
        return
    for loader in getattr(part, 'dataloaders', None) or [part.dataloader]:
        if not isinstance(loader.sampler, InfiniteSampler):
            if not len(loader):
                raise UserError(
                    f'there is no whole batch: the {len(loader.dataset)} '
                    'samples of the data set are fewer than batch_size='
                    f'{loader.batch_size}, and drop_last is set')
        elif not isinstance(part, IterBasedTrainLoop):
            raise UserError(_endless(part, loader.sampler))


def _endless(loop: Any, sampler: Any) -> str:
    """Return the message on a loop whose samples have no end."""
    training = hasattr(loop, 'max_epochs')
    name = 'train_dataloader' if training else 'its dataloader'
    other = 'state train_cfg.max_iters instead of max_epochs, or ' \
        if training else ''
    return (f'{type(loop).__name__} would never end, because the samples of '
            f'{type(sampler).__name__} have no end: {other}set the sampler of '
            f"{name} to dict(_delete_=True, type='DefaultSampler', "
            f'shuffle={training})')


def _naming_misfits(build: Callable[..., Any]) -> Callable[..., Any]:

    @functools.wraps(build)
    def built(*args: Any, **kwargs: Any) -> Any:
        try:
            part = build(*args, **kwargs)
        except ValueError:
            raise  # an error in the data with a message of its own
        except BUILD_ERRORS as error:
            raise _misfit(error) from error
        _check_samples(part)
        return part

    return built
