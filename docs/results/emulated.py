"""`python -m clfer.training` in bfloat16 where the CPU has no instructions for it, as fast as in
float32: `python docs/results/emulated.py PACK CELLS`.

Convolutions are computed in float32, of numbers rounded to bfloat16, and rounded to it: what such
instructions do, but for the order of the sums. Without them PyTorch takes scalar loops.
"""

import torch
from torch import Tensor

from clfer.training.__main__ import main

REST = ([1, 1], False, [0, 0], 1)  # not dilated, not transposed, one group


def forward(
    images: Tensor,
    weights: Tensor,
    kernel: list[int],
    bias: Tensor | None,
    stride: list[int],
    padding: list[int],
) -> Tensor:
    """Stands in for aten::_slow_conv2d_forward."""
    exact = [part if part is None else part.float() for part in (images, weights, bias)]
    return torch.ops.aten.convolution(*exact, stride, padding, *REST).to(images.dtype)


def backward(
    gradient: Tensor,
    images: Tensor,
    weights: Tensor,
    kernel: list[int],
    stride: list[int],
    padding: list[int],
    mask: list[bool],
) -> tuple[Tensor | None, ...]:
    """Stands in for aten::_slow_conv2d_backward.output_mask: of images, weights and bias."""
    exact = [part.float() for part in (gradient, images, weights)]
    found = torch.ops.aten.convolution_backward(
        *exact, [len(weights)], stride, padding, *REST, mask
    )
    return tuple(part if part is None else part.to(gradient.dtype) for part in found)


if __name__ == "__main__":
    stand_ins = torch.library.Library("aten", "IMPL")
    stand_ins.impl("_slow_conv2d_forward", forward, "CPU")
    stand_ins.impl("_slow_conv2d_backward.output_mask", backward, "CPU")
    main()
