# Copyright (c) DKSAN-MM contributors.
"""Consistency of the project's files: hooks, commands, pins."""
import re
import subprocess
import sys
from pathlib import Path

import pytest
import setup_env
import yaml

import dksan_mm

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / '.github' / 'workflows').glob('*.yml'))


def load(name):
    return yaml.safe_load((ROOT / name).read_text())


def targets():
    """Return the Makefile's targets, with their `make help` lines."""
    text = (ROOT / 'Makefile').read_text()
    return dict(re.findall(r'^([a-z-]+):[^=\n]*?(?:## (.*))?$', text, re.M))


def test_hooks_have_the_versions_of_the_requirements():
    pins = setup_env.pins()
    hooks = {
        hook['id']: repository.get('rev', '').removeprefix('v')
        for repository in load('.pre-commit-config.yaml')['repos']
        for hook in repository['hooks']
    }
    assert hooks.pop('mypy') == ''  # the environment's own
    assert hooks == {name: pins[name] for name in hooks}
    assert set(hooks) == {'flake8', 'isort', 'yapf', 'codespell'}


def test_constraints_have_the_versions_of_the_requirements():
    text = (ROOT / 'constraints.txt').read_text()
    found = dict(re.findall(r'^([^#=\s]+)==(\S+)', text, re.M))
    for name, version in setup_env.pins().items():
        if name != 'mmcv':
            assert found[name] == version, name


def test_help_lists_every_command():
    said = subprocess.run(['make', 'help'],
                          cwd=ROOT,
                          capture_output=True,
                          text=True,
                          check=True).stdout
    for name, description in targets().items():
        assert description, name
        assert re.search(rf'^make {name} +{re.escape(description)}$', said,
                         re.M), name


@pytest.mark.parametrize('path', WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_run_commands_that_there_are(path):
    jobs = yaml.safe_load(path.read_text())['jobs']
    steps = [step for job in jobs.values() for step in job['steps']]
    commands = ' '.join(step.get('run', '') for step in steps)
    for target in re.findall(r'\bmake ([a-z-]+)', commands):
        assert target in targets()


def test_workflows_try_the_versions_of_python_that_are_supported():
    matrix = load('.github/workflows/tests.yml')['jobs']['quick']['strategy']
    text = (ROOT / 'setup.cfg').read_text()
    supported = re.findall(r'Python :: (3\.\d+)', text)
    assert matrix['matrix']['python'] == supported


def test_the_version_is_the_same_everywhere():
    version = dksan_mm.__version__
    changelog = (ROOT / 'CHANGELOG.md').read_text()
    released = re.findall(r'^## \[(\d.*)\] - (\S+)$', changelog, re.M)
    citation = load('CITATION.cff')
    assert released[0] == (version, str(citation['date-released']))
    assert citation['version'] == version
    documents = [ROOT / 'README.md', *(ROOT / 'docs').rglob('*.md')]
    text = ''.join(path.read_text() for path in documents)
    assert set(re.findall(r'dksan_mm-([0-9.]+)-py3', text)) <= {version}


def test_documents_link_to_files_that_there_are():
    for path in ROOT.glob('*.md'):
        for link in re.findall(r'\]\((?!http|#)([^)#]+)', path.read_text()):
            assert (ROOT / link).exists(), f'{path.name}: {link}'


@pytest.mark.processes
@pytest.mark.parametrize('name', ['mypy', 'codespell_lib'])
def test_types_and_spelling_are_in_order(name, tmp_path):
    cache = ['--cache-dir', str(tmp_path)] if name == 'mypy' else []
    done = subprocess.run([sys.executable, '-m', name, *cache],
                          cwd=ROOT,
                          capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stdout + done.stderr
