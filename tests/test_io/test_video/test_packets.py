# Copyright (c) DKSAN-MM contributors.
"""Files that were cut short, or joined."""

import pytest
from helpers.films import make_film, seconds_of, to_ts, upscale


@pytest.mark.parametrize('suffix, shown', [('.flv', 1), ('.mp4', 1),
                                           ('.mkv', 2)])
def test_recordings_that_players_do_not_show_are_named(tmp_path, suffix,
                                                       shown):
    film = make_film(tmp_path)
    first = to_ts(film, tmp_path / f'a{suffix}').read_bytes()
    path = tmp_path / f'joined{suffix}'
    path.write_bytes(first * 3)
    source, writer = upscale(path, tmp_path / 'big.mp4')
    assert len(seconds_of(tmp_path / 'big.mp4')) == 25 * shown
    assert source.complaints == [] and source.notes + writer.notes == [
        f'{path}: another recording was appended at byte '
        f'{shown * len(first)}, which players do not show: it is left out'
    ]
