# Copyright (c) DKSAN-MM contributors.
"""Checks of the jobs of tools/super_resolve.py before the work starts."""
import argparse
import os
import os.path as osp
from typing import NamedTuple

from dksan_mm.io.video.inputs import find_inputs
from dksan_mm.io.video.readers import Source, open_source
from dksan_mm.io.video.targets import check_apart, check_count, check_target
from dksan_mm.utils.errors import UserError
from dksan_mm.utils.sizes import Size, fit_size
from .jobs import Job, find_jobs, is_done, share
from .ranks import rank, world_size
from .running import last_line


class Plan(NamedTuple):
    """The work of a run of tools/super_resolve.py.

    Attributes:
        jobs (list[Job]): Jobs of this process.
        notes (list[str]): Sentences about everything that is left out.
        num_done (int): Number of videos whose output exists already.
        num_videos (int): Total number of videos.
    """
    jobs: list[Job]
    notes: list[str]
    num_done: int
    num_videos: int


def plan_jobs(args: argparse.Namespace) -> Plan:
    """List the jobs of this process.

    Args:
        args (Namespace): Options ``input``, ``output``, ``overwrite`` and
            ``size`` of the command line.

    Raises:
        UserError: If an input or output cannot be used.
    """
    try:
        jobs = find_jobs(args.input, args.output)
        inputs = find_inputs(args.input)
    except (OSError, ValueError) as error:
        raise UserError(last_sentence(error)) from error
    if jobs is None or inputs is None:
        _check_one(args)
        return Plan(
            share([Job(args.input, args.output)], rank(), world_size()), [], 0,
            1)
    left = _check_many(jobs, args)
    return Plan(
        share(left, rank(), world_size()), inputs.notes,
        len(jobs) - len(left), len(jobs))


def _check_one(args: argparse.Namespace) -> None:
    try:
        source = open_source(args.input)
        check_target(args.output, overwrite=args.overwrite)
        check_apart(source.inputs, args.output)
        check_count(source, args.output)
        if args.size:
            _check_size(source, args.size)
    except (OSError, ValueError) as error:
        raise UserError(last_sentence(error)) from error


def _check_size(source: Source, size: Size) -> None:
    for frame in source:
        height, width = frame.image.shape[:2]
        fit_size((height, width), size)
        return


def _check_many(jobs: list[Job], args: argparse.Namespace) -> list[Job]:
    """Leave out finished jobs."""
    if osp.exists(args.output) and not osp.isdir(args.output):
        raise UserError(f'{args.output} is a file, and {args.input} holds '
                        'several videos: name a folder')
    os.makedirs(args.output, exist_ok=True)
    if args.overwrite:
        return jobs
    return [job for job in jobs if not is_done(job)]


def last_sentence(error: Exception) -> str:
    """Return an error as one sentence that the user can act on.

    Args:
        error (Exception): A system error, or one with its own text.
    """
    if isinstance(error, OSError) and error.strerror:
        name = error.filename
        name = name.decode() if isinstance(name, bytes) else name
        return f'{name}: {error.strerror}'
    return last_line(error)
