# Copyright (c) DKSAN-MM contributors.
"""Results in the form of the paper's tables 1-3: one row per video."""
import csv
import io
from dataclasses import dataclass, field

AVERAGE = 'average'
COSTS = ('parameters', 'multiply-adds', 'seconds per frame', 'peak memory')


@dataclass
class Column:
    """A method in a table.

    Attributes:
        title (str): Name, including '(untrained)' or '(paper)'.
        values (dict[str, float]): Values by row: videos and :data:`AVERAGE`.
        costs (dict[str, float]): Values by :data:`COSTS`; bytes and counts.
        paper (bool): Whether the numbers are from the paper.
        best (set[str]): Rows in which no other column of ours is better, as
            printed.
    """
    title: str
    values: dict[str, float]
    costs: dict[str, float | None] = field(default_factory=dict)
    paper: bool = False
    best: set = field(default_factory=set)


@dataclass
class Table:
    """Values of one metric.

    Attributes:
        metric (str): Name of the metric.
        better (str): 'higher' or 'lower'.
        digits (int): Number of decimals to print.
        unit (str): Unit; '' for a plain number.
        rows (list[str]): Names of the videos.
        columns (list[Column]): Ours, then those of the paper.
    """
    metric: str
    better: str
    digits: int
    unit: str
    rows: list[str]
    columns: list[Column]

    @property
    def title(self) -> str:
        """Name of the metric with its unit and direction."""
        unit = f'{self.unit}, ' if self.unit else ''
        return f'{self.metric} ({unit}{self.better} is better)'

    def text(self, column: Column, row: str) -> str:
        """Return a value as printed; '' if there is none."""
        value = column.values.get(row)
        return '' if value is None else f'{value:.{self.digits}f}'


def title_of(name: str, model: dict) -> str:
    """Return a model's title in all outputs."""
    return f'{name} (untrained)' if model.get('untrained') else name


def make_tables(results: dict) -> list[Table]:
    """Make one table per metric.

    Args:
        results (dict): See :func:`dksan_mm.comparison.results.collect`.
    """
    return [
        _make_table(results, name, kind)
        for name, kind in results['metrics'].items()
    ]


def _make_table(results: dict, metric: str, kind: dict) -> Table:
    columns = [
        Column(title_of(name, model), _values(model, metric), costs_of(model))
        for name, model in results['models'].items() if 'error' not in model
    ]
    if metric == 'PSNR' and results['paper']:
        columns += _paper_columns(results['paper'])
    table = Table(metric, kind['better'], kind['digits'], kind['unit'],
                  list(results['data']['videos']), columns)
    _mark_best(table)
    return table


def _values(model: dict, metric: str) -> dict[str, float]:
    """Return a model's values by row, without undefined ones."""
    rows = dict(model['videos'], **{AVERAGE: model['averages']})
    return {
        row: values[metric]
        for row, values in rows.items() if metric in values
    }


def costs_of(model: dict) -> dict[str, float | None]:
    """Return a model's costs by :data:`COSTS`."""
    keys = ('parameters', 'multiply_adds', 'seconds_per_frame', 'peak_memory')
    return dict(zip(COSTS, map(model.get, keys)))


def _paper_columns(paper: dict) -> list[Column]:
    columns = []
    for method in paper['columns']:
        values = dict(zip(paper['videos'], method['psnr']))
        values[AVERAGE] = method['average']
        costs = {COSTS[2]: method.get('seconds_per_frame')}
        if 'parameters_million' in method:
            costs[COSTS[0]] = 1e6 * method['parameters_million']
        columns.append(
            Column(f'{method["title"]} (paper)', values, costs, paper=True))
    return columns


def _mark_best(table: Table) -> None:
    """Mark the best of our columns in each row, compared as printed."""
    choose = max if table.better == 'higher' else min
    for row in [*table.rows, AVERAGE]:
        ours = [(float(table.text(column, row)), column)
                for column in table.columns
                if not column.paper and row in column.values]
        best = choose((value for value, _ in ours), default=None)
        for value, column in ours if len(ours) > 1 else ():
            if value == best:
                column.best.add(row)


def format_cost(name: str, value: float | None) -> str:
    """Format a cost with its unit; '' if there is none."""
    if value is None:
        return ''
    if name == 'peak memory':
        return f'{value / 2**20:,.0f} MiB'
    if name == 'seconds per frame':
        return f'{value:.3g} s'
    if name == 'multiply-adds' and value >= 1e9:
        return f'{value / 1e9:,.1f} G'
    return f'{value / 1e6:.4g} M' if value >= 1e6 else f'{value:,.0f}'


