# Copyright (c) DKSAN-MM contributors.
"""Costs of networks: python tools/analyze.py CONFIG ... [options].

For each config, the tool prints a table of the parts of the network:
parameters, multiply-adds and activations per LR pixel (defined in
dksan_mm/analysis/complexity.py), and the share of the time on the CPU. Then it
prints the peak memory for several LR sizes.
"""
import argparse
import contextlib
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dksan_mm.cli import launch
from dksan_mm.cli.arguments import add_output_options, frame_size, thread_count
from dksan_mm.cli.runners import BUILD_ERRORS, build_reason
from dksan_mm.io.outputs import check_output, write_output
from dksan_mm.utils.errors import UserError

Size = tuple[int, int]


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('configs', nargs='+', metavar='CONFIG')
    parser.add_argument(
        '--size',
        default='64x64',
        type=frame_size,
        metavar='HxW',
        help='size of the LR frames of the table (default: 64x64)')
    parser.add_argument(
        '--memory',
        nargs='*',
        default=[(16, 16), (32, 32), (64, 64)],
        type=frame_size,
        metavar='HxW',
        help='LR sizes for which the memory is measured, each in a process of '
        'about 20 s (default: 16x16 32x32 64x64); none without sizes')
    parser.add_argument(
        '--within',
        default='',
        metavar='PART',
        help='list the parts of this module, such as levels.3.attention')
    parser.add_argument(
        '--rounds',
        type=int,
        default=3,
        metavar='N',
        help='timed runs, whose median is shown (default: 3); 0: none')
    parser.add_argument(
        '--threads',
        type=thread_count,
        metavar='N',
        help="default: torch's own")
    add_output_options(
        parser, 'FILE.json', help='write all numbers to this file')
    return parser.parse_args(argv)


def check_args(args: argparse.Namespace) -> dict[str, launch.Config]:
    """Return the configs by path, after all quick checks."""
    if args.rounds < 0:
        raise UserError(f'--rounds must be at least 0, got {args.rounds}')
    check_output(args.out, overwrite=args.overwrite)
    return {path: read_config(path) for path in args.configs}


def read_config(path: str) -> launch.Config:
    config = launch.read_config(path)
    if not config.get('model'):
        raise UserError(f'{path} has no model')
    return config


def analyze(path: str, config: launch.Config,
            args: argparse.Namespace) -> dict:
    """Return all results of one config."""
    import torch
    from mmengine.registry import init_default_scope

    from dksan_mm.analysis.complexity import count_cost, network_of, time_parts
    init_default_scope(config.get('default_scope', 'mmagic'))
    from mmagic.registry import MODELS
    try:
        network = network_of(MODELS.build(config.model)).eval()
        found = count_cost(network, args.size, within=args.within)
    except (*BUILD_ERRORS, RuntimeError) as error:
        raise UserError(f'{path}: {build_reason(error)}') from error
    found.update(lr_size=args.size, threads=torch.get_num_threads())
    for name, part in found['parts'].items():
        part['kind'] = kind_of(network, name)
    if args.rounds:
        timed = time_parts(
            network, args.size, rounds=args.rounds, within=args.within)
        found['seconds'] = timed['seconds']
        for name, part in found['parts'].items():
            part['seconds'] = timed['parts'].get(name, 0.)
    found['memory'] = [
        measure_memory(config, args, size) for size in args.memory
    ]
    return found


def measure_memory(config: launch.Config, args: argparse.Namespace,
                   size: Size) -> dict:
    """Measure the peak memory at one size; None if memory was too small."""
    from dksan_mm.analysis.peak_memory import peak_memory
    progress(f'peak memory at {size[0]}x{size[1]} ...')
    try:
        used = peak_memory(config, size, threads=args.threads)
    except (MemoryError, RuntimeError) as error:
        progress(f'failed: {launch.last_line(error)}')
        used = None
    return dict(lr_size=size, bytes=used)


