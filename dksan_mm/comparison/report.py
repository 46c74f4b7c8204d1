# Copyright (c) DKSAN-MM contributors.
"""The report: a single HTML file with embedded pictures."""
import base64
import hashlib
import os.path as osp
from collections.abc import Sequence
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from .pictures import Box, Panel, choose_crop, encode_panels, make_panels
from .request import Task
from .tables import (AVERAGE, COSTS, costs_of, format_cost, make_tables, notes,
                     title_of)

# Bytes of all pictures together, so that browsers open the page quickly.
BUDGET = 20_000_000
MAX_VIDEOS = 40  # with pictures; with more the pictures would be too coarse
_FOLDER = osp.dirname(osp.abspath(__file__))
_TEMPLATES = Environment(
    loader=FileSystemLoader(_FOLDER),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True)


class Video(NamedTuple):
    """A video with pictures.

    Attributes:
        name (str): Name of the video.
        frame (str): Name of the frame that is shown.
        panels (list[Panel]): Pictures of the frame, one per method.
        box (Box): The crop.
        fits (bool): Whether the pictures are within the page's budget.
        left (int): Index of the panel shown first on the slider's left.
        right (int): Index of the panel shown first on its right.
        best (float): Highest PSNR if there are several models, else -1, which
            no panel has.
    """
    name: str
    frame: str
    panels: list[Panel]
    box: Box
    fits: bool
    left: int
    right: int
    best: float


def write_report(results: dict, tasks: Sequence[Task]) -> str:
    """Create the report.

    Args:
        results (dict): See :func:`dksan_mm.comparison.results.collect`.
        tasks (Sequence[Task]): Models with their restored frames.

    Returns:
        str: The page. Its pictures take at most :data:`BUDGET` bytes.
    """
    good = [t for t in tasks if 'error' not in results['models'][t.model.name]]
    videos = list(results['data']['videos'])[:MAX_VIDEOS] if good else []
    budget = BUDGET // max(1, len(videos))
    shown = [
        _video(video, *_video_panels(video, results, good), budget)
        for video in videos
    ]
    return _fill_page(results, shown)


def _fill_page(results: dict, videos: list[Video]) -> str:
    """Fill in the template, which escapes all text."""
    parts = {name: _read(f'report.{name}') for name in ('css', 'js')}
    names = [
        title_of(name, model) for name, model in results['models'].items()
    ]
    machine = results['machine']
    return _TEMPLATES.get_template('report.html').render(
        title=f'Video super-resolution x{results["data"]["scale"]}: ' +
        ', '.join(names),
        style=parts['css'],
        style_hash=_policy_hash(parts['css']),
        script=parts['js'],
        script_hash=_policy_hash(parts['js']),
        notes=notes(results),
        tables=make_tables(results),
        average=AVERAGE,
        models=_model_rows(results),
        costs=list(COSTS),
        words=['config', 'checkpoint'],
        format_cost=format_cost,
        omitted=len(results['data']['videos']) - len(videos),
        videos=videos,
        score_of=_score,
        date=results['date'],
        versions=', '.join(f'{name} {value}'
                           for name, value in results['versions'].items()
                           if value),
        machine=f'{machine["cpu"]}, {machine["cores"]} cores',
        command=results['command'])


def _read(name: str) -> str:
    with open(osp.join(_FOLDER, name), encoding='utf-8') as file:
        return file.read()


def _policy_hash(text: str) -> str:
    """Hash a style or script for the page's content security policy."""
    sum_ = hashlib.sha256(text.encode()).digest()
    return 'sha256-' + base64.b64encode(sum_).decode()


def _model_rows(results: dict) -> list[dict]:
    """Describe each model and its costs, then those of the paper."""
    rows = [
        dict(
            title=title_of(name, model),
            costs=costs_of(model),
            words=_model_words(model))
        for name, model in results['models'].items()
    ]
    columns = make_tables(results)[0].columns if results['paper'] else ()
    return rows + [
        dict(title=column.title, costs=column.costs, words=['', ''])
        for column in columns if column.paper
    ]


def _model_words(model: dict) -> list[str]:
    """Return the model's config, and its checkpoint or error."""
    if 'error' in model:
        return [model['config'], f'failed: {model["error"]}']
    missing = 'none' if model.get('parameters') == 0 else 'untrained'
    return [model['config'], model['checkpoint'] or missing]


def _video_panels(video: str, results: dict,
                  tasks: Sequence[Task]) -> tuple[list[Panel], Box, str]:
    """Return panels, crop and name of a video's middle frame."""
    data, frame = tasks[0].data, results['data']['videos'][video]['shown']
    models = {
        title_of(t.model.name, results['models'][t.model.name]):
        osp.join(t.frames, video, f'{frame}.png')
        for t in tasks
    }
    lr, hr = (
        osp.join(data.root, folder, video, f'{frame}.png')
        for folder in (data.lr, data.hr))
    networks = [m.get('network') for m in results['models'].values()]
    panels = make_panels(
        lr, hr, models, with_bicubic='BicubicNet' not in networks)
    return panels, choose_crop(_telling(panels, results)), frame


def _telling(panels: Sequence[Panel], results: dict) -> list:
    """Select the images in which the crop looks for differences.

    Untrained models differ everywhere and would determine the crop; they are
    left out if two other images remain.
    """
    restored = [p for p in panels if p.kind in ('model', 'bicubic')]
    untrained = {
        title_of(name, model)
        for name, model in results['models'].items() if model.get('untrained')
    }
    trained = [p.image for p in restored if p.title not in untrained]
    return trained if len(trained) > 1 else [p.image for p in restored]


def _video(name: str, panels: list[Panel], box: Box, frame: str,
           budget: int) -> Video:
    """Encode a video's pictures and choose the first two of its slider."""
    models = [i for i, panel in enumerate(panels) if panel.kind == 'model']
    scores = [panels[i].psnr or 0. for i in models]
    # The first method after LR, and the best model or else HR.
    left = 1 if len(panels) > 2 else 0
    right = models[scores.index(max(scores))]
    return Video(
        name,
        frame,
        panels,
        box,
        fits=encode_panels(panels, box, budget),
        left=left,
        right=len(panels) - 1 if right == left else right,
        best=max(scores) if len(scores) > 1 else -1.)


def _score(panel: Panel) -> str:
    """Return the panel's PSNR on this frame, or its description."""
    if panel.kind == 'LR':
        height, width = panel.image.shape[:2]
        return f'{width // panel.block}x{height // panel.block}'
    return '' if panel.psnr is None else f'{panel.psnr:.2f} dB'
