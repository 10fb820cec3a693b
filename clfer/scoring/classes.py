"""One variant's scores class by class, over its seeds."""

from typing import Any

import numpy as np

from clfer.scoring import comparison, counts
from clfer.scoring.grid import Images, Variant
from clfer.scoring.selection import spread


def per_class(images: Images, variant: Variant) -> dict[str, Any]:
    """Support, recall, precision and F1 of each class, and an interval of its mean recall.

    `covers` names the chances that `recall_ci95` is for: other test images, and other seeds where
    seeds are seen to differ.
    """
    return {name: one(images, variant, code) for code, name in enumerate(images.classes)}


def one(images: Images, variant: Variant, code: int) -> dict[str, Any]:
    """The scores of one class."""
    found = [scored["per_class"][images.classes[code]] for scored in variant.scored]
    columns = {
        name: spread([score[name] for score in found]) for name in ("recall", "precision", "f1")
    }
    groups = len(np.unique(images.group[images.label == code]))
    recall = columns["recall"]
    return {
        "support": found[0]["support"],
        **columns,
        "recall_ci95": list(recall_interval(np.array(recall["per_seed"]), groups)),
        "covers": "seeds and images" if recall["std"] else "images",
    }


def recall_interval(recall: comparison.Seeds, groups: int) -> tuple[float, float]:
    """95 % interval of the mean recall over seeds of a class of `groups` duplicate groups.

    Wilson's interval, because a small class can be all right or all wrong, for as many images as
    would alone give the variance s^2 / S + r (1 - r) / groups, and with Student's quantile as in
    `comparison.interval`. It is on the safe side: the mean over seeds varies less over images than
    the recall of one model, whose variance r (1 - r) / groups is.
    """
    mean, std = comparison.mean_std(recall)
    alone = mean * (1 - mean) / groups if groups else 0.0
    if not alone:
        return counts.wilson(mean * groups, groups, comparison.CONFIDENCE)
    seeds = (std**2 / len(recall), len(recall) - 1) if std else None
    half = comparison.half_width(seeds, [(alone, max(groups - 1, 1))])
    total = alone + (seeds[0] if seeds else 0.0)
    images = mean * (1 - mean) / total
    return counts.score_interval(mean * images, images, half / total**0.5)
