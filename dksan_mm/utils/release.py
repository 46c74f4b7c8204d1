# Copyright (c) DKSAN-MM contributors.
"""Location and names of the files that are released with the package."""
from pathlib import Path

#: Config name and, if any, weights name of each released network.
RELEASED = {
    'dksan-s': 'dksan-s_vid3oc_x16',
    'dksan-s-gan': 'dksan-s_gan_vid3oc_x16',
    'bicubic': 'bicubic_vid3oc_x16'
}
#: Networks trained for perceptual quality, each with the network trained on
#: pixel errors that it started from; weights of both can be interpolated.
PIXEL_NETWORKS = {'dksan-s-gan': 'dksan-s'}
#: Default share of the former: above it, flat regions show brush strokes.
DETAIL = 0.75


def default_detail(name: str, *, own_weights: bool) -> float | None:
    """Return the default detail of a network.

    Args:
        name (str): Name of a released network.
        own_weights (bool): Whether the user's own weights are loaded, which
            are never interpolated.

    Returns:
        float | None: Detail from 0 to 1; None for unchanged weights.
    """
    return None if own_weights or name not in PIXEL_NETWORKS else DETAIL


def release_folder() -> Path:
    """Return the folder of ``configs``, ``tools`` and ``weights``.

    In an installed package this is ``.mim``, where MIM looks. In a clone it
    is the root of the project, to which ``.mim`` only links: not every system
    supports links.
    """
    package = Path(__file__).resolve().parents[1]
    configs = package / '.mim' / 'configs'
    return configs.resolve().parent if configs.is_dir() else package.parent
