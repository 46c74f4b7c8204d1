# Copyright (c) DKSAN-MM contributors.
"""README and documentation: examples run, commands and links are valid."""
import contextlib
import io
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.data_fixtures import write_frames
from helpers.tiny_network import tiny_checkpoint  # noqa: F401  (a fixture)
from helpers.tool_runs import load_tool
from helpers.video_files import make_video, moving
from mmagic.apis.inferencers.video_restoration_inferencer import \
    VideoRestorationInferencer
from mmengine.config import Config
from test_rooms import FLOORS

from dksan_mm.cli.commands import TOOLS
from dksan_mm.inference import onnx

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding='utf-8')
    for path in sorted([
        *ROOT.glob('*.md'), *ROOT.glob('docs/*.md'),
        *ROOT.glob('docs/api/*.md'), *ROOT.glob('configs/*/README.md'), ROOT /
        'weights' / 'README.md', ROOT / 'data' / 'sample' / 'README.md'
    ])
}
# Words that commands of a shell begin with, and that are not the project's.
OTHERS = ('pip', '.', 'mim', 'git', 'ncnn', 'npm', 'valgrind',
          'callgrind_annotate')
# Networks are as large as they are; the frames are small here.
SMALLER = (('(45, 80, 3)', '(9, 16, 3)'), ('3, 45, 80)', '3, 9, 16)'),
           ('720, 1280', '144, 256'))
# Files that a reader makes.
OWN = ('configs/mine.py', )


def blocks(page, language):
    return re.findall(rf'^```{language}\n(.*?)^```', PAGES[page],
                      re.DOTALL | re.MULTILINE)


def commands(page):
    """Return the commands of a page's shell blocks, as lists of words."""
    variables, found = {}, []
    for block in blocks(page, 'bash'):
        for line in block.replace('\\\n', ' ').splitlines():
            for name, value in variables.items():
                line = line.replace(f'${name}', value)
            words = shlex.split(line, comments=True)
            while words and re.match(r'\w+=', words[0]):
                name, value = words.pop(0).split('=', 1)
                variables[name] = value
            if words:
                found.append(words)
    return found


WITH_PYTHON = [page for page in PAGES if blocks(page, 'python')]
WITH_COMMANDS = [page for page in PAGES if commands(page)]


@pytest.fixture
def folder(tmp_path, tiny_checkpoint, monkeypatch):  # noqa: F811
    """Return a working folder with the files that the examples name."""
    monkeypatch.chdir(tmp_path)
    for name in ('configs', 'weights'):
        (tmp_path / name).mkdir(parents=True)
    config, checkpoint = tiny_checkpoint
    shutil.copy(config, 'configs/dksan-s_vid3oc_x16.py')
    shutil.copy(checkpoint, 'weights/dksan-s_vid3oc_x16.pth')
    make_video('small.mp4', moving(2), codec='mpeg4', pix_fmt='yuv420p')
    write_frames('data/Vid3oC-sample/val/LRx16/puppy-grass', moving(2))
    saved = dict(VideoRestorationInferencer.extra_parameters)
    yield tmp_path
    VideoRestorationInferencer.extra_parameters.update(saved)


@pytest.mark.parametrize('page', WITH_PYTHON)
def test_python_runs_and_prints_what_its_comments_say(page, folder):
    names = {}
    for code in blocks(page, 'python'):
        if '_base_' in code:
            continue  # a config, see below
        for large, small in SMALLER:
            code = code.replace(large, small)
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(code, page, 'exec'), names)
        for shape in re.findall(r'print\(.*\) +# (\(.*\))', code):
            assert shape in out.getvalue()
        if 'report = ' in code:
            assert '2 frames in large.mp4 []' in out.getvalue()
            os.remove('large.mp4')
        if 'puppy_x16' in code:
            assert os.listdir('puppy_x16') and len(
                os.listdir('puppy_x16')) == 2
            shutil.rmtree('puppy_x16')


def test_pages_show_what_is_to_be_run():
    assert {
        'README.md', 'docs/upscale.md', 'docs/dksan.md', 'docs/operator.md',
        'docs/train_test.md'
    } <= set(WITH_PYTHON)
    assert sum(len(commands(page)) for page in WITH_COMMANDS) > 60


def test_own_data_are_trained_on_validated_and_tested(tmp_path):
    """No split of the example uses the paper's data."""
    code, = [
        code for code in blocks('docs/data.md', 'python') if '_base_' in code
    ]
    shutil.copytree(ROOT / 'configs', tmp_path / 'configs')
    (tmp_path / 'configs' / 'mine.py').write_text(code)
    config = Config.fromfile(
        tmp_path / 'configs' / 'mine.py', import_custom_modules=False)
    for split in ('train', 'val', 'test'):
        dataset = config[f'{split}_dataloader'].dataset
        assert dataset.data_root == 'data/mine', split


