# Copyright (c) DKSAN-MM contributors.
"""Build `.venv` with all that the project needs; `make setup` runs this.

    python3 tools/setup/setup_env.py

Nothing but Python's standard library is needed. Run again, it returns at once
where the environment is up to date, and goes on where it was cut off. The
variables it reads: XDG_CACHE_HOME (where mmcv's wheel is kept), MMCV_CUDA (1
or 0: with CUDA or without; else it looks for a GPU and nvcc), MAX_JOBS, CXX
and CFLAGS (for compiling mmcv) and pip's own, for the package index.

This file only finds a Python that will do, so old ones can read it too.
"""

import os
import subprocess
import sys

SUPPORTED = ('3.11', '3.12', '3.10')  # in the order of preference
ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), '..', '..'))
VENV = os.path.join(ROOT, '.venv')


def version_of(python):
    # type: (str) -> str
    """Return an interpreter's ``major.minor`` ('' where it does not run)."""
    code = 'import sys; print("%d.%d" % sys.version_info[:2])'
    try:
        process = subprocess.Popen([python, '-c', code],
                                   stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE,
                                   universal_newlines=True)
    except OSError:
        return ''
    return process.communicate()[0].strip()


def use_supported_python():
    # type: () -> None
    """Go on under a supported Python, or say which ones there are.

    What `.venv` was made with goes on with it: compiling mmcv, for one.
    """
    here = '%d.%d' % sys.version_info[:2]
    own = os.path.join(VENV, 'bin', 'python')
    candidates = []
    if os.path.realpath(sys.prefix) == os.path.realpath(VENV):
        # An environment cannot rebuild itself while it runs.
        candidates.append(os.path.realpath(sys.executable))
    elif version_of(own) != here:
        candidates.append(own)
    if here not in SUPPORTED:
        candidates += ['python' + version for version in SUPPORTED]
    for python in candidates:
        if version_of(python) in SUPPORTED:
            if not os.path.isabs(python):
                sys.stderr.write('Python %s is not supported: taking %s.\n' %
                                 (here, python))
            os.execvp(python, [python] + sys.argv)
    if here in SUPPORTED:
        return
    sys.exit('Set-up: This is Python %s, and the project needs 3.10, 3.11 or '
             '3.12: install one and run `make setup PYTHON=/path/to/it`.' %
             here)


if __name__ == '__main__':
    if not sys.platform.startswith('linux'):
        sys.exit('Set-up: The set-up knows Linux only.')
    use_supported_python()
    from setup_steps import main
    sys.exit(main())
