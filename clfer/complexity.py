"""What a variant costs: parameters and multiply-accumulates (MACs), in training and deployed.

Counted are, by PyTorch's `FlopCounterMode` (2 FLOPs are 1 MAC), the convolutions and the products
of matrices: those of the layers, and those within K-means, the soft code and the comparison of
groups. Not counted is what goes element by element or compares: biases, normalisation, activation,
pooling, softmax, sorting. (The counter knows scaled dot-product attention too; no variant has it.)
Everything runs on the `meta` device, on shapes without numbers.

Training is the forward pass of one step, per image, as in the paper's Table I: with the contrastive
heads, for SimSiam with the second view, for SCN with both looks at the importance (at the logits
and at the ranking). CLBS clusters a batch, so its cost per image depends on the batch: the count is
that of a batch of 32, divided by 32. Deployed is `Network` alone.

`PAPER` is Table I of Xie et al., IEEE TIP 33, 2024: millions of parameters and G MACs at 224 px, in
training (EfficientFace with its generator of labels).
"""

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from clfer.model.backbone import Stem, check_input
from clfer.model.network import Contrast, Network, build
from clfer.model.variant import Variant

BATCH = 32  # images that CLBS clusters together
COUNTED = ("convolution", "mm", "addmm", "bmm", "baddbmm")  # PyTorch's names
NOT_COUNTED = (
    "biases, normalisation, activation, pooling, softmax, sorting, comparison and whatever else "
    "goes element by element; augmentation, losses on logits, the backward pass"
)
PAPER = {
    "IPA2LT": (23.5, 4.11),
    "gACNN": (134.3, 15.48),
    "RAN": (11.2, 14.54),
    "SCN": (11.2, 1.82),
    "MA-Net": (50.5, 3.65),
    "ADDL": (20.6, 3.82),
    "EfficientFace": (24.8, 4.26),
    "baseline": (11.2, 1.82),
    "ours": (14.5, 2.01),
}
PARTS = {
    "encoder": "network.encoder",
    "msr": "network.representation",
    "classifier": "network.classifier",
    "attention": "network.attention",  # SCN's importance
    "clfm": "contrast.clfm",
    "clbs": "contrast.clbs",
    "simsiam": "contrast.simsiam",
    "released": "contrast.released",
}


class Step(nn.Module):
    """What `training.step.JointLoss` makes of a batch, without the losses on logits: they need
    a recipe and multiply no matrices.
    """

    def __init__(self, network: Network, contrast: Contrast) -> None:
        super().__init__()
        self.network, self.contrast = network, contrast

    def forward(self, images: Float[Tensor, "B 3 H W"], labels: Int[Tensor, " B"]) -> None:
        views = [images, images] if self.contrast.simsiam else [images]
        maps = [self.network.features(view) for view in views]
        vectors = [self.network.represent(features) for features in maps]
        self.network.classify(vectors[0])
        self.network.importance(vectors[0])
        per_image, per_batch = self.contrast.draws
        start_fm, start_bs = images.new_empty(len(images), *per_image), images.new_empty(per_batch)
        self.contrast(maps[0], labels, start_fm, start_bs, vectors)


def complexity(
    variants: Mapping[str, Variant], backbone: str, stem: Stem, size: int, classes: int
) -> dict[str, dict[str, Any]]:
    """Of each variant `{"train": cost, "deploy": cost, "modules": {part: cost}}`, a cost being
    `{"params": int, "macs": int}` for one image of size x size; parts that it lacks are absent.

    The modules, as they are in training, add up to `train`. Raises InputError where the network
    can't be built or the images don't fit it.
    """
    check_input(size, stem)
    return {name: _costs(v, backbone, stem, size, classes) for name, v in variants.items()}


def _costs(
    variant: Variant, backbone: str, stem: Stem, size: int, classes: int
) -> dict[str, dict[str, Any]]:
    with torch.device("meta"), torch.no_grad():
        network, contrast = build(backbone, "none", stem, classes, variant, seed=0)
        step = Step(network, contrast)
        labels = torch.zeros(BATCH, dtype=torch.long)
        trained = _macs(step, torch.empty(BATCH, 3, size, size), labels)
        deployed = _macs(network.eval(), torch.empty(1, 3, size, size))
    there = dict(step.named_modules())
    paths = {part: path for part, path in PARTS.items() if path in there}
    if variant.released:
        paths["head"] = paths.pop("msr")
    assert sum(trained.get(path, 0) for path in paths.values()) == trained[""], "a part is missing"
    modules = {
        part: {"params": _parameters(there[path]), "macs": round(trained.get(path, 0) / BATCH)}
        for part, path in paths.items()
        if _parameters(there[path])  # pooling in place of MSR has nothing to count
    }
    return {
        "train": {
            "params": _parameters(step),
            "macs": sum(cost["macs"] for cost in modules.values()),
        },
        "deploy": {"params": _parameters(network), "macs": deployed[""]},
        "modules": modules,
    }


def _macs(module: nn.Module, *inputs: Tensor) -> dict[str, int]:
    """MACs of a call by path of the submodule; the whole is ''."""
    with FlopCounterMode(display=False) as counter:
        module(*inputs)
    root = type(module).__name__  # with which the counter begins its paths
    return {
        path.removeprefix(root).removeprefix("."): sum(flops.values()) // 2
        for path, flops in counter.get_flop_counts().items()
        if path != "Global"
    }


def _parameters(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())