def kind_of(network, name: str) -> str:
    """Describe a part: '30 x RCAB', 'DKCAlign', or '' if nothing helps."""
    if name == 'rest':
        return ''
    part = network.get_submodule(name)
    kinds = {type(child).__name__ for child in part.children()}
    if type(part).__name__ != 'Sequential':
        return type(part).__name__
    return f'{len(part)} x {kinds.pop()}' if len(kinds) == 1 else ''


def table(rows: list[list[str]]) -> str:
    """Format rows in Markdown: head first, text in the first column."""
    head, *body = rows
    rule = ['---'] + ['--:'] * (len(head) - 1)
    return '\n'.join(f'| {" | ".join(row)} |' for row in (head, rule, *body))


def parts_table(found: dict) -> str:
    """Format the share of each part in all costs."""
    pixels = found['lr_size'][0] * found['lr_size'][1]
    timed = 'seconds' in found
    rows = [[
        'part', 'parameters', 'multiply-adds per LR pixel', 'share',
        'activations per LR pixel'
    ] + ['share of time'] * timed]
    whole = dict(found, kind='')
    for name, part in (*found['parts'].items(), ('total', whole)):
        kind = f' ({part["kind"]})' if part['kind'] else ''
        row = [
            name + kind, f'{part["parameters"]:,}',
            f'{part["multiply_adds"] / pixels:,.0f}',
            percent(part['multiply_adds'], found['multiply_adds']),
            f'{part["activations"] / pixels:,.1f}'
        ]
        if timed:
            row.append(percent(part['seconds'], found['seconds']))
        rows.append(row)
    return table(rows)


def percent(value: float, whole: float) -> str:
    return f'{100 * value / whole:.1f} %' if whole else ''


def memory_table(found: dict) -> str:
    """Format the peak memory by LR size."""
    rows = [['LR frames', 'peak memory', 'per LR pixel']]
    for entry in found['memory']:
        height, width = entry['lr_size']
        row = ['failed', '']
        if entry['bytes'] is not None:
            row = [
                f'{entry["bytes"] / 2**20:,.1f} MiB',
                f'{entry["bytes"] / 2**10 / (height * width):,.1f} KiB'
            ]
        rows.append([f'{height}x{width}', *row])
    return table(rows)


def report(name: str, found: dict) -> str:
    """Format the section of one config in Markdown."""
    height, width = found['lr_size']
    lines = [f'## {name}', '', f'One window of {height}x{width} LR pixels']
    if 'seconds' in found:
        lines[-1] += (f': {found["seconds"]:.3f} s on the CPU, '
                      f'{found["threads"]} threads')
    lines += ['', parts_table(found), '']
    if found['memory']:
        lines += [memory_table(found), '']
    return '\n'.join(lines)


def merged_imports(configs: Iterable[launch.Config]) -> launch.Config:
    """Return a config with the imports of all configs."""
    names: dict[str, None] = {}
    for config in configs:
        found = (config.get('custom_imports') or {}).get('imports') or []
        names.update(
            dict.fromkeys([found] if isinstance(found, str) else found))
    return launch.Config(
        dict(
            custom_imports=dict(
                imports=list(names), allow_failed_imports=False)))


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    configs = check_args(args)
    with contextlib.redirect_stdout(sys.stderr):
        # One call for all: each call announces the import of mmagic.
        launch.import_modules(merged_imports(configs.values()))
    import torch
    if args.threads:
        torch.set_num_threads(args.threads)
    results = {}
    for path, config in configs.items():
        progress(f'{path} ...')
        results[path] = analyze(path, config, args)
        print(report(Path(path).stem, results[path]), flush=True)
    if args.out:
        text = json.dumps(results, indent=2)
        write_output(
            args.out,
            lambda name: Path(name).write_text(text, encoding='utf-8'),
            overwrite=args.overwrite)


if __name__ == '__main__':
    sys.exit(launch.run_tool(main))
