# Copyright (c) DKSAN-MM contributors.
"""The command ``dksan-mm``: each of its subcommands is one of the tools.

    dksan-mm upscale INPUT OUTPUT   upscale videos
    dksan-mm prepare SOURCE OUT     prepare a data set from videos or images
    dksan-mm train CONFIG           train a network
    dksan-mm test CONFIG            evaluate a network
    dksan-mm compare                compare networks on the same frames
    dksan-mm analyze CONFIG         count parameters and multiply-adds
    dksan-mm export OUT.onnx        export a network to ONNX
    dksan-mm web                    serve the page that upscales in a browser

Use "dksan-mm COMMAND --help" for the options of a command. "upscale",
"prepare", "export" and "web" do not need mmagic. The others need
pip install 'dksan_mm[mmagic]'.
"""
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from dksan_mm.utils.environment import prepare_streams
from dksan_mm.utils.release import release_folder

TOOLS = dict(
    upscale='super_resolve',
    prepare='prepare_data',
    train='train',
    test='test',
    compare='compare',
    analyze='analyze',
    export='export',
    web='web')
# Imports of the tools that a light installation lacks.
NEEDED = dict(
    upscale=('torch', ),
    export=('torch', 'onnx'),
    prepare=('cv2', 'PIL'),
    train=('mmagic', ),
    test=('mmagic', ),
    compare=('mmagic', ),
    analyze=('mmagic', ))
# How to install them.
_CURES = dict(
    torch='torch',
    onnx="'dksan_mm[onnx]'",
    mmagic="'dksan_mm[mmagic]'",
    cv2="'dksan_mm[images]'",
    PIL="'dksan_mm[images]'")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand as ``python tools/NAME.py`` would.

    Args:
        argv (Sequence[str], optional): Arguments; None for the process's.

    Returns:
        int: Exit code, unless the tool ends the process itself.
    """
    prepare_streams()
    arguments = list(sys.argv[1:] if argv is None else argv)
    name = arguments.pop(0) if arguments else ''
    if name in ('-h', '--help', '--version'):
        from dksan_mm import __version__
        print(__version__ if name == '--version' else __doc__.strip())
        return 0
    complaint = _find_fault(name)
    if complaint:
        print(f'dksan-mm: {complaint}', file=sys.stderr)
        return 2
    sys.argv = [f'dksan-mm {name}', *arguments]
    _run(release_folder() / 'tools' / f'{TOOLS[name]}.py')
    return 0


def _run(path: Path) -> None:
    """Run a program as ``__main__``, as Python does."""
    program = ModuleType('__main__')
    program.__file__ = str(path)
    sys.modules['__main__'] = program  # its worker processes look there
    exec(compile(path.read_bytes(), path, 'exec'), vars(program))


def _find_fault(name: str) -> str:
    """Return why a subcommand cannot be run, or ''."""
    if name not in TOOLS:
        given = f'unknown command {name!r}' if name else 'no command given'
        return f'{given}; choose from {", ".join(TOOLS)}'
    missing = [
        module for module in NEEDED.get(name, ())
        if importlib.util.find_spec(module) is None
    ]
    if not missing:
        return ''
    return (f'{name} needs {", ".join(missing)}, which '
            f'{"is" if len(missing) == 1 else "are"} not installed: '
            f'pip install {_CURES[missing[-1]]}')
