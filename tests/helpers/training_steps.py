# Copyright (c) DKSAN-MM contributors.
"""Training steps of real networks, alone or as one of several processes."""
import torch
import torch.distributed as dist
from mmagic.registry import MODEL_WRAPPERS, MODELS
from mmagic.structures import DataSample
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope

import dksan_mm.engine.optimizers  # noqa: F401
import dksan_mm.models  # noqa: F401  (registers)
from dksan_mm.engine.optimizers.offset_lr_constructor import OFFSET_PREDICTORS
from dksan_mm.engine.runner import scaling

DKSAN = dict(
    type='DKSANNet',
    channels=8,
    num_blocks=(1, 1, 1, 1),
    deform_groups=2,
    reduction=4)
EDVR = dict(
    type='EDVRX16Net',
    channels=8,
    num_blocks=1,
    num_extract_blocks=1,
    deform_groups=2,
    tail_channels=8)


def build_model(generator, dtype=torch.float64, **settings):
    """Build a WindowVSR with a network whose offsets are not zero."""
    init_default_scope('mmagic')
    torch.manual_seed(1)
    model = MODELS.build(
        dict(
            type='WindowVSR',
            generator=generator,
            pixel_loss=dict(type='CharbonnierLoss', eps=1e-6),
            data_preprocessor=dict(
                type='DataPreprocessor', mean=[0.] * 3, std=[255.] * 3),
            **settings))
    for name, parameter in model.named_parameters():
        if any(part in name for part in OFFSET_PREDICTORS):
            parameter.data.copy_(0.05 * torch.randn(parameter.shape))
    return model.to(dtype)


def build_optimizer(model, **settings):
    """Build the optimizer wrapper of the configs without warm-up."""
    return build_optim_wrapper(
        model,
        dict(
            type='StepOptimWrapper',
            constructor='OffsetLrConstructor',
            optimizer=dict(type='Adam', lr=1e-3),
            paramwise_cfg=dict(offset_lr_mult=0.1),
            clip_grad=dict(max_norm=10.),
            **settings))


def draw_batch(step, size=4):
    """Draw a batch as from the data loader, float64 to be exact."""
    generator = torch.Generator().manual_seed(step)

    def draw(*shape):
        return torch.randint(
            256, shape, generator=generator, dtype=torch.uint8).double()

    return dict(
        inputs=[draw(7, 3, 4, 4) for _ in range(size)],
        data_samples=[DataSample(gt_img=draw(3, 64, 64)) for _ in range(size)])


def train(generator, *, parts=1, rank=0, processes=1, steps=3, **settings):
    """Train on batches of 4 in total; return first gradients and weights."""
    torch.set_num_threads(1)
    model = wrapped = build_model(generator, **settings)
    if processes > 1:
        wrapped = MODEL_WRAPPERS.build(
            dict(scaling.data_parallel(Config({})), module=model))
    optimizer = build_optimizer(wrapped, accumulative_counts=parts)
    optimizer.initialize_count_status(wrapped, 0, steps)
    gradients = {}

    def keep_first(*_):
        for name, parameter in model.named_parameters():
            gradients.setdefault(name, parameter.grad.clone())

    optimizer.optimizer.register_step_pre_hook(keep_first)
    for step in range(steps):
        batch = {k: v[rank::processes] for k, v in draw_batch(step).items()}
        wrapped.train_step(batch, optimizer)
    return gradients, model.state_dict()


def train_together(rank, folder, cases):
    """Train as one of two processes; the first stores the results."""
    dist.init_process_group(
        'gloo', init_method=f'file://{folder}/store', rank=rank, world_size=2)
    for name, (generator, settings) in cases.items():
        results = train(generator, rank=rank, processes=2, **settings)
        if rank == 0:
            torch.save(results, f'{folder}/{name}.pth')
    dist.destroy_process_group()
