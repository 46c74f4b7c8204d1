# Copyright (c) DKSAN-MM contributors.
"""The server of the page: its headers and its error messages."""
import socket
import sys
import urllib.error
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
    assert f'port {port} cannot be opened' in capsys.readouterr().err


@pytest.mark.parametrize('name', ['none.html', '%00', 'a%00b', 'a' * 300])
def test_files_that_cannot_be_are_not_found(built, capsys, name):
    with served(built) as url:
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(url + name)
    assert error.value.code == 404
    assert 'Traceback' not in capsys.readouterr().err


@pytest.mark.parametrize('error, said', [
    (BrokenPipeError(32, 'Broken pipe'), ''),
    (ConnectionResetError(104, 'Connection reset'), ''),
    (OSError(5, 'Input/output error', 'a.onnx'),
     'web.py: a request failed: a.onnx: Input/output error\n'),
])
def test_what_ends_a_request(built, capsys, monkeypatch, error, said):
    """A closed browser is no failure; others are reported in a sentence."""
    monkeypatch.setattr(sys, 'argv', ['tools/web.py'])

    def fail(*_):
        raise error

    with load_tool('web').make_server(built, 0) as server:
        monkeypatch.setattr(server, 'finish_request', fail)
        server.process_request_thread(socket.socket(), ('127.0.0.1', 1))
    assert capsys.readouterr().err == said
