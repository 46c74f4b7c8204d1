# Copyright (c) DKSAN-MM contributors.
import pytest
from mmengine.config import Config

from dksan_mm.cli.config_variables import check_variables
from dksan_mm.utils.errors import UserError

LOADER = 'val_dataloader = dict(dataset=dict(data_root={}))'


@pytest.mark.parametrize('text, said', [
    (f'data_root = "a"\n{LOADER.format("data_root")}', None),
    (f'mine = "a"\n{LOADER.format("mine")}', None),
    (f'mine = "a"\n{LOADER.format(2)}', None),
    (f'data_root = 2\n{LOADER.format(2)}', None),
    (f'data_root = "a"\n{LOADER.format(2)}\ndel data_root', None),
    (f'data_root = "a"\n{LOADER.format(2)}',
     'small.py: data_root has no effect, as nothing reads it; set '
     'val_dataloader.dataset.data_root$'),
    ('optim_wraper = dict(optimizer=dict(lr=2))',
     'small.py: optim_wraper has no effect, as nothing reads it; did you mean '
     r'optim_wrapper\?$'),
    ('val_dataloader = {}\nval_dataloaders = [val_dataloader]',
     'did you mean val_dataloader'),
    ('models = [1]\nmodel = dict(blocks=models)', None),
    ('models = [1]\ndel models', None),
    ('val1_dataloader = dict(x=1)\nval_dataloader = [dict(x=1)]', None),
    ('lr = 1\noptim_wrapper = dict(optimizer=dict(lr=2))',
     'lr has no effect, .*set optim_wrapper.optimizer.lr$'),
])
def test_variables_that_nothing_reads(tmp_path, monkeypatch, text, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'small.py').write_text(text)
    config = Config.fromfile('small.py')
    if said is None:
        check_variables('small.py', config)
        return
    with pytest.raises(UserError, match=said):
        check_variables('small.py', config)
