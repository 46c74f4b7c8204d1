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
