"""The soft code on a GPU: one Triton program a map, which stays in registers, and one for its
gradient.

They compute what `feature_maps.soft_code` does in tensor operations, with a softmax for each pair.
"""

# mypy: disable-error-code="untyped-decorator, no-untyped-def, no-untyped-call"

from typing import Any

import torch
import triton
import triton.language as tl
from jaxtyping import Float
from torch import Tensor


class SoftCode(torch.autograd.Function):
    """The code [M, 2 N] of standardised maps [M, H * W], in float32."""

    @staticmethod
    def forward(
        ctx: Any,
        responses: Float[Tensor, "M HW"],
        width: int,
        strongest: int,
        temperature: float,
    ) -> Float[Tensor, "M 2N"]:
        responses = responses.contiguous()
        maps, count = responses.shape
        code = responses.new_empty(maps, 2 * strongest)
        block = triton.next_power_of_2(count)
        _code[(maps,)](
            responses, code, count, width, temperature, N=strongest, BLOCK=block, num_warps=1
        )
        ctx.save_for_backward(responses, code)
        ctx.width, ctx.strongest, ctx.temperature = width, strongest, temperature
        return code

    @staticmethod
    def backward(ctx: Any, gradient: Float[Tensor, "M 2N"]) -> tuple[Tensor, None, None, None]:
        responses, code = ctx.saved_tensors
        maps, count = responses.shape
        slope = torch.empty_like(responses)
        _slope[(maps,)](
            responses,
            code,
            gradient.contiguous(),
            slope,
            count,
            ctx.width,
            ctx.temperature,
            N=ctx.strongest,
            BLOCK=triton.next_power_of_2(count),
            num_warps=1,
        )
        return slope, None, None, None


@triton.jit
def _code(responses, code, count, width, temperature, N: tl.constexpr, BLOCK: tl.constexpr):
    left, position, row, column = _map(responses, count, width, BLOCK)
    pair = code + tl.program_id(0) * 2 * N
    for n in tl.static_range(N):
        weight = _softmax(left, temperature)
        tl.store(pair + 2 * n, tl.sum(weight * row, 0))
        tl.store(pair + 2 * n + 1, tl.sum(weight * column, 0))
        left = tl.where(position == tl.argmax(left, 0), float("-inf"), left)


@triton.jit
def _slope(
    responses,
    code,
    gradient,
    slope,
    count,
    width,
    temperature,
    N: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """A pair is sum w x with w = softmax(v / t): its gradient in v is w (x - pair) / t."""
    left, position, row, column = _map(responses, count, width, BLOCK)
    first = tl.program_id(0) * 2 * N
    total = tl.zeros([BLOCK], tl.float32)
    for n in tl.static_range(N):
        weight = _softmax(left, temperature)
        one, other = first + 2 * n, first + 2 * n + 1
        down = (row - tl.load(code + one)) * tl.load(gradient + one)
        across = (column - tl.load(code + other)) * tl.load(gradient + other)
        total += weight * (down + across)
        left = tl.where(position == tl.argmax(left, 0), float("-inf"), left)
    here = slope + tl.program_id(0) * count + position
    tl.store(here, total / temperature, mask=position < count)


@triton.jit
def _map(responses, count, width, BLOCK: tl.constexpr):
    """Responses, and where they are: number, row and column, from the map's centre."""
    position = tl.arange(0, BLOCK)
    here = responses + tl.program_id(0) * count + position
    left = tl.load(here, mask=position < count, other=float("-inf"))
    row = (position // width).to(tl.float32) - (count // width - 1) * 0.5
    column = (position % width).to(tl.float32) - (width - 1) * 0.5
    return left, position, row, column


@triton.jit
def _softmax(left, temperature):
    weight = tl.exp((left - tl.max(left, 0)) / temperature)
    return weight / tl.sum(weight, 0)
