# Copyright (c) DKSAN-MM contributors.
import pytest

from dksan_mm.cli import runners
from dksan_mm.utils.errors import UserError


@pytest.mark.parametrize('name', runners.BUILDERS)
def test_what_is_built_late_is_named_too(name):

    def build(self, part):
        raise part

    builders = dict.fromkeys(runners.BUILDERS, build)
    own = runners._own_runner(type('Runner', (), builders))()
    with pytest.raises(UserError, match="be used for this: 'Nope is no"):
        getattr(own, name)(KeyError('Nope is not in the registry'))
    with pytest.raises(ValueError, match='^no clips$'):
        getattr(own, name)(ValueError('no clips'))


@pytest.mark.parametrize('name, hint', [
    ('CharbonnierLos', r'did you mean CharbonnierLoss\?$'),
    ('Xyzzy', 'add the module of your own to custom_imports$'),
])
def test_types_that_no_registry_has(name, hint, monkeypatch):
    monkeypatch.setattr(runners, 'registered_classes',
                        lambda: dict(CharbonnierLoss=1, DKSANNet=2))
    error = KeyError(f'{name} is not in the mmagic::model registry. Please '
                     'check whether it is correct')
    nested = KeyError(f'class `WindowVSR` in window_vsr.py: {error}')
    said = f'for this: {name} is not in the mmagic::model registry; {hint}'
    for raised in (error, nested):
        with pytest.raises(UserError, match=said):
            raise runners._misfit(raised)
    assert runners.build_reason(ValueError('one\ntwo')) == 'two'
