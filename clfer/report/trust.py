"""Whether the results of a dataset can be trusted: warnings, what was seen to, what is left open.

Every sentence is drawn from the files; where a file is missing, so is its sentence.
"""

from collections.abc import Mapping
from typing import Any

from clfer.report.numbers import plural
from clfer.report.study import Study, differing
from clfer.scoring.comparison import SEEDS_FOR_A_TEST

FEW_IMAGES = 30  # of a class: Wilson's interval of a recall of one half is then 34 points wide
DIGITS = 12  # of a SHA-256 that are shown
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


def seen_to(study: Study) -> list[str]:
    """What was done so that the numbers hold."""
    return [*selection(study), *seeds(study), *alike(study), *copies(study), *tests(study)]


def left_open(study: Study) -> list[str]:
    """What a reader might take from the numbers, and must not."""
    return [
        *too_few(study),
        *reach(study),
        *unfinished(study),
        *rare(study),
        *disagreeing(study),
        "Near duplicates, such as two crops of one photograph, are not counted as copies here; "
        f"`clfer audit {study.name}` looks for them.",
        "How the models do on another dataset is not shown: `clfer evaluate "
        f"{study.name} VARIANT SEED --on DATASET` tests that.",
    ]


def selection(study: Study) -> list[str]:
    """On what the epoch was chosen."""
    if study.selected_on != ["val"]:
        return []
    images = study.used("val")
    validation = f"the {images:,} validation images" if images else "the validation images"
    return [
        f"The epoch of each model was chosen by its accuracy on {validation}; training never opens "
        "the test images."
    ]


def seeds(study: Study) -> list[str]:
    """Which runs stand behind a mean."""
    sets = {tuple(one["seeds"]) for one in study.found["variants"].values()}
    numbers = max(sets, key=len)
    if len(sets) > 1 or len(numbers) == 1:
        return []
    return [
        f"Every variant was trained with the same {plural(len(numbers), 'seed')} "
        f"({', '.join(map(str, numbers))}). Runs of equal seed start from the same weights and see "
        "the images in the same order, so differences are taken run by run."
    ]


def alike(study: Study) -> list[str]:
    """What the models have in common and what not, by what their cards say."""
    told = study.provenance
    if len(told) < 2 or differing(told, "split_sha256") or differing(told, "faces_sha256"):
        return []
    own = {name: study.own(name) for name in study.found["variants"]}
    apart = [f"{name} has {key} {value}" for name in own for key, value in own[name].items()]
    same = "" if apart else "the same settings, "
    return [
        f"All {len(told)} models record {same}the same split (SHA-256 "
        f"{told[0]['split_sha256'][:DIGITS]}…) and the same faces "
        f"({told[0]['faces_sha256'][:DIGITS]}…)."
        + (f" Some settings are a variant's own: {'; '.join(apart)}." if apart else "")
    ]


def copies(study: Study) -> list[str]:
    """Identical images in several parts, and what was done about them."""
    if study.audit is None:
        return []
    test, unused = study.audit["test_copied_in_train_or_val"], study.audit["unused"]
    if not test["images"]:
        return ["No test image has an identical copy among the training or validation images."]
    text = (
        f"{test['images']:,} of {plural(test['of'], 'test image')} "
        f"({100 * test['images'] / test['of']:.1f} %) as published also stand in train or val as "
        "identical copies."
    )
    aside = [unused.get(f"copy of a {part} image", 0) for part in ("test", "val")]
    if any(aside):
        text += (
            f" Set aside for it: {aside[0]:,} in train or val that are copies of test images, and "
            f"{aside[1]:,} in train that are copies of validation images."
        )
    kept = max(one["duplicate_free"]["test_images"] for one in study.found["variants"].values())
    return [f"{text} The scores on the {kept:,} test images without a copy stand beside."]


def tests(study: Study) -> list[str]:
    """How chance was kept from making claims."""
    if not study.primary:
        return []
    one = len(study.primary) == 1
    return [
        f"{'One comparison' if one else plural(len(study.primary), 'comparison')} with "
        f"{study.baseline} "
        f"{'was' if one else 'were'} decided on beforehand, and claims rest on "
        f"{'it' if one else 'these'} alone: a paired t test over the seeds, corrected by Holm's "
        f"method, at the level {study.alpha}. Everything else is descriptive."
    ]


def too_few(study: Study) -> list[str]:
    """Means of fewer runs than a test needs."""
    few = min(len(one["seeds"]) for one in study.found["variants"].values())
    if few >= SEEDS_FOR_A_TEST:
        return []
    return [
        f"With {plural(few, 'seed')} nothing can be said about the method: a difference may be due "
        f"to the seed. A test needs {SEEDS_FOR_A_TEST} or more."
    ]


def reach(study: Study) -> list[str]:
    """What the intervals leave out."""
    covered = {one["accuracy"]["covers"] for one in study.found["variants"].values()}
    found = []
    if "seeds and images" in covered:
        found.append(
            "The 95 % interval of an accuracy covers other seeds and other test images of the same "
            "kind. It covers no other dataset, labels or settings."
        )
    if "images" in covered:
        found.append(
            "The 95 % interval of a single run covers other test images alone. How far other seeds "
            "would lead is not known."
        )
    if any(one["ci95"] for one in study.primary):
        found.append(
            "The p and the 95 % interval of a difference are for other seeds on these same test "
            "images."
        )
    return found


def unfinished(study: Study) -> list[str]:
    """Runs that were best when they ended."""
    last = sum(one["epoch"] == one["recipe"]["epochs"] for one in study.provenance)
    if not last:
        return []
    return [
        f"In {last} of {plural(len(study.provenance), 'run')} the last epoch was the best: a "
        "longer training could change the numbers."
    ]


def rare(study: Study) -> list[str]:
    """Classes with hardly any test image."""
    if study.audit is None:
        return []
    classes = study.audit["images"]["test"]["classes"]
    few = [f"{name} ({one['used']})" for name, one in classes.items() if one["used"] < FEW_IMAGES]
    if not few:
        return []
    return [f"UAR and macro-F1 hang on classes with few test images: {', '.join(few)}."]


def disagreeing(study: Study) -> list[str]:
    """Identical images that are labelled differently."""
    groups = study.audit and study.audit["groups"]
    if not groups or not groups["conflicting_labels"]:
        return []
    return [
        f"Labels are not always right: {groups['conflicting_labels']:,} of "
        f"{plural(groups['groups'], 'group')} of identical images carry different ones."
    ]
