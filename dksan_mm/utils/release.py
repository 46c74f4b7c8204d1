# Copyright (c) DKSAN-MM contributors.
"""Place and names of what is released with the package."""
from pathlib import Path

#: Name of a released network: name of its config, and of its weights if any.
RELEASED = {
    'dksan-s': 'dksan-s_vid3oc_x16',
    'dksan-s-gan': 'dksan-s_gan_vid3oc_x16',
    'bicubic': 'bicubic_vid3oc_x16'
}
#: Name of a network trained for the eye: the one trained on pixel errors that
#: its training began from. Weights between both can be had.
PIXEL_NETWORKS = {'dksan-s-gan': 'dksan-s'}
#: Share of the former where none is asked for: the largest at which no fine
#: mesh shows in flat parts.
DETAIL = 0.6


def default_detail(name: str, *, own_weights: bool) -> float | None:
    """Return the detail of a network where none is asked for.

    Args:
        name (str): Name of a released network.
        own_weights (bool): Whether it has weights of a user's own training,
            which are taken as they are.

    Returns:
        float | None: 0 to 1; None: the weights as they are.
    """
    return None if own_weights or name not in PIXEL_NETWORKS else DETAIL


def release_folder() -> Path:
    """Return the folder of ``configs``, ``tools`` and ``weights``.

    In an installed package it is ``.mim``, where MIM looks. In a clone of the
    project it is the project's own; links in ``.mim`` lead there, which not
    every system has.
    """
    package = Path(__file__).resolve().parents[1]
    configs = package / '.mim' / 'configs'
    return configs.resolve().parent if configs.is_dir() else package.parent
