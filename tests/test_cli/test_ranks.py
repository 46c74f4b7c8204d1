# Copyright (c) DKSAN-MM contributors.
from dksan_mm.cli import ranks


def test_without_torchrun_there_is_one_process(monkeypatch):
    for name in ('RANK', 'WORLD_SIZE'):
        monkeypatch.delenv(name, raising=False)
    assert (ranks.rank(), ranks.world_size()) == (0, 1)
    assert ranks.sum_over_ranks(3) == 3


def test_torchrun_tells_each_process_its_number(monkeypatch):
    monkeypatch.setenv('RANK', '2')
    monkeypatch.setenv('WORLD_SIZE', '4')
    assert (ranks.rank(), ranks.world_size()) == (2, 4)
