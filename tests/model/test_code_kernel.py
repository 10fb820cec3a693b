"""The soft code's kernels for GPUs against the tensor operations, forward and gradient, in Triton's
interpreter; and whether they compile for a GPU.
"""

import pytest
from interpreted import run

pytest.importorskip("triton")

AGREE = """
import json, torch
from torch.nn import functional as F
from clfer.model.code_kernel import SoftCode
from clfer.model.hashing import soft_code

def kernel(maps, strongest, temperature):
    responses = F.layer_norm(maps.flatten(2), (maps[0, 0].numel(),)).flatten(0, 1)
    code = SoftCode.apply(responses, maps.shape[3], strongest, temperature)
    return code.view(*maps.shape[:2], -1)

def apart(maps, strongest, temperature):
    pull = torch.randn(*maps.shape[:2], 2 * strongest, generator=random)
    found = []
    for code in (kernel, soft_code):
        leaf = maps.clone().requires_grad_()
        result = code(leaf, strongest, temperature)
        found.append((result.detach(), *torch.autograd.grad((result * pull).sum(), leaf)))
    (ours, slope), (theirs, expected) = found
    far = (slope - expected).abs().max() / expected.abs().max().clamp(min=1e-6)
    return [float((ours - theirs).abs().max()), float(far)]

random = torch.Generator().manual_seed(0)
cases = [(7, 7, 8, 0.1), (4, 4, 8, 0.1), (3, 5, 4, 1.0), (5, 3, 14, 0.03), (2, 2, 1, 0.5)]
shapes = {str(c): (torch.randn(2, 3, *c[:2], generator=random), *c[2:]) for c in cases}
shapes["ties"] = torch.randint(0, 3, (2, 3, 7, 7), generator=random).float(), 8, 0.1
shapes["constant"] = torch.full((1, 2, 4, 4), 7.0), 8, 0.1
towering = torch.zeros(1, 2, 7, 7).index_fill(3, torch.tensor([2]), 1.0)
towering[..., 3, 3] = 1e6
shapes["towering"] = towering, 8, 0.02
print(json.dumps({name: apart(*given) for name, given in shapes.items()}))
"""
COMPILE = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from clfer.model.code_kernel import _code, _slope
sides = dict(N=8, BLOCK=64)
sizes = dict(count="i32", width="i32", temperature="fp32")
for kernel, tensors in ((_code, "responses code"), (_slope, "responses code gradient slope")):
    kinds = {name: "*fp32" for name in tensors.split()} | sizes
    source = ASTSource(kernel, kinds | {name: "constexpr" for name in sides}, constexprs=sides)
    binary = triton.compile(source, target=GPUTarget("cuda", 90, 32)).asm["cubin"]
    assert len(binary) > 0
print("true")
"""


def test_it_finds_the_code_and_gradient_that_the_tensor_operations_find(tmp_path):
    for name, (code, gradient) in run(AGREE, tmp_path, TRITON_INTERPRET="1").items():
        assert code < 1e-4, name
        assert gradient < 1e-4, name


def test_it_compiles_for_a_gpu(tmp_path):
    assert run(COMPILE, tmp_path)
