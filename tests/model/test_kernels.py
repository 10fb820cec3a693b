"""The kernels for GPUs against the tensor operations, in Triton's interpreter; and whether they
compile for a GPU.
"""

import pytest
from interpreted import run

pytest.importorskip("triton")

CLUSTERS = """
import json, torch
from clfer.model.clustering import lloyd, plus_plus
from clfer.model.lloyd_kernel import cluster

def found(points, k, restarts, iterations):
    points = points - points.mean(1, keepdim=True)
    uniform = torch.rand(len(points), restarts, k, generator=random)
    ours = cluster(points, uniform, iterations)
    theirs = lloyd(points, plus_plus(points, uniform), iterations)
    same = bool((ours[0] == theirs[0]).all())
    return [same, float((ours[1] - theirs[1]).abs().max()), float(theirs[1].max())]

random = torch.Generator().manual_seed(0)
shapes = [(3, 50, 16, 4, 2, 10), (2, 64, 16, 4, 1, 5), (2, 17, 5, 3, 2, 6), (1, 60, 7, 7, 1, 8)]
sets = {str(s): found(torch.randn(*s[:3], generator=random), *s[3:]) for s in shapes}
# most draws of the start fall on one heap: clusters are empty and have to be moved
heap = torch.cat([torch.zeros(1, 30, 4), torch.randn(1, 10, 4, generator=random)], dim=1)
sets["heap"] = found(heap, 4, 1, 5)
sets["alike"] = found(torch.ones(2, 20, 16), 4, 1, 5)
print(json.dumps(sets))
"""
CODES = """
import json, torch
from torch.nn import functional as F
from clfer.model.code_kernel import SoftCode
from clfer.model.feature_maps import soft_code

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
from clfer.model.lloyd_kernel import _cluster

def size(kernel, tensors, numbers, **constant):
    kinds = {name: "*fp32" for name in tensors.split()} | numbers
    source = ASTSource(kernel, kinds | dict.fromkeys(constant, "constexpr"), constexprs=constant)
    return len(triton.compile(source, target=GPUTarget("cuda", 90, 32)).asm["cubin"])

counts = {name: "i32" for name in ("count", "size", "restarts", "iterations")}
sides = dict(K=4, CENTROIDS=4, ROWS=512, COLUMNS=16)
code = dict(count="i32", width="i32", temperature="fp32")
print([
    size(_cluster, "points uniform clusters inertia", {"clusters": "*i64"} | counts, **sides),
    size(_code, "responses code", code, N=8, BLOCK=64),
    size(_slope, "responses code gradient slope", code, N=8, BLOCK=64),
])
"""


def test_the_clusters_are_those_of_the_tensor_operations(tmp_path):
    for name, (same, apart, inertia) in run(CLUSTERS, tmp_path, TRITON_INTERPRET="1").items():
        assert same, name
        assert apart <= 1e-4 + 1e-5 * inertia, name


def test_the_code_and_its_gradient_are_those_of_the_tensor_operations(tmp_path):
    for name, (code, gradient) in run(CODES, tmp_path, TRITON_INTERPRET="1").items():
        assert code < 1e-4, name
        assert gradient < 1e-4, name


def test_they_compile_for_a_gpu(tmp_path):
    assert min(run(COMPILE, tmp_path)) > 0
