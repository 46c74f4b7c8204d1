# Copyright (c) DKSAN-MM contributors.
"""Headless Chromium, if installed, controlled through its own pipe."""
import base64
import itertools
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which('chromium') or shutil.which('google-chrome')


class Browser:
    """One page in a headless Chromium; a context manager.

    Args:
        profile (Path): An empty folder for what the browser stores.

    Attributes:
        events (list[dict]): What the browser reported, e.g. exceptions.
    """

    def __init__(self, profile: Path) -> None:
        to_browser, self._out = os.pipe()
        self._in, from_browser = os.pipe()
        self._process = subprocess.Popen(
            ['/bin/bash', '-c', f'exec "$0" "$@" 3<&{to_browser} '
             f'4>&{from_browser}', CHROMIUM, '--headless=new', '--no-sandbox',
             '--disable-gpu', '--remote-debugging-pipe',
             f'--user-data-dir={profile}', 'about:blank'],
            pass_fds=(to_browser, from_browser),
            stderr=subprocess.DEVNULL)  # yapf: disable
        os.close(to_browser)
        os.close(from_browser)
        self._numbers, self._rest, self._session = itertools.count(1), b'', ''
        self.events: list = []
        [page] = [
            target for target in self.call('Target.getTargets')['targetInfos']
            if target['type'] == 'page'
        ]
        self._session = self.call(
            'Target.attachToTarget', targetId=page['targetId'],
            flatten=True)['sessionId']
        for domain in ('Page', 'Runtime', 'Log', 'Network'):
            self.call(f'{domain}.enable')

    def __enter__(self) -> 'Browser':
        return self

    def __exit__(self, *_) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._out)
        os.close(self._in)

    def call(self, method: str, **parameters) -> dict:
        """Call a method of the DevTools protocol; return its result."""
        number = next(self._numbers)
        message = dict(id=number, method=method, params=parameters)
        if self._session:
            message['sessionId'] = self._session
        os.write(self._out, json.dumps(message).encode() + b'\0')
        while True:
            answer = self._read()
            if answer.get('id') != number:
                self.events.append(answer)
            elif 'error' in answer:
                raise RuntimeError(f'{method}: {answer["error"]}')
            else:
                return answer['result']

    def _read(self) -> dict:
        while b'\0' not in self._rest:
            block = os.read(self._in, 1 << 16)
            if not block:
                raise RuntimeError('the browser has gone')
            self._rest += block
        message, _, self._rest = self._rest.partition(b'\0')
        return json.loads(message)

    def open(self, path: Path, *, width: int = 1400, dark: bool = False):
        """Show a file in a window of some width."""
        self.visit(path.resolve().as_uri(), width=width, dark=dark)

    def visit(self, url: str, *, width: int = 1400, dark: bool = False):
        """Show an address in a window of some width."""
        self.call(
            'Emulation.setDeviceMetricsOverride',
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=width < 600)
        scheme = dict(
            name='prefers-color-scheme', value='dark' if dark else 'light')
        self.call('Emulation.setEmulatedMedia', features=[scheme])
        self.events.clear()
        self.call('Page.navigate', url=url)
        while not any(
                e.get('method') == 'Page.loadEventFired' for e in self.events):
            self.events.append(self._read())

    def run(self, script: str) -> Any:
        """Return the value of a JavaScript expression in the page."""
        result = self.call(
            'Runtime.evaluate',
            expression=script,
            returnByValue=True,
            awaitPromise=True)
        if 'exceptionDetails' in result:
            raise RuntimeError(result['exceptionDetails'])
        return result['result'].get('value')

    def press(self, key: str, code: int, text: str = '') -> None:
        """Press and release a key."""
        keys = dict(key=key, windowsVirtualKeyCode=code)
        self.call('Input.dispatchKeyEvent', type='keyDown', text=text, **keys)
        self.call('Input.dispatchKeyEvent', type='keyUp', **keys)

    def errors(self) -> list:
        """Return exceptions and complaints, such as of the content policy."""
        return [
            event for event in self.events
            if event.get('method') in ('Runtime.exceptionThrown',
                                       'Log.entryAdded')
        ]

    def requests(self) -> list:
        """Return the requested addresses, except those of embedded data."""
        urls = [
            event['params']['request']['url'] for event in self.events
            if event.get('method') == 'Network.requestWillBeSent'
        ]
        return [url for url in urls if not url.startswith('data:')]

    def screenshot(self, path: Path) -> None:
        """Write a picture of the whole page."""
        size = self.call('Page.getLayoutMetrics')['cssContentSize']
        clip = dict(size, scale=1)
        picture = self.call(
            'Page.captureScreenshot', captureBeyondViewport=True, clip=clip)
        Path(path).write_bytes(base64.b64decode(picture['data']))
