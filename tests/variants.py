"""Variants and networks small enough for tests."""

from clfer.model.method import Contrast, build
from clfer.model.network import Network
from clfer.model.variant import CLBS, CLFM, MSR, Variant

CLFM_SETTINGS = CLFM(
    alpha=(0.0, 0.1, 0.0),
    k=4,
    fd=16,
    hash="soft",
    temperature=0.1,
    iterations=5,
    restarts=1,
    detach_deep=False,
)
CLBS_SETTINGS = CLBS(
    beta=(0.0, 0.1, 0.0),
    k=None,
    fd=32,
    centers="kmeans",
    iterations=5,
    restarts=1,
    detach_deep=False,
)
BASELINE = Variant()
OURS = Variant(msr=MSR(fd=32), clfm=CLFM_SETTINGS, clbs=CLBS_SETTINGS)


def small(variant: Variant, seed: int = 0, classes: int = 8) -> tuple[Network, Contrast]:
    return build("resnet10", "none", "small", classes, variant, seed)
