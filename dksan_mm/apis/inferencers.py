# Copyright (c) DKSAN-MM contributors.
"""Importing it makes ``MMagicInferencer('dksan', ...)`` known to mmagic.

mmagic 1.2 has no registry for that: it keeps class attributes, and reads the
metafiles of its own models only. Without ``model_ckpt`` it would go on with
random weights; the entry here makes it stop at a file name that says so.
"""
from mmagic.apis import MMagicInferencer

NAME = 'dksan'

# Reads mmagic's metafiles once, before ours joins the list.
MMagicInferencer.init_inference_supported_models_cfg()
if NAME not in MMagicInferencer.inference_supported_models:
    MMagicInferencer.inference_supported_models.append(NAME)
MMagicInferencer.inference_supported_models_cfg[NAME] = dict(
    task='Video Super-Resolution',
    settings=[
        dict(
            Name='dksan',
            Config='configs/(name a file with model_config)',
            Weights='(no weights are released: name a file with model_ckpt)')
    ])
