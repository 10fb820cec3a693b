"""What a run does otherwise than the paper, in words."""

from collections.abc import Mapping
from typing import Any

# Sec. IV-A; the batch size is the released code's. That the epoch was chosen on the test set is
# what that code does.
PAPER: dict[str, Any] = {
    "backbone": "resnet18",
    "weights": "imagenet",
    "crop": 224,
    "epochs": 100,
    "batch_size": 256,
    "lr": 0.001,
    "weight_decay": 0.0001,
    "schedule": "exponential",
    "targets": "majority",
    "balance": "none",
    "label_smoothing": 0.0,
    "ema": 0.0,
}
WORDS = {
    "backbone": "network",
    "weights": "initial weights",
    "crop": "input size",
    "epochs": "epochs",
    "batch_size": "batch size",
    "lr": "learning rate",
    "weight_decay": "weight decay",
    "schedule": "schedule",
    "targets": "targets",
    "balance": "class balance",
    "label_smoothing": "label smoothing",
    "ema": "averaged weights",
}


def differs(recipe: Mapping[str, Any], protocol: Mapping[str, Any]) -> list[str]:
    """A line for each difference; `recipe` as it was trained with, `protocol` as it was scored by.

    Never empty: that copies of test images leave the training, and how, is the paper's silence.
    """
    chosen = {
        "val": "the epoch is chosen on validation images; in the paper it is the best on the test "
        "images",
        "test": "the epoch is chosen on the test images, as the paper's released code does: "
        "optimistic",
    }[recipe["select"]]
    copies = {
        "drop": "copies of test images are kept out of training; the paper says nothing of them",
        "keep": "copies of test images stay in training; the paper says nothing of them",
    }[protocol["duplicates"]]
    others = [
        f"{WORDS[key]}: {recipe[key]} here, {value} in the paper"
        for key, value in PAPER.items()
        if recipe[key] != value
    ]
    if recipe["labelled_fraction"] < 1:
        others.append(
            f"{100 * recipe['labelled_fraction']:.4g} % of the training labels are used here, all "
            "of them in the paper"
        )
    return [chosen, copies, *others, f"labels here: {protocol['labels']}"]
