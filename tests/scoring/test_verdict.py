"""Verdicts say no more than the numbers allow."""

import pytest

from clfer.scoring.verdict import probability, verdict

ENTRY = {
    "a": "ours",
    "b": "baseline",
    "metric": "accuracy",
    "test": "paired t",
    "primary": True,
    "seeds": [0, 1, 2],
    "difference": 0.012,
    "ci95": [0.008, 0.016],
    "ci95_images": [0.006, 0.018],
    "p": 0.004,
    "p_holm": 0.008,
    "smallest_detectable": 0.0052,
    "per_seed": [],
}


def said(evidence: bool = True, selected_on: str = "val", **changes: object) -> str:
    return verdict({**ENTRY, **changes}, 0.05, evidence, selected_on)


def test_a_claim() -> None:
    assert said() == (
        "ours is better than baseline, by 1.20 points of accuracy on average over 3 seeds "
        "(95 % interval +0.80 to +1.60), p = 0.008 after Holm's correction."
    )
    assert said(difference=-0.012, ci95=[-0.016, -0.008]).startswith("ours is worse than baseline")


def test_a_claim_that_may_not_hold_on_other_images_says_so() -> None:
    assert "on others it could vanish (interval for other images as well: -0.20" in said(
        ci95_images=[-0.002, 0.026]
    )


def test_no_claim() -> None:
    text = said(p=0.2, p_holm=0.4, ci95=[-0.01, 0.034])
    assert text.startswith("No difference between ours and baseline can be claimed: ours is 1.20")
    assert "only a difference of 0.52 points or more" in text
    assert "but other seeds alone could make as much (95 %" in text
    assert "That does not show that both are equally good" in text
    assert "Taken alone" not in text
    corrected = said(p=0.03, p_holm=0.2)
    assert "Taken alone it would pass" in corrected
    assert "other seeds alone could" not in corrected


def test_few_seeds_say_nothing() -> None:
    untested = {"p": None, "p_holm": None, "ci95": None}
    one = said(seeds=[4], **untested)
    assert one.startswith("One seed says nothing about the method: ours is 1.20 points of accuracy")
    assert "with seed 4" in one
    assert said(seeds=[0, 1], **untested).startswith("Two seeds say nothing certain")
    assert "share no seed" in said(seeds=[], difference=None, **untested)


def test_no_spread() -> None:
    assert said(p=None, p_holm=None, ci95=None).startswith("No test is possible")
    same = said(p=None, p_holm=None, ci95=None, difference=0.0)
    assert "ours and baseline have the same accuracy" in same


def test_descriptive_and_drawn() -> None:
    text = said(primary=False, metric="macro_f1", p_holm=None, evidence=False)
    assert text.startswith("Drawn faces, not evidence for the method. Descriptive, no claim rests")
    assert "points of macro-F1" in text


def test_single_models() -> None:
    results = [
        {"seed": 0, "only_a_right": 30, "only_b_right": 12, "p": 0.008},
        {"seed": 1, "only_a_right": 12, "only_b_right": 30, "p": 0.008},
        {"seed": 2, "only_a_right": 21, "only_b_right": 20, "p": 1.0},
    ]
    text = said(test="exact McNemar", primary=False, p=None, p_holm=None, per_seed=results)
    assert text.startswith(
        "Single models, not the method: seed 0: ours is better (30 images only ours gets right, "
        "12 only baseline; p = 0.008)"
    )
    assert "seed 1: baseline is better" in text
    assert "seed 2: no clear difference" in text


def test_checkpoints_chosen_on_the_test_images_are_called_optimistic() -> None:
    text = said(selected_on="test")
    assert text.startswith("Optimistic, checkpoints chosen on the test images. ours is better")
    both = said(evidence=False, selected_on="test")
    assert both.startswith("Drawn faces, not evidence for the method. Optimistic, checkpoints")


@pytest.mark.parametrize(
    ("p", "words"), [(0.0001, "p < 0.001"), (0.0123, "p = 0.012"), (0.456, "p = 0.46")]
)
def test_probabilities(p: float, words: str) -> None:
    assert probability(p) == words
