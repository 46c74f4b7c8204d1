# Copyright (c) DKSAN-MM contributors.
"""The report: one HTML file with its pictures, which loads nothing else."""
import base64
import hashlib
import os.path as osp
from html import escape
from string import Template
from typing import Iterable, List, Sequence, Tuple

from .pictures import Box, Panel, choose_crop, encode_panels, make_panels
from .request import Task
from .tables import (AVERAGE, COSTS, Column, Table, costs_of, format_cost,
                     make_tables, notes, title_of)

# Bytes of all pictures together: a page that browsers open at once.
BUDGET = 20_000_000
MAX_VIDEOS = 40  # with pictures; more of them would get too coarse
_FOLDER = osp.dirname(osp.abspath(__file__))


def write_report(results: dict, tasks: Sequence[Task]) -> str:
    """Make the report.

    Args:
        results (dict): See :func:`dksan_mm.comparison.results.collect`.
        tasks (Sequence[Task]): The models with their restored frames.

    Returns:
        str: The page. Its pictures take at most :data:`BUDGET` bytes.
    """
    good = [t for t in tasks if 'error' not in results['models'][t.model.name]]
    videos = list(results['data']['videos'])[:MAX_VIDEOS] if good else []
    budget = BUDGET // max(1, len(videos))
    sections = [
        _video_section(number, video, *_video_panels(video, results, good),
                       budget) for number, video in enumerate(videos)
    ]
    return _fill_page(results, videos, ''.join(sections))


def _fill_page(results: dict, videos: List[str], sections: str) -> str:
    """Put everything into the template; all text is escaped here or before."""
    tables = make_tables(results)
    parts = {name: _read(f'report.{name}') for name in ('css', 'js')}
    omitted = len(results['data']['videos']) - len(videos)
    names = [
        title_of(name, model) for name, model in results['models'].items()
    ]
    machine = results['machine']
    return Template(_read('report.html')).substitute(
        title=escape('Video super-resolution x16: ' + ', '.join(names)),
        style=parts['css'],
        style_hash=_policy_hash(parts['css']),
        script=parts['js'],
        script_hash=_policy_hash(parts['js']),
        notes=''.join(_note(note) for note in notes(results)),
        tabs=''.join(f'<button type="button">{escape(table.metric)}</button>'
                     for table in tables),
        tables=''.join(map(_metric_table, tables)),
        models=_models_table(results),
        omitted=f'<p>Pictures of the first {len(videos)} videos; {omitted} '
        'more are in the tables.</p>' if omitted else '',
        links=''.join(f'<a href="#video{number}">{escape(video)}</a>'
                      for number, video in enumerate(videos)),
        videos=sections,
        date=escape(results['date']),
        versions=escape(', '.join(
            f'{name} {value}' for name, value in results['versions'].items()
            if value)),
        machine=escape(f'{machine["cpu"]}, {machine["cores"]} cores'),
        command=escape(results['command']))


def _read(name: str) -> str:
    with open(osp.join(_FOLDER, name), encoding='utf-8') as file:
        return file.read()


def _policy_hash(text: str) -> str:
    """For the page's policy: only this style and script, nothing injected."""
    sum_ = hashlib.sha256(text.encode()).digest()
    return 'sha256-' + base64.b64encode(sum_).decode()


def _note(text: str) -> str:
    bad = ' untrained.' in text or ' failed: ' in text
    return f'<li{" class=warn" if bad else ""}>{escape(text)}</li>'


def _head(titles: Iterable[str], words: Sequence[str] = ()) -> str:
    """A table's head; columns named in ``words`` hold words."""
    cells = ''.join(f'<th scope="col"{" class=word" * (title in words)}>'
                    f'<button type="button">{escape(title)}</button></th>'
                    for title in titles)
    return f'<thead><tr>{cells}</tr></thead>'


def _row_head(text: str) -> str:
    return (f'<th scope="row" data-value="{escape(text)}">'
            f'{escape(text)}</th>')


def _metric_table(table: Table) -> str:
    """One metric's table; the costs are in the table of models."""
    head = _head(['video', *(column.title for column in table.columns)])
    body = ''.join(_metric_row(table, row) for row in table.rows)
    title = escape(table.title)
    return (f'<div class="scroll metric" tabindex="0" role="region" '
            f'aria-label="{title}"><table class="sortable">'
            f'<caption>{title}</caption>{head}<tbody>{body}</tbody>'
            f'<tfoot>{_metric_row(table, AVERAGE)}</tfoot></table></div>')


def _metric_row(table: Table, row: str) -> str:
    cells = ''.join(
        _value_cell(table, column, row) for column in table.columns)
    return f'<tr>{_row_head(row)}{cells}</tr>'


def _value_cell(table: Table, column: Column, row: str) -> str:
    kind = 'best' if row in column.best else 'paper' if column.paper else ''
    value = column.values.get(row, '')
    return (f'<td class="{kind}" data-value="{value}">'
            f'{table.text(column, row)}</td>')


