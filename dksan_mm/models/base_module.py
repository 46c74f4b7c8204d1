# Copyright (c) DKSAN-MM contributors.
"""Networks that mmengine initialises, and that do not need it."""
import copy

from torch import nn


class BaseModule(nn.Module):
    """Stand-in for ``mmengine.model.BaseModule``, which imports for seconds.

    It behaves like that wherever mmengine's Runner uses it: ``init_weights``
    is mmengine's own.

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
        """Initialise as ``init_cfg`` says, and the children that can be.

        Raises:
            ImportError: If mmengine is not installed.
        """
        from mmengine.model import BaseModule as Original
        Original.init_weights(self)

    def _dump_init_info(self) -> None:
        from mmengine.model import BaseModule as Original
        Original._dump_init_info(self)
