# Copyright (c) DKSAN-MM contributors.
"""Kernels compiled in a separate process, without Triton's interpreter.

As a program, it prints the result of :func:`compiled_kernels`.
"""
import dataclasses
import functools
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


@functools.lru_cache(maxsize=None)
def compiled_kernels() -> dict:
    """Return tables, and ``Compiled`` with title, GPU and occupancy."""
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    environment.pop('TRITON_INTERPRET', None)
    done = subprocess.run([sys.executable, __file__],
                          env=environment,
                          capture_output=True,
                          text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


def compile_all() -> dict:
    """Compile, in this process."""
    from dksan_mm.ops.triton import tables, targets
    common = list(tables.common())
    jobs = [(form, name) for form in common
            for name in targets.STATED + targets.RARE
            if targets.is_stated(form, name)]
    jobs += [(form, name) for form in tables.others()
             for name in targets.STATED]
    jobs += [(form, targets.STATED[-1]) for form in tables.rare()]
    kernels = []
    for form, name in jobs:
        target = targets.TARGETS[name]
        found = targets.compile_for(form.launch, target)
        kernels.append(
            dict(
                dataclasses.asdict(found),
                title=form.title,
                target=name,
                kernel=form.launch.kernel,
                channels=form.channels,
                constants=form.launch.constants,
                occupancy=found.occupancy(target.arch)
                if target.backend == 'cuda' else None))
    return dict(
        kernels=kernels,
        resources=targets.resources(common),
        roofline=tables.roofline(common))


if __name__ == '__main__':
    print(json.dumps(compile_all()))
