# Copyright (c) DKSAN-MM contributors.
"""Base class of networks that mmengine can initialise but that work alone."""
import copy

from torch import nn


class BaseModule(nn.Module):
    """Stand-in for ``mmengine.model.BaseModule``, whose import takes seconds.

    mmengine's Runner can use it in the same way: ``init_weights`` calls
    mmengine's.

    Args:
        init_cfg (dict or list[dict], optional): mmengine's initialisation
            config.
    """

    def __init__(self, init_cfg: dict | list[dict] | None = None) -> None:
        super().__init__()
        self.init_cfg = copy.deepcopy(init_cfg)
        self._is_init = False

    @property
    def is_init(self) -> bool:
        """Return whether :meth:`init_weights` has been called."""
        return self._is_init

    def init_weights(self) -> None:
        """Initialise by ``init_cfg``, then the children with ``init_weights``.

        Raises:
            ImportError: If mmengine is not installed.
        """
        from mmengine.model import BaseModule as Original
        Original.init_weights(self)

    def _dump_init_info(self) -> None:
        from mmengine.model import BaseModule as Original
        Original._dump_init_info(self)
