# Copyright (c) DKSAN-MM contributors.
"""Configuration of the documentation: make docs."""
import sys
from pathlib import Path

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
suppress_warnings = ['toc.empty_glob']  # pages of later releases
exclude_patterns = ['_build']
templates_path = ['_templates']

myst_enable_extensions = ['attrs_block', 'colon_fence', 'dollarmath']
myst_heading_anchors = 3

autosummary_generate = True
autodoc_member_order = 'bysource'
autodoc_typehints = 'none'  # the docstrings state types, with shapes
autodoc_inherit_docstrings = False
napoleon_use_ivar = True

html_theme = 'furo'
html_title = f'dksan_mm {release}'
html_static_path = ['_static']
html_css_files = ['site.css']
html_show_sphinx = False
html_copy_source = False
# Prompts are not part of a command.
copybutton_exclude = '.linenos, .gp, .go'


def _visit_math(translator, node) -> None:
    """Write a formula as MathML, which needs no script from elsewhere."""
    block = node.tagname == 'math_block'
    formula = tex2mathml(node.astext(), as_block=block)
    translator.body.append(
        f'<div class="formula">{formula}</div>' if block else formula)
    raise SkipNode


def setup(app) -> None:
    """Register the renderer of formulas."""
    app.add_html_math_renderer('mathml', (_visit_math, None),
                               (_visit_math, None))


html_math_renderer = 'mathml'
