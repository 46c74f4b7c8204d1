# Copyright (c) DKSAN-MM contributors.
import base64
import hashlib
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from helpers.chromium import CHROMIUM, Browser
from helpers.comparison_data import VIDEOS

from dksan_mm.comparison import report
from dksan_mm.comparison.paper import find_paper
from dksan_mm.comparison.pictures import Panel


class Page(HTMLParser):
    """Parser of the tags, attributes and text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def page(comparison):
    """Return the parsed report of a comparison."""
    return Page(report.write_report(comparison.results, comparison.tasks))


def test_names_are_text_and_never_code(page):
    """Videos, models, errors and the command contain HTML."""
    assert not page.all('i') and not page.all('o') and not page.all('memory')
    assert {tag for tag, _ in page.tags} & {'b', 'x'} == {'b'}  # captions
    for text in (*VIDEOS, 'a <i>', 'no <memory>', 'a <cpu>',
                 'compare.py --out "<o>"'):
        assert text in ''.join(page.words)
    titles = [figure['data-title'] for figure in page.all('figure')]
    assert titles == 2 * ['LR', 'bicubic', 'a <i>', 'raw (untrained)', 'HR']


def test_nothing_is_loaded_from_elsewhere(page):
    sources = [image.get('src', 'data:') for image in page.all('img')]
    assert all(source.startswith('data:') for source in sources)
    assert len(sources) == 2 * (2 * 5 + 2)
    links = [link['href'] for link in page.all('a')]
    assert links == ['#video0', '#video1']
    assert not page.all('link') and not page.all('iframe')
    assert all('src' not in script for script in page.all('script'))


def test_the_policy_admits_this_style_and_script_alone(comparison):
    text = report.write_report(comparison.results, comparison.tasks)
    for tag in ('style', 'script'):
        [content] = re.findall(f'<{tag}>(.*)</{tag}>', text, re.DOTALL)
        digest = hashlib.sha256(content.encode()).digest()
        [allowed] = re.findall(f"{tag}-src '([^']*)'", text)
        assert allowed == 'sha256-' + base64.b64encode(digest).decode()


def test_pictures_have_texts_and_controls_have_names(page):
    assert all('alt' in image for image in page.all('img'))
    [slider, _] = page.all('input')
    assert slider['aria-label']
    ids = [attributes['id'] for _, attributes in page.tags
           if 'id' in attributes]  # yapf: disable
    assert len(ids) == len(set(ids))
    for _, attributes in page.tags:
        if 'aria-labelledby' in attributes:
            assert attributes['aria-labelledby'] in ids


def test_the_size_is_bounded(comparison, monkeypatch):
    sizes = []
    for budget in (report.BUDGET, 60_000, 100):
        monkeypatch.setattr(report, 'BUDGET', budget)
        text = report.write_report(comparison.results, comparison.tasks)
        urls = re.findall(r'data:image/webp;base64,[^"]*', text)
        sizes.append(sum(map(len, urls)))
        assert sizes[-1] <= budget
    assert sizes[2] == 0 and 'too large for this report' in text


def test_lr_is_labelled_with_its_own_size():
    image = np.zeros((8, 12, 3), np.uint8)
    assert report._score(Panel('LR', image, kind='LR', block=4)) == '3x2'


def test_many_videos_are_cut_and_said(comparison, monkeypatch):
    monkeypatch.setattr(report, 'MAX_VIDEOS', 1)
    text = report.write_report(comparison.results, comparison.tasks)
    assert 'Pictures of the first 1 videos; 1 more' in text
    assert text.count('<article') == 1


def test_without_any_result_there_is_a_page(comparison):
    results = dict(comparison.results, metrics={})
    results['data'] = dict(results['data'], videos={})
    bad = results['models']['bad']
    results['models'] = {task.model.name: bad for task in comparison.tasks}
    assert 'no &lt;memory&gt;' in report.write_report(results,
                                                      comparison.tasks)


@pytest.fixture
def browser(tmp_path):
    if CHROMIUM is None:
        pytest.skip('there is no Chromium')
    with Browser(tmp_path / 'profile') as browser:
        yield browser


def test_the_page_works_in_a_browser(comparison, browser, tmp_path):
    """Sorting, tabs, slider, flip and crops work by mouse and keyboard."""
    comparison.results['paper'] = dict(
        find_paper({f'{n:03d}': 120
                    for n in range(50, 66)}),
        videos=list(VIDEOS))
    path = tmp_path / 'report.html'
    path.write_text(report.write_report(comparison.results, comparison.tasks))
    for width, dark in ((390, True), (1400, False)):
        browser.open(path, width=width, dark=dark)
        run = browser.run
        assert run('document.documentElement.scrollWidth <= innerWidth')
        colour = run('getComputedStyle(document.body).backgroundColor')
        assert (min(map(int, re.findall(r'\d+', colour))) < 50) == dark
        assert run('[...document.images].every(i => i.naturalWidth > 0)')

        first = 'document.querySelector("tbody th").textContent'
        assert run(first) == VIDEOS[0]
        run('document.querySelector("thead button").focus()')
        for expected in ('ascending', 'descending'):
            browser.press('Enter', 13, '\r')
            assert run(
                'document.querySelector("thead th").ariaSort') == expected
        names = sorted(VIDEOS)
        assert run(first) == names[1]

        assert run(
            'document.querySelectorAll(".metric:not([hidden])").length') == 1
        run('document.querySelectorAll(".tabs button")[1].click()')
        assert 'NIQE' in run(
            'document.querySelector(".metric:not([hidden])").textContent')

        run('document.querySelector(".stage input").focus()')
        browser.press('ArrowRight', 39)
        assert run('document.querySelector(".stage").style.getPropertyValue('
                   '"--at")') == '50.5%'
        run('document.querySelector("[data-view=detail]").click()')
        run('document.querySelector("[data-mode=flip]").click()')
        seen = ('getComputedStyle(document.querySelector("img.left"))'
                '.visibility')
        assert run(seen) == 'visible'
        run('document.querySelector(".flip-now").focus()')
        browser.press(' ', 32, ' ')
        assert run(seen) == 'hidden'
        assert run('document.querySelector(".stage .under").src === '
                   'document.querySelectorAll("figure .detail img")[2].src')
        assert browser.errors() == []
        assert browser.requests() == [path.as_uri()]
