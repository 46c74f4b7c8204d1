# Copyright (c) DKSAN-MM contributors.
"""The page of web/, built and opened in a headless Chromium."""
import base64
import importlib.util
import os
import shutil
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from helpers.chromium import CHROMIUM, Browser
from helpers.tool_modules import load_tool

WEB = Path(__file__).resolve().parents[2] / 'web'
# Networks that the tests use; the page offers more.
BUILD = ('--models', 'dksan-s', '--scales', '2,4')


def missing():
    """Return why the page cannot be built and shown here, or ''."""
    if CHROMIUM is None:
        return 'there is no Chromium'
    if shutil.which('npm') is None:
        return 'there is no npm'
    if importlib.util.find_spec('onnx') is None:
        return 'there is no onnx'
    if not (WEB / 'node_modules' / 'onnxruntime-web').is_dir():
        return 'run "npm ci" in web/ first'
    return ''


def build(out):
    """Build the page with the networks of the tests."""
    done = subprocess.run(['node', WEB / 'build.mjs', '--out', out, *BUILD],
                          env=dict(os.environ, PYTHON=sys.executable),
                          capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr + done.stdout
    return out


@contextmanager
def served(folder, headers=None):
    """Serve a built page; yield its address.

    ``headers`` replace the usual ones.
    """
    tool = load_tool('web')
    if headers is not None:
        tool.HEADERS = headers
    server = tool.make_server(folder, 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f'http://127.0.0.1:{server.server_port}/'
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def write_png(path, image):
    """Write an RGB or RGBA image."""
    order = [2, 1, 0, 3][:image.shape[2]]
    assert cv2.imwrite(str(path), image[..., order])
    return path


def read_png(content):
    """Read a PNG as RGB or RGBA."""
    image = cv2.imdecode(
        np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    return image[..., [2, 1, 0, 3][:image.shape[2]]]


def difference(first, second):
    return np.abs(np.asarray(first, int) - np.asarray(second, int))


class Page(Browser):
    """The page, operated as by a user."""

    def load(self, url, **options):
        self.visit(url, **options)
        self.wait('document.querySelectorAll("input[name=scale]").length')

    def wait(self, condition, seconds=120):
        """Wait until an expression is true; return its value."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            value = self.run(condition)
            if value:
                return value
            time.sleep(.1)
        raise TimeoutError(f'{condition}: {self.text()}')

    def text(self):
        return self.run('document.body.innerText')

    def choose(self, path, *, wait=True):
        """Choose a file in the file field."""
        document = self.call('DOM.getDocument')['root']['nodeId']
        node = self.call(
            'DOM.querySelector', nodeId=document, selector='#file')['nodeId']
        self.call('DOM.setFileInputFiles', files=[str(path)], nodeId=node)
        if wait:
            self.wait('!document.getElementById("start").disabled || '
                      '!document.getElementById("problem").hidden || '
                      '!document.getElementById("size").hidden')

    def set_scale(self, scale):
        self.run(f'document.querySelector("input[value=\'{scale}\']").click()')

    def save_as(self, kind):
        self.run(f'document.getElementById("save").value = "{kind}"')

    def click(self, name):
        self.run(f'document.getElementById("{name}").click()')

    def problem(self, seconds=60):
        """Return the displayed error message."""
        return self.wait(
            'document.getElementById("problem").hidden ? "" : '
            'document.getElementById("problem").textContent', seconds)

    def upscale(self, seconds=300):
        """Start and wait for the end; return the file's name and content."""
        self.click('start')
        self.finish(seconds)
        return self.result()

    def finish(self, seconds=300):
        self.wait(
            '!document.getElementById("result").hidden || '
            '!document.getElementById("problem").hidden', seconds)
        assert self.run('document.getElementById("problem").hidden'), \
            self.text()

    def result(self):
        name, content = self.run('''(async () => {
            const link = document.getElementById('result');
            const blob = await (await fetch(link.href)).blob();
            const reader = new FileReader();
            const done = new Promise((go) => { reader.onload = go; });
            reader.readAsDataURL(blob);
            await done;
            return [link.download, reader.result.split(',')[1]];
        })()''')
        return name, base64.b64decode(content)
