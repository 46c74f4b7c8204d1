# Copyright (c) DKSAN-MM contributors.
"""The server of the page: headers, and what is wrong as a sentence."""
import urllib.request

import pytest
from helpers.tool_runs import load_tool
from helpers.web_page import served

from dksan_mm.utils.running import run_tool


@pytest.fixture
def built(tmp_path):
    """Files that every built page has."""
    (tmp_path / 'models').mkdir()
    (tmp_path / 'models' / 'models.json').write_text('[]')
    (tmp_path / 'index.html').write_text('<p>page</p>')
    (tmp_path / 'a.mjs').write_text('')
    return tmp_path


def test_files_come_with_the_headers_that_threads_need(built):
    with served(built) as url:
        for name, kind in (('', 'text/html'), ('a.mjs', 'text/javascript')):
            with urllib.request.urlopen(url + name) as answer:
                headers = answer.headers
            assert headers['Content-Type'] == kind
            assert headers['Cross-Origin-Opener-Policy'] == 'same-origin'
            assert headers['Cross-Origin-Embedder-Policy'] == 'require-corp'


def test_an_unbuilt_page_is_told_with_the_command(tmp_path, capsys):
    assert run_tool(load_tool('web').main, [str(tmp_path)]) == 2
    assert 'cd web && npm ci && npm run build' in capsys.readouterr().err


def test_a_port_in_use_is_told(built, capsys):
    with served(built) as url:
        port = url.strip('/').rpartition(':')[2]
        code = run_tool(load_tool('web').main, [str(built), '--port', port])
    assert code == 2
    assert f'port {port} cannot be had' in capsys.readouterr().err
