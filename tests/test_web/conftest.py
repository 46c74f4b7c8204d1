# Copyright (c) DKSAN-MM contributors.
"""The built page, a server and a browser, shared by all tests."""
import cv2
import pytest
from helpers.data_fixtures import sample_frames
from helpers.web_page import Page, build, missing, served


@pytest.fixture(scope='session')
def site(tmp_path_factory):
    """Return the folder of the built page. Read only."""
    if missing():
        pytest.skip(missing())
    return build(tmp_path_factory.mktemp('web') / 'dist')


@pytest.fixture(scope='session')
def address(site):
    """Return the address of the served page."""
    with served(site) as url:
        yield url


@pytest.fixture(scope='module')
def browser(site, tmp_path_factory):
    """Start a browser, whose tab shows what the last test left."""
    with Page(tmp_path_factory.mktemp('profile')) as page:
        yield page


@pytest.fixture
def page(browser, address):
    """Load the page again, without a GPU."""
    browser.load(f'{address}?gpu=0')
    return browser


@pytest.fixture(scope='session')
def clip():
    """Return seven small frames of a clip, then three of another. RGB."""
    return [
        cv2.resize(frame, (33, 21), interpolation=cv2.INTER_AREA)[..., ::-1]
        for name, count in (('puppy-grass', 7), ('dashcam-highway', 3))
        for frame in sample_frames('val', name, count, (160, 256))
    ]
