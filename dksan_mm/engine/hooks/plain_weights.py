# Copyright (c) DKSAN-MM contributors.
"""Loading of plain weights, as in released files, like checkpoints."""
from mmagic.registry import HOOKS
from mmengine.hooks import Hook


@HOOKS.register_module()
class PlainWeightsHook(Hook):
    """Let hooks load plain state dicts like checkpoints.

    mmengine's Runner loads both, but its ``EMAHook`` fails on the former.
    """

    priority = 'VERY_HIGH'  # before EMAHook

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Move top-level weights to ``state_dict``."""
        if 'state_dict' not in checkpoint:
            weights = dict(checkpoint)
            checkpoint.clear()
            checkpoint['state_dict'] = weights
