"""The kernel for GPUs against the tensor operations: its arithmetic in Triton's interpreter; and
whether it compiles for a GPU.
"""

import pytest
from interpreted import run

pytest.importorskip("triton")

AGREE = """
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
COMPILE = """
import sys, triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from clfer.model.lloyd_kernel import _cluster
kinds = dict(points="*fp32", uniform="*fp32", clusters="*i64", inertia="*fp32")
kinds |= {name: "i32" for name in ("count", "size", "restarts", "iterations")}
sides = dict(K=4, CENTROIDS=4, ROWS=512, COLUMNS=16)
source = ASTSource(_cluster, kinds | {name: "constexpr" for name in sides}, constexprs=sides)
print(len(triton.compile(source, target=GPUTarget("cuda", 90, 32)).asm["cubin"]))
"""


def test_it_finds_the_clusters_that_the_tensor_operations_find(tmp_path):
    for name, (same, apart, inertia) in run(AGREE, tmp_path, TRITON_INTERPRET="1").items():
        assert same, name
        assert apart <= 1e-4 + 1e-5 * inertia, name


def test_it_compiles_for_a_gpu(tmp_path):
    assert run(COMPILE, tmp_path) > 0
