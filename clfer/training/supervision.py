"""What labels say to the training: the cross-entropy, its class weights, and labels withheld.

An image without a label has label -1 and a target of zeros, so that nothing can use it by mistake.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from clfer.distributed import size, summed
from clfer.errors import InputError
from clfer.model.clustering import at_least_float32
from clfer.model.variant import Variant
from clfer.randomness import generator
from clfer.training.examples import UNLABELLED, Examples
from clfer.training.recipe import Recipe


def cross_entropy(
    logits: Float[Tensor, "B C"],
    label: Int[Tensor, " B"],
    target: Float[Tensor, "B C"],
    recipe: Recipe,
    weight: Float[Tensor, " C"] | None,
) -> Float[Tensor, ""]:
    """Cross-entropy (eq. 11) against labels or votes as the recipe says, over the labelled images;
    zero where there are none. The mean over several processes is that over all their images.
    """
    labelled = label != UNLABELLED
    wanted = target if recipe.targets == "votes" else label.clamp(min=0)
    each = F.cross_entropy(
        at_least_float32(logits),
        wanted,
        weight=weight,
        label_smoothing=recipe.label_smoothing,
        reduction="none",
    )
    share = summed(labelled.sum()).clamp(min=1) / size()
    return (each * labelled).sum() / share


def supervised(examples: Examples, recipe: Recipe, variant: Variant, seed: int) -> Examples:
    """The training examples with labels on `recipe.labelled_fraction` of each class.

    The others stay for the losses that need no label, if the variant has any and the recipe keeps
    them. Raises InputError where a setting wants labels that are not there.
    """
    if variant.scn and recipe.targets == "votes":
        raise InputError(
            "train.targets: scn changes labels, so expected majority with it; found votes"
        )
    examples = withhold(examples, recipe.labelled_fraction, seed)
    if recipe.unlabelled == "drop" or not variant.label_free:
        kept = examples.label != UNLABELLED
        return Examples(examples.face[kept], examples.label[kept], examples.target[kept])
    if recipe.balance == "sampler" and recipe.labelled_fraction < 1:
        raise InputError(
            f"train.balance: sampler draws by label, expected all of them; found "
            f"train.labelled_fraction {recipe.labelled_fraction}; set balance to weights or none, "
            "or train.unlabelled to drop"
        )
    return examples


def subsample_class(examples: Examples, label: int, kept: float, seed: int) -> Examples:
    """The examples without all but a share `kept` of those with this label (Table III); 0: none.

    Which ones stay depends on the seed; those of a smaller share are among those of a larger one.
    """
    random = torch.rand(len(examples), generator=generator(seed, "scarce"))
    members = (examples.label == label).nonzero().squeeze(1)
    gone = members[random[members].argsort()[round(kept * len(members)) :]]
    stays = torch.ones(len(examples), dtype=torch.bool)
    stays[gone] = False
    return Examples(examples.face[stays], examples.label[stays], examples.target[stays])


def withhold(examples: Examples, fraction: float, seed: int) -> Examples:
    """The same examples with labels on `fraction` of each class alone, at least one a class.

    Which ones depends on the seed; those of a smaller fraction are among those of a larger one.
    """
    random = torch.rand(len(examples), generator=generator(seed, "labelled"))
    kept = torch.zeros(len(examples), dtype=torch.bool)
    for value in examples.label.unique():
        members = (examples.label == value).nonzero().squeeze(1)
        count = max(round(fraction * len(members)), 1)
        kept[members[random[members].argsort()[:count]]] = True
    return Examples(
        face=examples.face,
        label=examples.label.masked_fill(~kept, UNLABELLED),
        target=examples.target * kept.unsqueeze(1),
    )


def class_weights(examples: Examples) -> Float[Tensor, " C"]:
    """Weights of the classes in the loss, inversely proportional to their frequency, 1 on the
    average labelled image.
    """
    labels = examples.label[examples.label != UNLABELLED]
    classes = examples.target.shape[1]
    count = torch.bincount(labels, minlength=classes).clamp(min=1)
    return len(labels) / (classes * count.float())
