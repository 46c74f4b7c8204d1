# Copyright (c) DKSAN-MM contributors.
"""The paper's network and its parts."""
from .dkc_align import DKCAlign
from .dksa import DKSA, LightDKSA
from .dksan_net import DKSANNet

__all__ = ['DKCAlign', 'DKSA', 'DKSANNet', 'LightDKSA']
