"""In what the protocol behind a published number differs from ours, in words."""

from collections.abc import Mapping
from typing import Any

from clfer.scoring.marks import TEST, VAL
from clfer.scoring.published import CONTESTED, UNKNOWN, Published, classes

CHOSEN = {TEST: "on the test images", VAL: "on validation images"}


def differs(
    one: Published, dataset: str, images: int, kinds: int, protocol: Any, selected_on: str
) -> list[str]:
    """What keeps two accuracies from being compared like with like; empty where nothing is known.

    `images` and `kinds` are the numbers of our test images and of their classes; `protocol` is the
    dataset's, in words or as a table of settings, of which `duplicates` is read.
    """
    settings = protocol if isinstance(protocol, Mapping) else {}
    found = [
        *epoch(one, selected_on),
        *([f"its test set has {one.images:,} images, ours {images:,}"] * (one.images != images)),
        *([f"it knows {classes(dataset)} classes, ours {kinds}"] * (classes(dataset) != kinds)),
    ]
    if settings.get("duplicates") == "drop":
        found.append("ours never trains on a copy of a test image, it may have")
    if one.note:
        found.append(f"disputed: {one.note}" if one.protocol == CONTESTED else one.note)
    return found


def epoch(one: Published, selected_on: str) -> list[str]:
    """How the epochs were chosen, where not in the same way."""
    ours = f"ours {CHOSEN[selected_on]}"
    if one.protocol in (CONTESTED, UNKNOWN):
        return [f"how its epoch was chosen is not known, {ours}"]
    if one.protocol == selected_on:
        return []
    return [f"its epoch was chosen {CHOSEN[one.protocol]}, {ours}"]