def _models_table(results: dict) -> str:
    """Describe each model and its costs."""
    words = ('config', 'checkpoint')
    head = _head(['model', *COSTS, *words], words)
    body = ''.join(
        _model_row(name, model) for name, model in results['models'].items())
    for column in make_tables(results)[0].columns if results['paper'] else ():
        if column.paper:
            body += _cost_row(column.title, column.costs, ['', ''])
    return (f'<table class="sortable">{head}<tbody>{body}</tbody></table>')


def _model_row(name: str, model: dict) -> str:
    missing = 'none' if model.get('parameters') == 0 else 'untrained'
    words = [model['config'], model['checkpoint'] or missing]
    if 'error' in model:
        words[1] = f'failed: {model["error"]}'
    return _cost_row(title_of(name, model), costs_of(model), words)


def _cost_row(title: str, costs: dict, words: Sequence[str]) -> str:
    cells = [_row_head(title)]
    for cost in COSTS:
        value = costs.get(cost)
        cells.append(f'<td data-value="{"" if value is None else value}">'
                     f'{format_cost(cost, value)}</td>')
    cells += [
        f'<td class="word" data-value="{escape(word)}">{escape(word)}</td>'
        for word in words
    ]
    return f'<tr>{"".join(cells)}</tr>'


def _video_panels(video: str, results: dict,
                  tasks: Sequence[Task]) -> Tuple[List[Panel], Box, str]:
    """The pictures of a video's middle frame, the crop, the frame's name."""
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
    """Images among which the crop looks for differences.

    Untrained models differ everywhere from all others and would decide; they
    are left out where two others remain.
    """
    restored = [p for p in panels if p.kind in ('model', 'bicubic')]
    untrained = {
        title_of(name, model)
        for name, model in results['models'].items() if model.get('untrained')
    }
    trained = [p.image for p in restored if p.title not in untrained]
    return trained if len(trained) > 1 else [p.image for p in restored]


def _video_section(number: int, video: str, panels: List[Panel], box: Box,
                   frame: str, budget: int) -> str:
    """One video's slider and cards."""
    title = (f'<h3 id="title{number}">{escape(video)} '
             f'<small>frame {escape(frame)}</small></h3>')
    height, width = panels[0].image.shape[:2]
    if not encode_panels(panels, box, budget):
        body = '<p>Its pictures are too large for this report.</p>'
    else:
        body = _viewer(panels) + '<div class="grid">' + ''.join(
            _card(panel, panels, box) for panel in panels) + '</div>'
    return (f'<article class="video" id="video{number}" '
            f'aria-labelledby="title{number}" data-whole="{width}/{height}" '
            f'data-detail="{box[3]}/{box[2]}">{title}{body}</article>')


def _viewer(panels: Sequence[Panel]) -> str:
    """The controls and the stage; the script fills in the pictures."""
    # The first method after LR, and the best of the models or HR.
    left = 1 if len(panels) > 2 else 0
    models = [i for i, panel in enumerate(panels) if panel.kind == 'model']
    right = max(models, key=lambda i: panels[i].psnr)
    right = len(panels) - 1 if right == left else right
    options = [
        ''.join(f'<option value="{i}"{" selected" * (i == chosen)}>'
                f'{escape(panel.title)}</option>'
                for i, panel in enumerate(panels)) for chosen in (left, right)
    ]
    return Template(_read('viewer.html')).substitute(
        left=options[0], right=options[1])


def _card(panel: Panel, panels: Sequence[Panel], box: Box) -> str:
    """A whole frame with the crop's place, the crop, and the PSNR."""
    height, width = panel.image.shape[:2]
    top, left, rows, cols = box
    title = escape(panel.title)
    score = _score(panel)
    scores = [p.psnr for p in panels if p.kind == 'model']
    best = len(scores) > 1 and panel.psnr == max(scores)
    kind = ' class="lr"' if panel.kind == 'LR' else ''
    mark = ' class="best"' if best else ''
    return (
        f'<figure{kind} data-title="{title}" '
        f'data-label="{title}{", " * bool(score)}{score}">'
        f'<div class="whole"><img src="{panel.frame}" alt="{title}, the whole '
        f'frame" width="{width}" height="{height}">'
        f'<svg viewBox="0 0 {width} {height}" aria-hidden="true"><rect '
        f'x="{left}" y="{top}" width="{cols}" height="{rows}"/></svg></div>'
        f'<div class="detail"><img src="{panel.crop}" alt="{title}, the crop '
        f'marked in the frame" width="{cols}" height="{rows}"></div>'
        f'<figcaption><b>{title}</b><span{mark}>{score}</span></figcaption>'
        '</figure>')


def _score(panel: Panel) -> str:
    """The panel's PSNR on this frame, or what it is."""
    if panel.kind == 'LR':
        height, width = panel.image.shape[:2]
        return f'{width // 16}x{height // 16}'
    return '' if panel.psnr is None else f'{panel.psnr:.2f} dB'
