"""Whether the results of a dataset can be trusted: what was seen to, and what is not shown.

Every sentence is drawn from the files; where a file is missing, so is its sentence.
"""

from clfer.report.study import Study, differing, plural
from clfer.scoring.comparison import SEEDS_FOR_A_TEST

FEW_IMAGES = 30  # of a class: Wilson's interval of a recall of one half is then 34 points wide
DIGITS = 12  # of a SHA-256 that are shown


def warnings(study: Study) -> list[str]:
    """What a reader must know before any number of this dataset."""
    found = []
    if not study.found["evidence"]:
        found.append(
            "Not evidence. These faces are drawn by a program: the numbers show that the "
            "pipeline runs, and nothing about the method."
        )
    if "test" in study.selected_on:
        found.append(
            "Optimistic numbers. The epoch of each model was chosen by its accuracy on the test "
            "images themselves, so every accuracy here is higher than on images never seen. "
            "`select: val` chooses on validation images."
        )
    copies = study.audit and study.audit["test_copied_in_train_or_val"]["images"]
    if study.duplicates == "keep" and copies:
        found.append(
            f"Leakage. {plural(copies, 'test image')} also stood among the training or validation "
            "images, and those were kept there. `split.duplicates: drop` sets them aside."
        )
    return found + unlike(study) + changed(study)


def unlike(study: Study) -> list[str]:
    """Models of one dataset that were not made alike."""
    words = {
        "recipe": "with the same settings",
        "split_sha256": "on the same split",
        "faces_sha256": "on the same faces",
        "clfer": "by the same version of clfer",
    }
    apart = [said for key, said in words.items() if differing(study.provenance, key)]
    if not apart:
        return []
    return [
        f"The models were not all trained {', nor '.join(apart)}: differences may be due to it."
    ]


def changed(study: Study) -> list[str]:
    """Settings of params.yaml that are no longer those of the models."""
    then, now = study.recipe, study.recipe_now
    if then is None or now is None:
        return []
    apart = [
        f"{key} was {then[key]} and is now {now.get(key, 'gone')}"
        for key in then
        if now.get(key) != then[key]
    ]
    return [f"params.yaml has changed since the training: {'; '.join(apart)}."] if apart else []


def seen_to(study: Study) -> list[str]:
    """What was done so that the numbers hold."""
    return [*selection(study), *seeds(study), *alike(study), *copies(study), *tests(study)]


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
    if len(sets) > 1:
        return []
    numbers = sets.pop()
    if len(numbers) == 1:
        return []
    return [
        f"Every variant was trained with the same {plural(len(numbers), 'seed')} "
        f"({', '.join(map(str, numbers))}); runs of equal seed start from the same weights and see "
        "the images in the same order, so differences are taken run by run."
    ]


def alike(study: Study) -> list[str]:
    """That the models differ in their modules alone, by what their cards say."""
    told = study.provenance
    if len(told) < 2 or unlike(study):
        return []
    return [
        f"All {len(told)} models record the same settings, the same split (SHA-256 "
        f"{told[0]['split_sha256'][:DIGITS]}…) and the same faces "
        f"({told[0]['faces_sha256'][:DIGITS]}…)."
    ]


def copies(study: Study) -> list[str]:
    """Identical images in several parts, and what was done about them."""
    if study.audit is None:
        return []
    test, unused = study.audit["test_copied_in_train_or_val"], study.audit["unused"]
    if not test["images"]:
        return ["No test image has an identical copy among the training or validation images."]
    aside = [unused.get(f"copy of a {part} image", 0) for part in ("test", "val")]
    text = (
        f"{test['images']:,} of {plural(test['of'], 'test image')} "
        f"({100 * test['images'] / test['of']:.1f} %) as published also stand in train or val as "
        f"identical copies."
    )
    if any(aside):
        text += (
            f" Set aside for it: {plural(aside[0], 'training or validation image')} that are "
            f"copies of test images, and {plural(aside[1], 'training image')} that are copies of "
            "validation images."
        )
    kept = {one["duplicate_free"]["test_images"] for one in study.found["variants"].values()}
    return [f"{text} The numbers on the {max(kept):,} test images without a copy stand beside."]


def tests(study: Study) -> list[str]:
    """How chance was kept from making claims."""
    if not study.primary:
        return []
    return [
        f"{plural(len(study.primary), 'comparison')} with {study.baseline} "
        f"{'was' if len(study.primary) == 1 else 'were'} decided on beforehand, and claims rest on "
        f"{'it' if len(study.primary) == 1 else 'these'} alone: a paired t test over the seeds, "
        f"corrected by Holm's method, at the level {study.alpha}. Everything else is descriptive."
    ]


def not_shown(study: Study) -> list[str]:
    """What a reader might take from the numbers, and must not."""
    return [
        *too_few(study),
        *reach(study),
        *unfinished(study),
        *rare(study),
        *disagreeing(study),
        "Near duplicates, such as two crops of one photograph, are not counted as copies here; "
        f"`clfer audit {study.name}` looks for them.",
        "How the models do on other photographs than this dataset's: `clfer evaluate "
        f"{study.name} VARIANT SEED --on DATASET` tests that.",
    ]


def too_few(study: Study) -> list[str]:
    """Means of fewer runs than a test needs."""
    few = min(len(one["seeds"]) for one in study.found["variants"].values())
    if few >= SEEDS_FOR_A_TEST:
        return []
    return [
        f"Whether the method helps: with {plural(few, 'seed')} a difference may be due to the "
        f"seed. A test needs {SEEDS_FOR_A_TEST} or more."
    ]


def reach(study: Study) -> list[str]:
    """What the intervals leave out."""
    covered = {one["accuracy"]["covers"] for one in study.found["variants"].values()}
    found = []
    if "seeds and images" in covered:
        found.append(
            "Anything beyond chance: the 95 % interval of an accuracy covers other seeds and other "
            "test images of the same kind, and no other dataset, labels or settings."
        )
    if "images" in covered:
        found.append(
            "How far other seeds would differ: the interval of a single run covers other test "
            "images alone."
        )
    if any(one["ci95"] for one in study.primary):
        found.append(
            "Other test images, in a difference: its p and its 95 % interval are for other seeds "
            "on these same images."
        )
    return found


def unfinished(study: Study) -> list[str]:
    """Runs that were best when they ended."""
    last = sum(one["epoch"] == one["recipe"]["epochs"] for one in study.provenance)
    if not last:
        return []
    return [
        f"Where training would end: in {last} of {plural(len(study.provenance), 'run')} the last "
        "epoch was the best, so a longer training could change the numbers."
    ]


def rare(study: Study) -> list[str]:
    """Classes with hardly any test image."""
    if study.audit is None:
        return []
    classes = study.audit["images"]["test"]["classes"]
    few = [f"{name} ({one['used']})" for name, one in classes.items() if one["used"] < FEW_IMAGES]
    if not few:
        return []
    return [f"Much about classes with few test images: {', '.join(few)}."]


def disagreeing(study: Study) -> list[str]:
    """Identical images that are labelled differently."""
    groups = study.audit and study.audit["groups"]
    if not groups or not groups["conflicting_labels"]:
        return []
    return [
        f"That the labels are right: {groups['conflicting_labels']:,} of "
        f"{plural(groups['groups'], 'group')} of identical images carry different ones."
    ]
