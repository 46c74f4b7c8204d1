# Copyright (c) DKSAN-MM contributors.
"""Frames of a clip, and their folder."""
import pytest
from helpers.data_fixtures import sample_frames, write_frames


@pytest.fixture(scope='module')
def frames():
    return sample_frames('val', 'puppy-grass', 4, (100, 140))


@pytest.fixture
def folder(tmp_path, frames):
    return str(write_frames(tmp_path / 'é b.c', frames, first=7))
