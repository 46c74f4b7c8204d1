# Copyright (c) DKSAN-MM contributors.
"""Configuration of the documentation: make docs."""
import re
import sys
from pathlib import Path
from posixpath import dirname, join, normpath, relpath

from docutils.nodes import SkipNode
from docutils.utils.math.latex2mathml import tex2mathml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import dksan_mm  # noqa: E402  (found by the line above)

project = 'dksan_mm'
author = 'DKSAN-MM contributors'
copyright = author
version = release = dksan_mm.__version__

extensions = [
    'myst_parser', 'sphinx.ext.autodoc', 'sphinx.ext.autosummary',
    'sphinx.ext.napoleon', 'sphinx.ext.viewcode', 'sphinx_copybutton'
]
exclude_patterns = ['_build']
templates_path = ['_templates']

myst_enable_extensions = ['colon_fence', 'dollarmath']
myst_heading_anchors = 3

autosummary_generate = True
autodoc_member_order = 'bysource'
autodoc_typehints = 'none'  # the docstrings state types, with shapes
autodoc_inherit_docstrings = False

html_theme = 'furo'
html_title = f'dksan_mm {release}'
html_static_path = ['_static']
html_css_files = ['site.css']
html_show_sphinx = False
html_copy_source = False
html_math_renderer = 'mathml'

# Pages whose text is in another file of the repository.
MIRRORED = dict(
    weights='weights/README.md',
    sample_clips='data/sample/README.md',
    changelog='CHANGELOG.md',
    contributing='CONTRIBUTING.md',
    security='SECURITY.md')
_PAGES = {path: f'docs/{name}.md' for name, path in MIRRORED.items()}
_LINK = re.compile(
    r'(?<!!)\[((?:[^][]|\[[^][]*\])*)\]\(([^)#\s]*)(#[^)\s]*)?\)')


def read_page(app, name: str, source: list[str]) -> None:
    """Take a page's text from where it lies, and adapt its links."""
    path = MIRRORED.get(name, f'docs/{name}.md')
    if name in MIRRORED:
        app.env.note_dependency(str(ROOT / path))
        source[0] = (ROOT / path).read_text(encoding='utf-8')
        source[0] = re.sub(r'!\[([^]]*)\]\(([^):]+)\)',
                           rf'![\1](../{dirname(path)}/\2)', source[0])
    source[0] = _LINK.sub(lambda match: _relink(match, path), source[0])


def _relink(match: re.Match, page: str) -> str:
    """Let a link lead to a page of the site, or to a file to download.

    Folders and other pages of the repository cannot be shown: their names
    remain.
    """
    label, target, anchor = match.groups(default='')
    if not target or ':' in target:
        return match.group()
    path = normpath(join(dirname(page), target))
    path = _PAGES.get(path, path)
    inside = path.startswith('docs/')
    if not inside and (path.endswith('.md') or (ROOT / path).is_dir()):
        return label
    here = dirname(_PAGES.get(page, page))
    return f'[{label}]({relpath(path, here)}{anchor})'


def _visit_math(translator, node) -> None:
    """Write a formula as MathML, which needs no script from elsewhere."""
    block = node.tagname == 'math_block'
    formula = tex2mathml(node.astext(), as_block=block)
    translator.body.append(
        f'<div class="formula">{formula}</div>' if block else formula)
    raise SkipNode


def setup(app) -> None:
    """Connect what this file adds to Sphinx."""
    app.connect('source-read', read_page)
    app.add_html_math_renderer('mathml', (_visit_math, None),
                               (_visit_math, None))