def to_csv(results: dict) -> str:
    """Write all tables and costs in full precision, named in column one."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator='\n')
    tables = make_tables(results)
    if not tables:
        return ''
    first = tables[0].columns
    writer.writerow(['metric', 'video', *(column.title for column in first)])
    for table in tables:
        for row in [*table.rows, AVERAGE]:
            values = [column.values.get(row) for column in table.columns]
            writer.writerow([table.metric, row, *values])
    for cost in COSTS:
        writer.writerow(
            [cost, '', *(column.costs.get(cost) for column in first)])
    return file.getvalue()


def to_markdown(results: dict) -> str:
    """Write the tables, the costs below the first one, and notes."""
    lines = ['# Comparison', '', *(f'* {note}' for note in notes(results))]
    for number, table in enumerate(make_tables(results)):
        lines += ['', f'## {table.title}', '']
        lines += _markdown_table(table, with_costs=not number)
    lines += ['', f'`{results["command"]}`', '']
    return '\n'.join(lines)


def _markdown_table(table: Table, *, with_costs: bool) -> list[str]:
    head = ['video', *(column.title for column in table.columns)]
    rows = [[row, *(_emphasised(table, c, row) for c in table.columns)]
            for row in table.rows]
    rows.append([f'**{AVERAGE}**'] +
                [_emphasised(table, c, AVERAGE) for c in table.columns])
    for cost in COSTS if with_costs else ():
        rows.append([cost] + [
            format_cost(cost, column.costs.get(cost))
            for column in table.columns
        ])
    lines = [_markdown_row(map(_escape, head)), '|---' + '|--:' *
             len(table.columns) + '|']  # yapf: disable
    return lines + [
        _markdown_row(
            [_escape(first) if first in table.rows else first, *rest])
        for first, *rest in rows
    ]


def _emphasised(table: Table, column: Column, row: str) -> str:
    text = table.text(column, row)
    return f'**{text}**' if row in column.best else text


def _markdown_row(cells) -> str:
    return '| ' + ' | '.join(cells) + ' |'


def _escape(text: str) -> str:
    """Escape text for Markdown and for HTML in it."""
    text = text.replace('&', '&amp;').replace('<', '&lt;')
    return ''.join(f'\\{c}' if c in '\\`*_|[]#~' else c for c in text)


def notes(results: dict) -> list[str]:
    """Return sentences that explain the numbers."""
    data, models = results['data'], results['models']
    counts = [len(clip['frames']) for clip in data['videos'].values()]
    found = []
    if counts:
        limit = f' (the first {data["max_frames"]} of each video)' \
            if data['max_frames'] else ''
        videos = 'video' if len(counts) == 1 else 'videos'
        found.append(f'{len(counts)} {videos}, {sum(counts)} frames{limit}. '
                     'The score of a video is the mean over its frames, '
                     'rounded to 8 bits; the average is over the videos.')
    found += [
        f'{name} has no checkpoint; its weights are untrained.'
        for name, model in models.items() if model.get('untrained')
    ]
    found += [
        f'{name} failed: {model["error"]}' for name, model in models.items()
        if 'error' in model
    ]
    good = [model for model in models.values() if 'error' not in model]
    if good:
        found += _cost_notes(results, good[0])
    if results['paper']:
        found.append(_paper_note(results['paper'], max(counts)))
    return found


def _cost_notes(results: dict, model: dict) -> list[str]:
    """Return sentences on how the costs were measured."""
    height, width = model['multiply_adds_lr_size']
    machine = results['machine']
    where = machine['cpu'] if model['device'] == 'cpu' else model['device']
    return [
        f'Time is the median over the frames, of the network alone, on '
        f'{where} ({model["threads"]} threads); memory is the '
        f'{model["peak_memory_kind"]} while it ran; multiply-adds are of one '
        f'LR frame of {width}x{height}.'
    ]


def _paper_note(paper: dict, scored: int) -> str:
    differs = '' if scored == paper['frames'] else \
        f', {paper["frames"]} frames of each video, not {scored}'
    return (f'By the videos\' names the data set is {paper["name"]}; columns '
            f'"(paper)" are its printed PSNR ({paper["tables"]}{differs}), '
            f'with times on {paper["timing"]}: {paper["source"]}.')
