# Copyright (c) DKSAN-MM contributors.
# Logging, checkpoints and the environment of all runs: mmagic's defaults and
# our changes to them.
_base_ = 'mmagic::_base_/default_runtime.py'

# Registers our classes in mmagic. A config that needs more imports must repeat
# these, because a list replaces the inherited one.
custom_imports = dict(
    imports=[
        'dksan_mm.models', 'dksan_mm.inference', 'dksan_mm.datasets',
        'dksan_mm.evaluation.metrics', 'dksan_mm.engine.hooks',
        'dksan_mm.engine.runner.loops', 'dksan_mm.engine.optimizers'
    ],
    allow_failed_imports=False)

default_hooks = dict(
    # One log line every 50 iterations: chosen here. Validation scores are
    # logged by iteration; mmengine's default counts epochs, and there is only
    # one.
    logger=dict(interval=50, log_metric_by_epoch=False),
    # Loads files that contain only weights even if weights are averaged (EMA).
    plain_weights=dict(type='PlainWeightsHook'),
    checkpoint=dict(
        # A crash leaves no partial file; torch >= 2.6 loads the files with
        # its defaults.
        type='AtomicCheckpointHook',
        interval=1000,  # chosen here: a crash costs at most this many steps
        out_dir=None,  # the work dir; mmagic's default is always ./work_dirs
        max_keep_ckpts=3,  # chosen here: 0.35 GB each with Adam's state
        # The first metric, PSNR, with any prefix. mmagic's 'PSNR' fails at the
        # first validation if the metric has a prefix.
        save_best='auto',
        rule='greater'),
    # Training stops, and the last checkpoint is kept, if the loss or a
    # gradient is not finite or offsets explode: a mean above 50 pixels, where
    # EDVR's code warns, or above the size of the frame. They are checked for
    # each log line.
    divergence=dict(type='DivergenceHook'),
    offsets=dict(type='OffsetMonitorHook', interval=50, limit=50.))

# Logged values are averaged over this many iterations. mmagic updates the
# estimated time left as often, so change it together with logger.interval.
log_processor = dict(window_size=50)

# No pictures: mmagic's hook would write one PNG for each validation frame,
# with the same names for all videos. Scalars are written to vis_data/ in the
# log folder. Additional hooks belong in default_hooks, where a child config
# can change one by its name; this list would have to be repeated.
custom_hooks = []
visualizer = dict(
    _delete_=True,
    type='Visualizer',
    vis_backends=[dict(type='LocalVisBackend')])

# 'nccl' is for GPUs; without a GPU, tools/train.py uses 'gloo'.
env_cfg = dict(
    cudnn_benchmark=False,
    # OpenCV uses no threads, because the data loader has several workers.
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'))

# Every parameter gets a gradient in every step, in all ablations.
find_unused_parameters = False

# Chosen here: a fixed seed makes runs repeatable. cuDNN may still select
# different algorithms; tools/test.py --deterministic prevents that.
randomness = dict(seed=0, deterministic=False)
