"""What the page says of how far a dataset's results can be trusted, from files written by hand."""

from typing import Any

import pytest
from clfer.report.material import Material
from clfer.report.study import Study, studies
from clfer.report.trust import done
from materials import RECIPE, audit, card, cards, full, summary

from clfer.report import trust


def study(**more: Any) -> Study:
    (found,) = studies(full(**more))
    return found


def bare(**more: Any) -> Study:
    """Of the summary alone."""
    (found,) = studies(Material(summary=summary(**more), code=full().code))
    return found


def one(sentences: list[str], words: str) -> str:
    """The only sentence with these words."""
    (found,) = [sentence for sentence in sentences if words in sentence]
    return found


def none(sentences: list[str], words: str) -> bool:
    return not [sentence for sentence in sentences if words in sentence]


def test_what_was_done_in_a_few_sentences() -> None:
    assert done(study()) == (
        "2 variants with 3 seeds each: baseline (plain backbone); ours (backbone with CLFM, MSR). "
        "The network is a resnet10_quarter, trained from scratch at 64 px for 9 epochs in "
        "batches of 16 on 80 images. It was tested on 60 images of 3 classes."
    )
    assert done(bare()) == (
        "2 variants with 3 seeds each: baseline; ours. It was tested on 60 images of 3 classes."
    )


def test_what_was_not_trained_on_is_said() -> None:
    few = {**RECIPE, "labelled_fraction": 0.102, "unlabelled": "drop"}
    for recipe, words in (
        (few, "on 80 images, of which 10.2 % with their label and the others left out. It was"),
        ({**few, "unlabelled": "keep"}, "and the others seen without a label. It was"),
        ({**RECIPE, "scarce_class": "fear", "scarce_kept": 0.1}, ", 10 % of those labelled fear"),
    ):
        given = cards()
        for model in given.values():
            model["provenance"]["recipe"] = recipe
        assert words in done(study(cards=given))


def test_the_choice_of_the_epoch() -> None:
    assert "accuracy on the 27 validation images" in one(trust.seen_to(study()), "epoch")
    assert "accuracy on the validation images" in one(trust.seen_to(bare()), "epoch")
    flattered = bare(selected_on="test")
    assert none(trust.seen_to(flattered), "epoch")
    one(trust.warnings(flattered), "Optimistic")
    assert trust.marks(flattered) == [trust.CHOSEN_ON_TEST]


def test_one_model_chosen_on_test_is_enough() -> None:
    given = cards()
    given["faces", "ours", 1]["provenance"]["selected_on"] = "test"
    found = study(cards=given)
    one(trust.warnings(found), "Optimistic")
    assert none(trust.seen_to(found), "training never opens")


def test_copies_and_what_was_done_about_them() -> None:
    said = one(trust.seen_to(study()), "identical copies")
    assert "4 of 60 test images (6.7 %)" in said
    assert "10 in train or val that are copies of test images" in said
    assert "3 in train that are copies of validation images" in said
    assert "the 55 test images without a copy" in said
    assert "No test image has an identical copy" in one(
        trust.seen_to(study(audits={"faces": audit(copied=0)})), "identical copy"
    )
    assert none(trust.seen_to(bare()), "identical")


def test_copies_that_were_kept_are_warned_of() -> None:
    kept = summary(duplicates="keep")
    said = one(trust.warnings(study(summary=kept)), "Leakage")
    assert "4 test images also stood among the training or validation images" in said
    assert trust.warnings(study(summary=kept, audits={"faces": audit(copied=0)})) == []
    assert trust.warnings(study()) == []


def test_seeds() -> None:
    assert "the same 3 seeds (0, 1, 2)" in one(trust.seen_to(study()), "seeds (")
    assert none(trust.left_open(study()), "nothing can be said")
    for count in (1, 2):
        said = one(trust.left_open(bare(seeds=count)), "nothing can be said")
        assert said.startswith(f"With {count} seed")
    assert "covers other test images alone" in one(trust.left_open(bare(seeds=1)), "single run")
    assert "no other dataset" in one(trust.left_open(study()), "interval of an accuracy")


def test_the_family_of_tests() -> None:
    assert one(trust.seen_to(study()), "Holm").startswith("One comparison with baseline was")
    three = study(summary=summary(variants=("baseline", "msr", "cl", "ours")), cards={})
    assert one(trust.seen_to(three), "Holm").startswith("3 comparisons with baseline were")


def test_models_that_were_made_alike() -> None:
    said = one(trust.seen_to(study()), "models record")
    assert said.startswith(
        "All 6 models record the same settings, the same split (SHA-256 abababab"
    )
    own = cards() | {("faces", "ours", s): card("ours", s, labelled_fraction=0.2) for s in range(3)}
    said = one(trust.seen_to(study(cards=own, recipes={})), "models record")
    assert "same settings" not in said
    assert "ours has labelled_fraction 0.2" in said
    assert trust.warnings(study(cards=own, recipes={})) == []


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("split_sha256", "on the same split"),
        ("faces_sha256", "on the same faces"),
        ("clfer", "by the same version of clfer"),
        ("recipe", "with the same settings for each seed"),
    ],
)
def test_models_that_were_not(key: str, words: str) -> None:
    given = cards()
    given["faces", "ours", 2]["provenance"][key] = (
        {**RECIPE, "epochs": 3} if key == "recipe" else "x"
    )
    assert trust.warnings(study(cards=given, recipes={})) == [
        f"The models were not all trained {words}: differences may be due to it."
    ]


def test_settings_that_have_changed_since() -> None:
    now = {("faces", "baseline"): RECIPE, ("faces", "ours"): {**RECIPE, "epochs": 12}}
    (said,) = trust.warnings(study(recipes=now))
    assert said == "`params.yaml` has changed since the training: epochs was 9 and is 12."
    fewer = {("faces", "baseline"): {key: RECIPE[key] for key in RECIPE if key != "crop"}}
    assert "crop was 64 and is gone" in trust.warnings(study(recipes=fewer))[0]


def test_runs_that_ended_too_early() -> None:
    assert none(trust.left_open(study()), "last epoch")
    late = cards() | {("faces", "ours", seed): card("ours", seed, epoch=9) for seed in (0, 2)}
    assert one(trust.left_open(study(cards=late)), "last epoch").startswith("In 2 of 6 runs")


def test_rare_classes_and_doubtful_labels() -> None:
    assert "anger (12)" in one(trust.left_open(study()), "few test images")
    many = study(audits={"faces": audit(contempt=30)})
    assert none(trust.left_open(many), "few test images")
    assert "2 of 9 groups" in one(trust.left_open(study()), "Labels")


def test_drawn_faces() -> None:
    drawn = bare(evidence=False)
    one(trust.warnings(drawn), "Not evidence")
    assert trust.marks(drawn) == [trust.DRAWN]
    assert trust.marks(bare()) == []
