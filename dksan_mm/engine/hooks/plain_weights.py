# Copyright (c) DKSAN-MM contributors.
"""Weights alone, as released files hold them, in place of checkpoints."""
from mmagic.registry import HOOKS
from mmengine.hooks import Hook


@HOOKS.register_module()
class PlainWeightsHook(Hook):
    """Let hooks load plain state dicts as they do checkpoints.

    mmengine's Runner takes both, and its ``EMAHook`` stops at the first.
    """

    priority = 'VERY_HIGH'  # before EMAHook

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Put weights that lie about under ``state_dict``."""
        if 'state_dict' not in checkpoint:
            weights = dict(checkpoint)
            checkpoint.clear()
            checkpoint['state_dict'] = weights
