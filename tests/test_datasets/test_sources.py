# Copyright (c) DKSAN-MM contributors.
"""Shares of several lists of clips."""
import pytest

from dksan_mm.datasets.sources import check_sources, samples_of_clips

CLIPS = dict(ann_file='clips.txt', share=1)


@pytest.mark.parametrize('sources, ann_file, samples, said', [
    ([CLIPS], 'all.txt', 2, r"exclude each other.*clips.txt.*'all.txt'"),
    ([], '', 2, 'sources need one entry'),
    ([CLIPS], '', None, 'samples_per_clip, got .* and None'),
    ([dict(CLIPS, share=0)], '', 2, "positive share, got .*'share': 0"),
    ([dict(CLIPS, share=-1.)], '', 2, 'positive share, got'),
    ([dict(ann_file='clips.txt')], '', 2, 'positive share, got'),
    ([dict(CLIPS, weight=1)], '', 2, 'positive share, got'),
])
def test_sources_that_contradict_are_refused(sources, ann_file, samples, said):
    with pytest.raises(ValueError, match=said):
        check_sources(sources, ann_file, samples)


def test_what_fits_is_not_refused():
    check_sources([CLIPS], '', 2)
    check_sources(None, 'all.txt', None)


@pytest.mark.parametrize(
    'shares, counts',
    [
        # Of 3 clips with 4 samples each in the mean.
        ((1, 1), (3, 6)),
        ((1, 2), (2, 8)),
        ((.25, .25), (3, 6)),
        ((1, 1000), (1, 12)),  # one sample at least
    ])
def test_samples_are_shared_out(tmp_path, shares, counts):
    (tmp_path / 'clips.txt').write_text('a\t9\nb\n')
    (tmp_path / 'photos.txt').write_text('c\t1\n')
    names = str(tmp_path / 'clips.txt'), 'photos.txt'  # absolute, and not
    sources = [
        dict(ann_file=name, share=share) for name, share in zip(names, shares)
    ]
    stated, found = samples_of_clips(sources, str(tmp_path), 4)
    assert stated == dict(a=9, b=None, c=1)
    assert found == dict(a=counts[0], b=counts[0], c=counts[1])


@pytest.mark.parametrize('content, said', [
    ('b\na\n', 'more.txt: clip a of another source'),
    ('', 'more.txt: no clip'),
])
def test_lists_that_do_not_go_together_are_named(tmp_path, content, said):
    (tmp_path / 'clips.txt').write_text('a\n')
    (tmp_path / 'more.txt').write_text(content)
    with pytest.raises(ValueError, match=said):
        samples_of_clips([CLIPS, dict(ann_file='more.txt', share=1)],
                         str(tmp_path), 2)
    with pytest.raises(FileNotFoundError, match='none.txt'):
        samples_of_clips([dict(ann_file='none.txt', share=1)], str(tmp_path),
                         2)
