# Copyright (c) DKSAN-MM contributors.
"""The page in use: tiles, cancelling, errors, small screens, offline."""
import shutil

import cv2
import numpy as np
import pytest
from helpers.data_fixtures import sample_frames
from helpers.web_page import Page, read_png, served, write_png
from PIL import Image

pytestmark = [pytest.mark.slow, pytest.mark.processes]
HIDDEN = 'document.getElementById("{}").hidden'


@pytest.fixture(scope='session')
def photo():
    """Return a frame of a clip, RGB."""
    frame, = sample_frames('val', 'dashcam-highway', 1, (192, 272))
    return cv2.resize(frame, (90, 64), interpolation=cv2.INTER_AREA)[..., ::-1]


def test_tiles_leave_no_seams(browser, address, photo, tmp_path):
    path = write_png(tmp_path / 'photo.png', photo)
    results = []
    for side in (0, 32):
        browser.load(f'{address}?gpu=0&side={side}')
        browser.choose(path)
        browser.set_scale(2)
        results.append(read_png(browser.upscale()[1])[..., :3].astype(int))
    whole, tiled = results
    error = np.abs(whole - tiled)
    assert 0 < error.max() <= 6  # it was done in tiles; see docs/web.md
    assert error.mean() < .5
    # Steps between neighbours are no larger at the tiles' edges, 32 and 64.
    steps = np.abs(np.diff(tiled - whole, axis=0)).mean((1, 2))
    assert steps[60:68].max() <= steps.mean() + .5


def test_it_can_be_cancelled_and_begun_again(page, photo, tmp_path):
    large = np.tile(photo, (6, 6, 1))
    page.choose(write_png(tmp_path / 'large.png', large))
    page.click('start')
    page.wait('document.getElementById("state").textContent != ""')
    assert page.run('document.getElementById("start").hidden')
    page.click('cancel')
    page.wait('!document.getElementById("start").disabled')
    assert page.run(HIDDEN.format('work')) and page.run(
        HIDDEN.format('result'))
    assert page.run('document.getElementById("live").textContent')
    page.choose(write_png(tmp_path / 'small.png', photo[:20, :20]))
    page.wait('document.getElementById("chosen").textContent'
              '.startsWith("small.png: picture")')
    assert read_png(page.upscale()[1]).shape[:2] == (80, 80)


@pytest.mark.parametrize('name, content, sentence', [
    ('notes.txt', b'no picture', 'notes.txt is neither a video nor a picture'),
    ('torn.png', b'\x89PNG\r\n\x1a\n no more', 'torn.png is damaged'),
    ('torn.mp4', b'\0\0\0\x18ftypisom', 'torn.mp4 is neither'),
    ('empty.webm', b'', 'empty.webm is neither'),
])
def test_other_files_are_refused_in_a_sentence(page, name, content, sentence,
                                               tmp_path):
    (tmp_path / name).write_bytes(content)
    page.choose(tmp_path / name)
    assert page.problem().startswith(sentence)
    assert page.run('document.getElementById("start").disabled')


def test_what_is_too_large_is_refused_before_the_start(page, tmp_path):
    Image.new('RGB', (5000, 3000)).save(tmp_path / 'large.png')
    page.choose(tmp_path / 'large.png')
    page.wait('document.getElementById("size").textContent')
    assert 'too large for this page: choose x2 or less' in page.text()
    assert page.run('document.getElementById("start").disabled')
    page.set_scale(2)
    assert not page.run('document.getElementById("start").disabled')


def test_a_missing_network_is_named(site, photo, tmp_path):
    shutil.copytree(site, tmp_path / 'site')
    (tmp_path / 'site' / 'models' / 'dksan-s-x4.restore.onnx').unlink()
    with served(tmp_path / 'site') as url, Page(tmp_path / 'profile') as page:
        page.load(f'{url}?gpu=0')
        page.choose(write_png(tmp_path / 'photo.png', photo))
        page.click('start')
        assert 'The network dksan-s for x4 could not be loaded' in \
            page.problem()
        # The file is still there for another try.
        assert not page.run('document.getElementById("start").disabled')


