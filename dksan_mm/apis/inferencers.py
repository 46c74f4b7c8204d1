# Copyright (c) DKSAN-MM contributors.
"""Registration of ``MMagicInferencer('dksan', ...)`` on import.

mmagic 1.2 has no registry of inferencers: it keeps class attributes and reads
only the metafiles of its own models. Ours are listed in ``model-index.yml``.
"""
import os.path as osp

import mmagic
from mmagic.apis import MMagicInferencer
from mmengine.fileio import load

NAME = 'dksan'
# MIM's folder in an installed package; it links to the project's folders.
MIM = osp.realpath(osp.join(osp.dirname(__file__), '..', '.mim'))


def settings() -> list[dict]:
    """Name, config and weights of each released model, for mmagic.

    mmagic looks for configs below its own ``.mim`` folder, so the paths are
    relative to that folder.
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
    # This reads mmagic's metafiles once, before our entry is added.
    MMagicInferencer.init_inference_supported_models_cfg()
    if NAME not in MMagicInferencer.inference_supported_models:
        MMagicInferencer.inference_supported_models.append(NAME)
    MMagicInferencer.inference_supported_models_cfg[NAME] = dict(
        task='Video Super-Resolution', settings=settings())


register()
