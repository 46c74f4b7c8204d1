# Copyright (c) DKSAN-MM contributors.
"""A hook that spoils a training in its third iteration."""
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.registry import HOOKS


def weight_of(model):
    return model.generator.levels[0].upscale[0].weight  # trained at x4


def spoil_loss(model, value):
    weight_of(model).data[0] = value


def spoil_gradient(model, value):
    weight_of(model).register_hook(lambda gradient: gradient * value)


def spoil_offsets(model, value):
    model.generator.offset_predictor.bias.data.fill_(value)


def spoil_weight_unnoticed(model, value):
    """Spoil a weight that the output does not depend on.

    Kernel offsets are clamped.
    """
    model.generator.register_buffer('unused', weight_of(model) * value)


@HOOKS.register_module()
class PoisonHook(Hook):
    """Hook that calls a function of this module on one rank."""

    def __init__(self, what, value, rank=0):
        self.what, self.value, self.rank = what, float(value), rank

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == 2 and get_rank() == self.rank:
            model = runner.model
            model = model.module if is_model_wrapper(model) else model
            globals()[self.what](model, self.value)
