"""Variants and networks small enough for tests."""

from clfer.faces.preprocessing import Cut
from clfer.model.network import Contrast, Network, build
from clfer.model.variant import CLBS, CLFM, MSR, SCN, SimSiam, Variant

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
SIMSIAM_SETTINGS = SimSiam(weight=0.5, fd=16, bottleneck=8)
SCN_SETTINGS = SCN(weight=0.5, high=0.7, margin=0.15, relabel_from=0.5, relabel_margin=0.2)
BASELINE = Variant()
CUT = Cut(threshold=0.4, turned=False, size=48, channels=1, margin=0.1, landmarks=None)
OURS = Variant(msr=MSR(fd=32), clfm=CLFM_SETTINGS, clbs=CLBS_SETTINGS)


def small(variant: Variant, seed: int = 0, classes: int = 8) -> tuple[Network, Contrast]:
    return build("resnet10_quarter", "none", "small", classes, variant, seed)


def changed(variant: Variant, part: str, **settings: object) -> Variant:
    """The variant with other settings of one of its modules."""
    module = getattr(variant, part).model_copy(update=settings)
    return variant.model_copy(update={part: module})