@pytest.mark.parametrize('dark', [False, True])
def test_a_narrow_screen_needs_no_scrolling_sideways(browser, address, photo,
                                                     dark, tmp_path):
    fits = 'document.documentElement.scrollWidth <= innerWidth'
    browser.load(f'{address}?gpu=0', width=360, dark=dark)
    assert browser.run(fits)
    path = write_png(tmp_path / f'{"a-long-name" * 8}.png', photo[:30, :40])
    browser.choose(path)
    assert browser.run(fits)
    browser.set_scale(2)
    browser.upscale()
    assert browser.run(fits)
    assert browser.run('''[...document.querySelectorAll(
        'button, select, .choices label, a.button')].filter(
        (one) => one.offsetHeight && one.offsetHeight < 44).length''') == 0


def reached_by_tab(page, count):
    """Return the focused element after each press of the key."""
    reached = []
    for _ in range(count):
        page.press('Tab', 9)
        reached.append(
            page.run('document.activeElement.id || '
                     'document.activeElement.name'))
    return reached


def test_the_keyboard_suffices(page, photo, tmp_path):
    """Everything has a name and can be reached; the slider moves."""
    page.choose(write_png(tmp_path / 'photo.png', photo[:20, :20]))
    page.run('document.getElementById("file").focus()')
    assert reached_by_tab(page, 3) == ['scale', 'model', 'start']
    page.press('Enter', 13, '\r')
    page.finish()
    assert page.run('document.activeElement.id') == 'result'
    assert reached_by_tab(page, 1) == ['slider']
    before = page.run('getComputedStyle(stage).getPropertyValue("--at")')
    page.press('ArrowLeft', 37)
    after = page.run('getComputedStyle(stage).getPropertyValue("--at")')
    assert (before, after) == ('50%', '49%')
    tree = page.call('Accessibility.getFullAXTree')['nodes']
    controls = [
        node for node in tree
        if node.get('role', {}).get('value') in ('button', 'radio', 'combobox',
                                                 'slider', 'progressbar',
                                                 'image')
    ]
    assert len(controls) >= 7
    assert all(node['name']['value'] for node in controls)


def test_files_can_be_dropped(page):
    page.run('''(async () => {
        const canvas = new OffscreenCanvas(20, 10);
        canvas.getContext('2d').fillRect(0, 0, 20, 10);
        const data = new DataTransfer();
        data.items.add(new File([await canvas.convertToBlob()], 'drop.png',
            {type: 'image/png'}));
        document.body.dispatchEvent(new DragEvent('drop',
            {dataTransfer: data, bubbles: true, cancelable: true}));
    })()''')
    page.wait('!document.getElementById("size").hidden')
    assert 'drop.png: picture, 20 × 10 pixels' in page.text()


def test_it_works_without_a_connection(site, photo, tmp_path):
    path = write_png(tmp_path / 'photo.png', photo[:20, :20])
    with Page(tmp_path / 'profile') as page:
        with served(site) as url:
            page.load(url)
            page.wait('''(async () => {
                const kept = [
                  await caches.match('vendor/ort-wasm-simd-threaded.wasm'),
                  await caches.match('models/dksan-s-x4.restore.onnx')];
                return kept.every(Boolean);
            })()''')
        page.load(f'{url}?gpu=0')
        assert page.run('crossOriginIsolated')
        page.choose(path)
        assert read_png(page.upscale()[1]).shape[:2] == (80, 80)


def test_threads_on_a_server_that_sets_no_headers(site, tmp_path):
    """On GitHub Pages, the service worker isolates the page."""
    with served(site, headers={}) as url, Page(tmp_path / 'profile') as page:
        page.load(url)
        page.wait('crossOriginIsolated')