def test_a_metric_of_the_reader_is_added_to_those_of_the_base(tmp_path):
    """The config of the example imports the reader's module in addition."""
    code, = [
        code for code in blocks('docs/train_test.md', 'python')
        if '_base_' in code
    ]
    shutil.copytree(ROOT / 'configs', tmp_path / 'configs')
    (tmp_path / 'configs' / 'mine.py').write_text(code)
    base, config = (
        Config.fromfile(
            tmp_path / 'configs' / f'{name}.py', import_custom_modules=False)
        for name in ('dksan-s_vid3oc_x16', 'mine'))
    assert config.custom_imports == dict(
        base.custom_imports,
        imports=[*base.custom_imports.imports, 'my_metrics'])
    assert config.test_evaluator == [
        *base.test_evaluator,
        dict(type='VideoAbsoluteError')
    ]


@pytest.mark.parametrize('page', WITH_COMMANDS)
def test_commands_have_the_options_of_their_tools(page, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    targets = re.findall(r'^([a-z-]+):', (ROOT / 'Makefile').read_text(), re.M)
    for words in commands(page):
        if words[:3] == ['python', '-m', 'dksan_mm.inference.onnx']:
            onnx.parse_args(words[3:])
        elif words[0] in ('torchrun', 'python'):
            place = next(
                (i for i, word in enumerate(words) if word.endswith('.py')),
                None)
            assert place is not None, words
            check_tool(Path(words[place]), words[place + 1:], capsys)
        elif words[0] == 'dksan-mm':
            if words[1] != '--version':
                tool = Path('tools') / f'{TOOLS[words[1]]}.py'
                check_tool(tool, words[2:], capsys)
        elif words[0] == 'make':
            assert {word
                    for word in words[1:]
                    if '=' not in word} <= {*targets, '-j'}, words
        elif words[0].endswith('.sh'):
            assert (ROOT / words[0]).is_file(), words
        else:
            assert words[0] in OTHERS, words


def check_tool(path, arguments, capsys):
    """Let a tool parse its arguments; the data may be missing."""
    assert (ROOT / path).is_file(), path
    tool = load_tool(path.stem)
    if '>' in arguments:
        arguments = arguments[:arguments.index('>')]
    try:
        tool.parse_args(['4' if word == 'N' else word for word in arguments])
    except SystemExit:
        assert re.search('no such file or folder|there is no folder',
                         capsys.readouterr().err), (path, arguments)


@pytest.mark.parametrize('page', PAGES)
def test_paths_are_there(page):
    paths = re.findall(
        r'(?<![\w/.*}-])((?:tools|configs|weights|dksan_mm|docs)/[\w./-]*\w'
        r'\.(?:py|sh|pth|safetensors|md))\b', PAGES[page])
    assert [
        path for path in paths if path not in OWN and not any(
            (base / path).is_file() for base in (ROOT, ROOT / 'dksan_mm'))
    ] == []


def anchors(text):
    """Return the anchors of a page's headings as in GitHub and MyST."""
    text = re.sub(r'^```.*?^```', '', text, flags=re.DOTALL | re.MULTILINE)
    return {
        re.sub(r'[^\w\- ]', '', title.lower()).replace(' ', '-')
        for title in re.findall(r'^#+ (.*)$', text, re.MULTILINE)
    }


@pytest.mark.parametrize('page', PAGES)
def test_links_lead_somewhere(page):
    text = re.sub(
        r'^```.*?^```|`[^`\n]*`',
        '',
        PAGES[page],
        flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r'\]\(([^)\s]+)\)', text):
        if re.match(r'[a-z]+:', target):
            continue
        path, _, anchor = target.partition('#')
        place = (ROOT / page).parent / path if path else ROOT / page
        assert place.exists(), target
        if anchor:
            assert anchor in anchors(place.read_text()), target


def test_figures_are_those_that_the_script_draws():
    script = runpy.run_path(str(ROOT / 'docs' / 'figures' / 'draw.py'))
    assert script['FLOORS'] == FLOORS
    for name, draw in script['FIGURES'].items():
        path = ROOT / 'docs' / 'figures' / f'{name}.svg'
        assert path.read_text(encoding='utf-8') == draw(), name


def test_the_readme_is_short():
    readme = PAGES['README.md']
    assert len(readme.encode()) <= 9216
    screen = readme.splitlines()[:30]
    assert {line.split('    #')[0]
            for line in screen} >= {'make demo', 'make test'}


@pytest.mark.slow
@pytest.mark.processes
def test_the_site_is_built_without_warnings(tmp_path):
    done = subprocess.run([
        *(sys.executable, '-m', 'sphinx', '-W', '--keep-going', '-q'),
        *('-d', tmp_path / 'trees', ROOT / 'docs', tmp_path / 'site')
    ],
                          env=dict(os.environ, PYTHONWARNINGS='ignore'),
                          capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / 'site' / 'operator.html').read_text()
    assert '<math' in page and 'deform_kernel_conv2d' in page
    assert 'http://' not in re.sub('http://www.w3.org', '', page)
