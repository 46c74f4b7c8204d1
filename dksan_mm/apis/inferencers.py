# Copyright (c) DKSAN-MM contributors.
"""Importing it makes ``MMagicInferencer('dksan', ...)`` known to mmagic.

mmagic 1.2 has no registry for that: it keeps class attributes, and reads the
metafiles of its own models only. Ours are those of ``model-index.yml``.
"""
import os.path as osp

import mmagic
from mmagic.apis import MMagicInferencer
from mmengine.fileio import load

NAME = 'dksan'
# Where MIM looks in installed packages: links to the project's own folders.
MIM = osp.realpath(osp.join(osp.dirname(__file__), '..', '.mim'))


def settings() -> list[dict]:
    """Name, config and weights of each released model, for mmagic.

    mmagic looks for configs below its own ``.mim`` folder: the paths are
    relative to it.
    """
    models = [
        model for path in load(osp.join(MIM, 'model-index.yml'))['Import']
        for model in load(osp.join(MIM, path))['Models']
    ]
    configs = osp.join(osp.dirname(mmagic.__file__), '.mim', 'configs')
    return [
        dict(
            Name=model['Name'],
            Config=osp.join(
                'configs',
                osp.relpath(osp.join(MIM, model['Config']), configs)),
            Weights=osp.join(MIM, model['Weights'])) for model in models
        if 'Weights' in model
    ]


def register() -> None:
    """Add the released models to mmagic's list."""
    # Reads mmagic's metafiles once, before ours joins the list.
    MMagicInferencer.init_inference_supported_models_cfg()
    if NAME not in MMagicInferencer.inference_supported_models:
        MMagicInferencer.inference_supported_models.append(NAME)
    MMagicInferencer.inference_supported_models_cfg[NAME] = dict(
        task='Video Super-Resolution', settings=settings())


register()
