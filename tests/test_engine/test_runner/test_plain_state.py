# Copyright (c) DKSAN-MM contributors.
import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

from dksan_mm.engine.runner.plain_state import make_plain, restore_histories


def test_the_log_history_survives_a_plain_checkpoint(tmp_path):
    history = HistoryBuffer([3., 1.], [1, 2], max_length=50)
    checkpoint = dict(
        message_hub=dict(
            log_scalars={'train/loss': history},
            runtime_info=dict(iter=3, eta=np.float64(0.5))))
    make_plain(checkpoint)
    torch.save(checkpoint, tmp_path / 'plain.pth')
    loaded = torch.load(tmp_path / 'plain.pth', weights_only=True)
    restore_histories(loaded)
    restored = loaded['message_hub']['log_scalars']['train/loss']
    assert type(restored) is HistoryBuffer and restored.max_length == 50
    assert all(map(np.array_equal, restored.data, history.data))
    restored.update(5.)
    assert restored.mean() == pytest.approx(9 / 4)
    assert loaded['message_hub']['runtime_info'] == dict(iter=3, eta=0.5)


@pytest.mark.parametrize('checkpoint', [
    {},
    dict(message_hub=dict(log_scalars=dict(loss=HistoryBuffer([1.], [1])))),
])
def test_other_checkpoints_load_as_they_are(checkpoint):
    before = repr(checkpoint)
    restore_histories(checkpoint)
    assert repr(checkpoint) == before
