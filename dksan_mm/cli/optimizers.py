# Copyright (c) DKSAN-MM contributors.
"""Check of the optimizers that a config names."""
import difflib

from mmengine.config import Config

from dksan_mm.utils.errors import UserError


def check_optimizers(config: Config) -> None:
    """Reject unknown optimizers, which mmengine's error does not name.

    Args:
        config (Config): The whole config, whose imports are done.

    Raises:
        UserError: If there is no optimizer of a name in ``optim_wrapper``.
    """
    from mmagic.registry import OPTIMIZERS
    wrapper = config.get('optim_wrapper')
    if not isinstance(wrapper, dict):
        return
    for part in (wrapper, *wrapper.values()):  # one for each network of a GAN
        inner = part.get('optimizer') if isinstance(part, dict) else None
        kind = inner.get('type') if isinstance(inner, dict) else None
        if isinstance(kind, str) and OPTIMIZERS.get(kind) is None:
            known = {**OPTIMIZERS.module_dict, **OPTIMIZERS.parent.module_dict}
            near = difflib.get_close_matches(kind, known, 1)
            raise UserError(f'optim_wrapper: there is no optimizer {kind}; ' +
                            (f'did you mean {near[0]}?' if near else
                             'add the module of your own to custom_imports'))
