# Copyright (c) DKSAN-MM contributors.
"""Checks of the jobs of tools/super_resolve.py before the work starts."""
import argparse
import itertools
import os
import os.path as osp
from typing import TYPE_CHECKING, NamedTuple

from dksan_mm.io.video.inputs import find_inputs
from dksan_mm.io.video.readers import open_source
from dksan_mm.io.video.targets import (check_apart, check_count,
                                       check_frame_size, check_target,
                                       is_image, too_many)
from dksan_mm.utils.errors import UserError
from dksan_mm.utils.running import last_sentence
from .jobs import Job, find_jobs, is_done, share
from .ranks import rank, world_size

if TYPE_CHECKING:
    from torch import nn


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
        args (Namespace): Options ``input``, ``output`` and ``overwrite`` of
            the command line.

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
    except (OSError, ValueError) as error:
        raise UserError(last_sentence(error)) from error


def check_first_frame(model: 'nn.Module', job: Job,
                      args: argparse.Namespace) -> None:
    """Check the only job of a run before its first frame is upscaled.

    Args:
        model (nn.Module): The network.
        job (Job): The job.
        args (Namespace): Options ``scale`` and ``size`` of the command line.

    Raises:
        UserError: If no frame can be read, or the output cannot hold the
            upscaled frames.
    """
    from dksan_mm.inference.streaming import output_size
    one = is_image(job.target)
    try:
        source = open_source(job.source, animate=not one)
        first, *more = itertools.islice(source, 1 + one)
        if more:
            raise ValueError(too_many(source, job.target))
        height, width = first.image.shape[:2]
        check_frame_size(
            job.target,
            *output_size(
                model, (height, width), scale=args.scale, size=args.size))
    except (OSError, ValueError) as error:
        raise UserError(last_sentence(error)) from error


def _check_many(jobs: list[Job], args: argparse.Namespace) -> list[Job]:
    """Leave out finished jobs."""
    if osp.exists(args.output) and not osp.isdir(args.output):
        raise UserError(f'{args.output} is a file, and {args.input} holds '
                        'several videos: name a folder')
    os.makedirs(args.output, exist_ok=True)
    if args.overwrite:
        return jobs
    return [job for job in jobs if not is_done(job)]
