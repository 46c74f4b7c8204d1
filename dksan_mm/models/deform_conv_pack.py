# Copyright (c) DKSAN-MM contributors.
"""Modulated deformable convolution that predicts its own offsets."""

from torch import Tensor, nn

from dksan_mm.ops import ModulatedDeformConv2d
from dksan_mm.ops.precision import no_autocast


class DeformConvPack(ModulatedDeformConv2d):
    """Counterpart of mmagic's ``ModulatedDCNPack`` with our operator.

    A convolution of separate features predicts the offsets and the mask
    (paper, eq. 9; EDVR). It is initialised with zeros: offset 0, mask 0.5.
    Parameters have the same names and shapes as in mmagic. Offsets and
    sampling stay float32 under autocast: mmcv's operator does not support
    bfloat16, and half precision is too coarse for offsets.

    Args:
        channels (int): Channels of the input, output and offset features.
        deform_groups (int): Number of channel groups with their own offsets.

    Raises:
        ValueError: If ``deform_groups`` does not divide ``channels``.
    """

    def __init__(self, channels: int, deform_groups: int) -> None:
        if deform_groups < 1 or channels % deform_groups:
            raise ValueError(f'deform_groups must divide {channels} channels,'
                             f' got {deform_groups}')
        super().__init__(
            channels, channels, 3, padding=1, deform_groups=deform_groups)
        self.conv_offset = nn.Conv2d(channels, 27 * deform_groups, 3, 1, 1)
        nn.init.zeros_(self.conv_offset.weight)
        if self.conv_offset.bias is not None:
            nn.init.zeros_(self.conv_offset.bias)

    def forward(  # type: ignore[override]  # predicts offset and mask
            self, x: Tensor, feature: Tensor) -> Tensor:
        """Convolve ``x`` at offsets predicted from ``feature``.

        Args:
            x (Tensor[n, channels, h, w]): Input.
            feature (Tensor[n, channels, h, w]): Offset feature.

        Returns:
            Tensor[n, channels, h, w]: Output with the dtype of ``feature``.
        """
        with no_autocast(x.device.type):
            dtype = self.weight.dtype
            offset, mask = self.predict_offsets(feature.to(dtype))
            out = super().forward(x.to(dtype), offset, mask)
        return out.to(feature.dtype)

    def predict_offsets(self, feature: Tensor) -> tuple[Tensor, Tensor]:
        """Predict offsets and mask.

        Args:
            feature (Tensor[n, channels, h, w]): Offset feature.

        Returns:
            tuple: Offsets ``(n, 18 * deform_groups, h, w)``, (dy, dx) per tap
            in input pixels, and mask ``(n, 9 * deform_groups, h, w)`` in
            (0, 1).
        """
        out = self.conv_offset(feature)
        channels = out.shape[1] // 3
        offset, mask = out.split([2 * channels, channels], dim=1)
        return offset, mask.sigmoid()
