# Copyright (c) DKSAN-MM contributors.
# How runs log, save and start: mmagic's defaults, except where they do not
# suit us. What stands here is stated nowhere else.
_base_ = 'mmagic::_base_/default_runtime.py'

# Puts our classes into mmagic's registries. A config that needs more must
# repeat these: lists replace, they do not append.
custom_imports = dict(
    imports=[
        'dksan_mm.models', 'dksan_mm.inference', 'dksan_mm.datasets',
        'dksan_mm.evaluation.metrics', 'dksan_mm.engine.hooks',
        'dksan_mm.engine.runner.loops', 'dksan_mm.engine.optimizers'
    ],
    allow_failed_imports=False)

default_hooks = dict(
    # A line every 50 iterations: chosen here. Validation scores are logged
    # against iterations (mmengine counts epochs, of which there is one).
    logger=dict(interval=50, log_metric_by_epoch=False),
    # Weights alone load too, where mmengine averages them.
    plain_weights=dict(type='PlainWeightsHook'),
    checkpoint=dict(
        # Whole after a crash; torch >= 2.6 loads them as they are.
        type='AtomicCheckpointHook',
        interval=1000,  # chosen here: what a crash may cost
        out_dir=None,  # the work dir; mmagic: ./work_dirs, whatever it is
        max_keep_ckpts=3,  # chosen here: 0.35 GB each with Adam's state
        # The first metric, PSNR, whatever its prefix; mmagic names 'PSNR'
        # and stops at the first validation when there is a prefix.
        save_best='auto',
        rule='greater'),
    # Training stops, with the last checkpoint untouched, when the loss or a
    # gradient is not finite, or offsets explode (mean above 50 pixels, where
    # EDVR's code warns, or above the frame). 50: as often as there is a line.
    divergence=dict(type='DivergenceHook'),
    offsets=dict(type='OffsetMonitorHook', interval=50, limit=50.))

# Iterations that logged values are averaged over. mmagic refreshes the time
# left once in so many: change it together with the logger's interval.
log_processor = dict(window_size=50)

# Nothing is drawn: mmagic's hook writes one PNG for each validation frame,
# the same name for all videos. Scalars go to vis_data/ of the log folder.
# Hooks of a config's own stand in default_hooks: a child config changes one
# by its name there, where a list would have to be repeated.
custom_hooks = []
visualizer = dict(
    _delete_=True,
    type='Visualizer',
    vis_backends=[dict(type='LocalVisBackend')])

# 'nccl' is right for GPUs; without one tools/train.py starts 'gloo' itself.
env_cfg = dict(
    cudnn_benchmark=False,
    # OpenCV: loader workers are the parallelism, not its threads.
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'))

# Every parameter gets a gradient in every step, in all ablations.
find_unused_parameters = False

# Chosen here: a run can be repeated. cuDNN may still choose among algorithms;
# tools/test.py --deterministic forbids it.
randomness = dict(seed=0, deterministic=False)
