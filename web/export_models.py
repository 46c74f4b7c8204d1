# Copyright (c) DKSAN-MM contributors.
"""Export released networks for the page in the browser.

    python web/export_models.py OUT [--models dksan-s] [--scales 2,4]

The script also writes OUT/models.json with the metadata of each network, which
a browser cannot read from the graphs.
"""
import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dksan_mm.utils.running import run_tool

NUMBERS = ('scale', 'num_frames', 'size_divisor', 'mean', 'std')


def export(out: Path, name: str, scales: Sequence[int]) -> Iterator[dict]:
    """Export a network at the given scales; yield entries of models.json."""
    import onnx

    from dksan_mm import load_model
    from dksan_mm.inference.onnx_export import export_onnx
    from dksan_mm.models.scales import scales_of
    model: Any = load_model(name)
    for scale in sorted(set(scales) & set(scales_of(model.generator))):
        paths = export_onnx(
            model,
            str(out / f'{name}-x{scale}.onnx'),
            name=name,
            scale=scale,
            overwrite=True)
        graph = onnx.load(paths[1], load_external_data=False)
        known = {one.key: one.value for one in graph.metadata_props}
        facts: dict[str, Any] = {
            key: json.loads(known[key])
            for key in NUMBERS
        }
        extract, restore = (f'models/{Path(path).name}' for path in paths)
        yield dict(facts, name=name, extract=extract, restore=restore)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('out', type=Path, metavar='OUT', help='a folder')
    parser.add_argument(
        '--models', default='dksan-s,dksan-s-gan', help='default: %(default)s')
    parser.add_argument(
        '--scales', default='2,4,8,16', help='default: %(default)s')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Export the selected networks."""
    args = parse_args(argv)
    scales = [int(scale) for scale in args.scales.split(',')]
    args.out.mkdir(parents=True, exist_ok=True)
    for old in args.out.glob('*.onnx'):
        old.unlink()
    facts = [
        one for name in args.models.split(',')
        for one in export(args.out, name, scales)
    ]
    (args.out / 'models.json').write_text(json.dumps(facts, indent=1))


if __name__ == '__main__':
    sys.exit(run_tool(main))
