"""`python -m clfer.training` in bfloat16 where the CPU has no instructions for it, in half the time
of float32: `python docs/results/emulated.py PACK CELLS`. It needs a C++ compiler.

Convolutions are computed in float32, of numbers rounded to bfloat16, and rounded to it: what such
instructions do, but for the order of the sums. Without them PyTorch takes scalar loops.
"""

from ctypes import CDLL, c_long, c_void_p
from functools import cache
from pathlib import Path
from subprocess import run
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from clfer.training.__main__ import main

REST = ([1, 1], False, [0, 0], 1)  # not dilated, not transposed, one group
POINTS = (0.0, 1.0, -1.0, 2.0, -0.5)  # and infinity; errors are a hundredth of bfloat16's


def powers(count: int) -> Tensor:
    """The values of 1, x, x^2, ... at the points: 6 x count."""
    rows = [[point**k for k in range(count)] for point in POINTS]
    return torch.tensor([*rows, [0.0] * (count - 1) + [1.0]], dtype=torch.float64)


# A product of polynomials is one of their values at six points; read backwards, four outputs of a
# filter of three are six products instead of twelve (Winograd; Lavin and Gray, CVPR 2016)
INPUT = powers(6).inverse().T.float().contiguous()
OUTPUT = powers(4).float().contiguous()
KERNEL = torch.kron(powers(3), powers(3)).float()


@cache
def compiled() -> CDLL:
    """emulated.cpp, compiled for this machine."""
    source = Path(__file__).with_name("emulated.cpp")
    how = ["c++", "-std=c++20", "-O3", "-march=native", "-shared", "-fPIC"]
    with TemporaryDirectory() as folder:
        library = Path(folder) / "emulated.so"
        run([*how, source, "-o", library], check=True)
        return CDLL(library)


def call(name: str, source: Tensor, maps: Tensor, matrix: Tensor, result: Tensor) -> None:
    """A function of emulated.cpp; maps, N H W C, are the source or the result."""
    shape = map(c_long, maps.shape)
    pointers = [c_void_p(values.data_ptr()) for values in (source, matrix, result)]
    compiled()[name](pointers[0], *shape, *pointers[1:])


def by_tiles(maps: Tensor, weights: Tensor, stride: list[int]) -> bool:
    """Whether this is a 3 x 3 convolution of stride 1 that emulated.cpp can cut up."""
    kernel = (*weights.shape[2:], *stride) == (3, 3, 1, 1)
    tiles = all(side % 4 == 0 for side in maps.shape[2:])
    return kernel and tiles and all(channels % 16 == 0 for channels in weights.shape[:2])


def channels_last(maps: Tensor) -> Tensor:
    """N C H W -> N H W C."""
    return maps.permute(0, 2, 3, 1).contiguous()


def parts(maps: Tensor) -> tuple[Tensor, ...]:
    """N H W C -> as many images at a time as the processor's cache holds."""
    side = maps.shape[1]
    return maps.split(max(1, (128 if side > 8 else 512) // side))


def apart(maps: Tensor, matrix: Tensor) -> Tensor:
    """Maps, N H W C -> transformed tiles of 6 x 6 or 4 x 4, 36 T C."""
    number, height, width, channels = maps.shape
    tiles = torch.empty(36, number * height * width // 16, channels)
    call(f"apart_{matrix.shape[1]}", maps, maps, matrix, tiles)
    return tiles


def convolved(maps: Tensor, weights: Tensor) -> Tensor:
    """Maps, N H W C, and weights, K C 3 3 -> N H W K; zeros around the maps."""
    filters = KERNEL @ weights.float().permute(2, 3, 1, 0).reshape(9, -1)
    filters = filters.view(36, weights.shape[1], len(weights))
    result = maps.new_empty(*maps.shape[:3], len(weights))
    for part, filled in zip(parts(maps), parts(result), strict=True):
        call("together", apart(part, INPUT) @ filters, filled, OUTPUT, filled)
    return result


def slope(gradient: Tensor, maps: Tensor) -> Tensor:
    """The gradient of the weights, K C 3 3, from that of the result, N H W K."""
    shape = maps.shape[3], gradient.shape[3]
    filters = torch.zeros(36, *shape)
    for part, asked in zip(parts(maps), parts(gradient), strict=True):
        filters.baddbmm_(apart(part, INPUT).mT, apart(asked, OUTPUT))
    return (KERNEL.T @ filters.view(36, -1)).view(3, 3, *shape).permute(3, 2, 0, 1)


def forward(
    images: Tensor,
    weights: Tensor,
    kernel: list[int],
    bias: Tensor | None,
    stride: list[int],
    padding: list[int],
) -> Tensor:
    """Stands in for aten::_slow_conv2d_forward."""
    if bias is None and by_tiles(images, weights, stride):
        return convolved(channels_last(images), weights).permute(0, 3, 1, 2)
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
    if not mask[2] and by_tiles(images, weights, stride):
        gradient, images = channels_last(gradient), channels_last(images)
        of_images = convolved(gradient, weights.flip(2, 3).transpose(0, 1))
        of_weights = slope(gradient, images).to(weights.dtype).contiguous()
        return of_images.permute(0, 3, 1, 2), of_weights, None
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
