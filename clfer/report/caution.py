"""What a reader must know of a dataset before any of its numbers."""

from collections.abc import Mapping
from typing import Any

from clfer.report.study import Study, differing, plural

DRAWN = "drawn faces: not evidence"
CHOSEN_ON_TEST = "optimistic: chosen on test"


def warnings(study: Study) -> list[str]:
    """In sentences, for boxes that cannot be missed."""
    return [*drawn(study), *flattered(study), *leaking(study), *unlike(study), *changed(study)]


def marks(study: Study) -> list[str]:
    """What belongs beside every heading over numbers, in a few words."""
    return marks_of({"evidence": study.found["evidence"], "selected_on": study.selected_on})


def marks_of(about: Mapping[str, Any]) -> list[str]:
    """The same by what a table or figure says of itself."""
    drawn = [] if about["evidence"] else [DRAWN]
    return drawn + ([CHOSEN_ON_TEST] if "test" in (about.get("selected_on") or ()) else [])


def drawn(study: Study) -> list[str]:
    """Faces that no camera has seen."""
    if study.found["evidence"]:
        return []
    return [
        "Not evidence. These faces are drawn by a program: the numbers show that the pipeline "
        "runs, and nothing about the method."
    ]


def flattered(study: Study) -> list[str]:
    """Epochs chosen on the images that are scored."""
    if "test" not in study.selected_on:
        return []
    return [
        "Optimistic numbers. The epoch of each model was chosen by its accuracy on the test images "
        "themselves, so it is expected to do worse on images that it has not been chosen on. With "
        "`train.select: val` the choice is made on validation images."
    ]


def leaking(study: Study) -> list[str]:
    """Test images that were trained on."""
    copies = study.audit["test_copied_in_train_or_val"]["images"] if study.audit else 0
    if study.duplicates != "keep" or not copies:
        return []
    return [
        f"Leakage. {plural(copies, 'test image')} also stood among the training or validation "
        "images, and those were kept there. `split.duplicates: drop` sets them aside."
    ]


def unlike(study: Study) -> list[str]:
    """Models that differ in more than their variant and seed."""
    told, variants = study.provenance, study.found["variants"]
    apart = {
        "on the same split": differing(told, "split_sha256"),
        "on the same faces": differing(told, "faces_sha256"),
        "by the same version of clfer": differing(told, "clfer"),
        "with the same settings for each seed": any(
            differing(study.of(name), "recipe") for name in variants
        ),
    }
    said = ", nor ".join(words for words, differs in apart.items() if differs)
    return [f"The models were not all trained {said}: differences may be due to it."] * bool(said)


def changed(study: Study) -> list[str]:
    """Settings of params.yaml that are no longer those of the models."""
    apart = [
        f"{key} was {then} and is {now.get(key, 'gone')}"
        for variant, now in study.recipes_now.items()
        for one in study.of(variant)
        for key, then in one["recipe"].items()
        if key not in now or now[key] != then
    ]
    said = "; ".join(dict.fromkeys(apart))
    return [f"`params.yaml` has changed since the training: {said}."] * bool(said)
