# Copyright (c) DKSAN-MM contributors.
"""Results of a comparison as a dict that JSON can represent."""
import datetime
import os
import os.path as osp
import platform
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from .. import __version__
from .journal import file_digest
from .paper import find_paper
from .processes import Failure
from .request import DataSpec, ModelSpec

PACKAGES = ('torch', 'mmcv', 'mmagic', 'mmengine', 'numpy', 'opencv-python')


def collect(models: Sequence[ModelSpec], outcomes: Mapping[str, object],
            data: DataSpec, command: Sequence[str]) -> dict:
    """Collect the outcomes of all models.

    Args:
        models (Sequence[ModelSpec]): Models in the order of columns.
        outcomes (Mapping): Result of
            :func:`~dksan_mm.comparison.processes.run_models`.
        data (DataSpec): The frames.
        command (Sequence[str]): Arguments of the tool.

    Returns:
        dict: ``data``, ``metrics`` (unit, decimals and direction by name),
        ``models`` (by name ``averages``, ``videos``, ``frames``, costs; or
        ``error``), ``paper``, ``versions``, ``machine``, ``command``,
        ``date``.
    """
    good: list[Any] = [
        o for o in outcomes.values() if not isinstance(o, Failure)
    ]
    clips = good[0]['clips'] if good else {}
    return dict(
        data=dict(
            root=data.root,
            split=data.split,
            max_frames=data.max_frames,
            scale=data.scale,
            videos=clips),
        # A metric may be undefined for all frames of a model.
        metrics={
            name: described
            for outcome in good
            for name, described in outcome['metrics'].items()
        },
        models={
            model.name: _describe(model, outcomes[model.name])
            for model in models
        },
        paper=None if data.scale != 16 else find_paper({
            name: clip['available']
            for name, clip in clips.items()
        }),
        versions=versions(),
        machine=machine(),
        command=shlex.join(command),
        date=datetime.datetime.now().astimezone().isoformat(
            timespec='seconds'))


def _describe(model: ModelSpec, outcome: Any) -> dict:
    """Return the results of one model."""
    known = dict(config=model.config, checkpoint=model.checkpoint)
    if isinstance(outcome, Failure):
        return dict(known, error=outcome.reason)
    if model.checkpoint:
        known['checkpoint_sha256'] = file_digest(model.checkpoint)
    return dict(
        known, **{
            key: outcome[key]
            for key in outcome if key not in ('clips', 'metrics')
        })


def versions() -> dict:
    """Return the versions of this project and its main dependencies."""
    found: dict[str, str | None] = dict(dksan_mm=__version__)
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    found['python'] = platform.python_version()
    commit = _git('rev-parse', 'HEAD')
    if commit:
        changes = _git('status', '--porcelain', '--untracked-files=no')
        found['commit'] = commit + (' with changes' if changes else '')
    return found


def _git(*arguments: str) -> str | None:
    """Query git about the project's own checkout; None without one."""
    root = osp.dirname(osp.dirname(osp.dirname(osp.abspath(__file__))))
    if not osp.exists(osp.join(root, '.git')):
        return None
    try:
        return subprocess.run(['git', '-C', root, *arguments],
                              capture_output=True,
                              text=True,
                              check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def machine() -> dict:
    """Describe the processor, its cores and the memory."""
    memory = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')
    return dict(
        cpu=_cpu_model(),
        cores=len(os.sched_getaffinity(0)),
        memory_bytes=memory,
        system=platform.platform(terse=True))


def _cpu_model() -> str:
    try:
        with open('/proc/cpuinfo', encoding='utf-8') as file:
            for line in file:
                if line.startswith('model name'):
                    return line.partition(':')[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
