"""The summary of a grid small enough to compute by hand."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from prediction_tables import CLASSES, table
from scipy.stats import t

from clfer.errors import InputError
from clfer.scoring import counts
from clfer.scoring.comparison import detectable_effect
from clfer.scoring.grid import Run, gather
from clfer.scoring.selection import SelectionGap
from clfer.scoring.summary import Significance, per_class, recall_interval, summarise

SETTINGS = Significance(alpha=0.05, margin=0.01, baseline="baseline")
# Twelve images, four a class; 0 and 1 are copies of each other, 10 and 11 stand in training too.
LABEL = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]
GROUP = [0, 0, *range(2, 12)]
UNIQUE = [True] * 10 + [False] * 2
KEYS = {"mean", "std", "ci95", "covers", "per_seed"}


def run(
    variant: str, seed: int, wrong: list[int], dataset: str = "toy", **more: SelectionGap
) -> Run:
    """A run that takes the images `wrong` for the class after their own."""
    predicted = [(one + (place in wrong)) % 3 for place, one in enumerate(LABEL)]
    return Run(dataset, variant, seed, table(LABEL, predicted, GROUP, UNIQUE), **more)


def toy() -> list[Run]:
    return [
        run("baseline", 0, [0, 4, 8, 10]),
        run("baseline", 1, [0, 4, 5, 8]),
        run("baseline", 2, [0, 1, 4, 8, 9]),
        run("ours", 2, [4, 8]),
        run("ours", 0, [8]),
        run("ours", 1, [4, 5, 11]),
    ]


def flattered() -> list[Run]:
    """The same with epochs chosen on the test images, recorded for two seeds of ours."""
    found = {0: SelectionGap(4, 10 / 12, 2, 11 / 12), 2: SelectionGap(3, 7 / 12, 5, 10 / 12)}
    return [*toy()[:3], *(replace(one, selection_gap=found.get(one.seed)) for one in toy()[3:])]


def summary(runs: list[Run], evidence: bool = True) -> dict:
    return summarise(runs, {"toy": evidence}, {"toy": "by hand"}, SETTINGS)


def test_variants_by_hand() -> None:
    found = summary(toy())
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    toys = found["datasets"]["toy"]
    assert (toys["evidence"], toys["protocol"]) == (True, "by hand")
    assert (toys["classes"], toys["test_images"]) == (list(CLASSES), 12)
    assert list(toys["variants"]) == ["baseline", "ours"]
    ours = toys["variants"]["ours"]
    assert ours["seeds"] == [0, 1, 2]
    assert set(ours["accuracy"]) == KEYS
    assert ours["accuracy"]["per_seed"] == pytest.approx([11 / 12, 9 / 12, 10 / 12])
    assert ours["accuracy"]["mean"] == pytest.approx(10 / 12)
    assert ours["accuracy"]["std"] == pytest.approx(1 / 12)
    assert ours["accuracy"]["covers"] == "seeds and images"
    # Mean over seeds of right - accuracy for each of the 11 groups, times 12.
    mean, wrongs = 10 / 12, np.zeros(12)
    for wrong in ([8], [4, 5, 11], [4, 8]):
        wrongs[wrong] += 1 / 3
    groups = np.array([2 * (1 - mean), *((1 - wrongs - mean)[2:])])
    v = groups @ groups / 144 * 11 / 10
    u = (1 / 12) ** 2 / 3
    df = (u + v) ** 2 / (u**2 / 2 + v**2 / 10)
    half = max(t.ppf(0.975, df) * math.sqrt(u + v), t.ppf(0.975, 2) * math.sqrt(u))
    assert ours["accuracy"]["ci95"] == pytest.approx([mean - half, min(1, mean + half)])
    # Classes have equal support, so that balanced accuracy is accuracy.
    assert ours["uar"]["per_seed"] == pytest.approx(ours["accuracy"]["per_seed"])
    # Seed 0 takes one of class 2 for class 0: F1 8/9, 1, 6/7.
    assert ours["macro_f1"]["per_seed"][0] == pytest.approx((8 / 9 + 1 + 6 / 7) / 3)
    assert ours["duplicate_free"]["test_images"] == 10
    assert ours["duplicate_free"]["accuracy"]["per_seed"] == pytest.approx([0.9, 0.8, 0.8])


def test_comparisons_by_hand() -> None:
    found = summary(toy())["datasets"]["toy"]["comparisons"]
    assert [(one["metric"], one["test"], one["primary"]) for one in found] == [
        ("accuracy", "paired t", True),
        ("uar", "paired t", False),
        ("macro_f1", "paired t", False),
        ("accuracy", "exact McNemar", False),
    ]
    accuracy, uar, _, mcnemar = found
    assert (accuracy["a"], accuracy["b"], accuracy["seeds"]) == ("ours", "baseline", [0, 1, 2])
    # Differences of 3, 1 and 3 images: mean 7/3, standard deviation 2 / sqrt(3).
    assert accuracy["difference"] == pytest.approx(7 / 3 / 12)
    ratio = (7 / 3) / (2 / math.sqrt(3) / math.sqrt(3))
    # Student's t with two degrees of freedom has a closed form.
    assert accuracy["p"] == pytest.approx(1 - ratio / math.sqrt(2 + ratio**2))
    assert accuracy["p_holm"] == accuracy["p"]
    assert accuracy["effect_size"] == pytest.approx(7 / 3 / (2 / math.sqrt(3)))
    assert accuracy["smallest_detectable"] == pytest.approx(3.264 * 2 / math.sqrt(3) / 12, rel=1e-3)
    assert accuracy["ci95"][0] == pytest.approx((7 / 3 - 4.30265 * 2 / 3) / 12, rel=1e-4)
    assert (uar["p"] is None, uar["p_holm"]) == (False, None)
    assert mcnemar["p"] is None
    assert mcnemar["per_seed"] == [
        {"seed": 0, "only_a_right": 3, "only_b_right": 0, "p": pytest.approx(0.25)},
        {"seed": 1, "only_a_right": 2, "only_b_right": 1, "p": pytest.approx(1)},
        {"seed": 2, "only_a_right": 3, "only_b_right": 0, "p": pytest.approx(0.25)},
    ]


def test_the_family_is_what_was_planned() -> None:
    """Of three comparisons one is there: its p counts three times, and so does its power."""
    runs = [run for run in toy() if run.seed < 3]
    alone, planned = (
        summarise(runs, {"toy": True}, {"toy": "by hand"}, SETTINGS, count)["datasets"]["toy"]
        for count in (0, 3)
    )
    one, third = (found["comparisons"][0] for found in (alone, planned))
    assert third["p_holm"] == pytest.approx(min(1, 3 * one["p"]))
    assert third["p_equivalent_holm"] == pytest.approx(min(1, 3 * one["p_equivalent"]))
    strict = detectable_effect(3, 0.05 / 3) * 2 / math.sqrt(3) / 12
    assert third["smallest_detectable"] == pytest.approx(strict)


def test_the_interval_for_other_images_is_of_both_variants() -> None:
    """Of one seed, so that images alone count: ours, the baseline and their copies by hand."""
    toys = summary([toy()[0], toy()[4]])["datasets"]["toy"]
    spread = toys["variants"]["ours"]["accuracy"]
    assert (spread["std"], spread["covers"]) == (None, "images")
    found = toys["comparisons"][0]
    assert found["p"] is found["ci95"] is found["smallest_detectable"] is None
    # Right by ours alone: images 0, 4 and 10; the other nine make no difference.
    apart = np.isin(range(12), [0, 4, 10]) - 3 / 12
    groups = np.array([apart[0] + apart[1], *apart[2:]])
    half = t.ppf(0.975, 10) * math.sqrt(groups @ groups / 144 * 11 / 10)
    assert found["ci95_images"] == pytest.approx([3 / 12 - half, 3 / 12 + half])
    # Over three seeds, with their differences of 3, 1 and 3 images.
    found = summary(toy())["datasets"]["toy"]["comparisons"][0]
    missed = {"baseline": [[0, 4, 8, 10], [0, 4, 5, 8], [0, 1, 4, 8, 9]]}
    missed["ours"] = [[8], [4, 5, 11], [4, 8]]
    right = {
        name: np.mean([~np.isin(range(12), one) for one in several], axis=0)
        for name, several in missed.items()
    }
    apart = right["ours"] - right["baseline"] - 7 / 36
    groups = np.array([apart[0] + apart[1], *apart[2:]])
    u, v = (2 / math.sqrt(3) / 12) ** 2 / 3, groups @ groups / 144 * 11 / 10
    freedom = (u + v) ** 2 / (u**2 / 2 + v**2 / 10)
    half = max(t.ppf(0.975, freedom) * math.sqrt(u + v), t.ppf(0.975, 2) * math.sqrt(u))
    assert found["ci95_images"] == pytest.approx([7 / 36 - half, 7 / 36 + half])


def test_optimistic_protocol_and_its_gap() -> None:
    honest = summary(toy())["datasets"]["toy"]
    assert honest["selected_on"] == "val"
    assert honest["variants"]["ours"]["optimistic"] is None
    found = summary(flattered())
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    toys = found["datasets"]["toy"]
    assert toys["selected_on"] == "test"
    assert toys["variants"]["baseline"]["optimistic"] is None
    best = toys["variants"]["ours"]["optimistic"]
    assert best["seeds"] == [0, 2]
    assert (best["val_epochs"], best["test_epochs"]) == ([4, 3], [2, 5])
    assert best["accuracy"]["per_seed"] == [11 / 12, 10 / 12]
    assert best["accuracy"]["ci95"] is None
    assert best["honest"]["per_seed"] == [10 / 12, 7 / 12]
    assert best["honest"]["std"] == pytest.approx(3 / 12 / math.sqrt(2))
    assert best["gap"] == pytest.approx((1 / 12 + 3 / 12) / 2)


def test_scores_beside_the_three_metrics_by_hand() -> None:
    ours = summary(toy())["datasets"]["toy"]["variants"]["ours"]
    # Wrong: image 8 with seed 0; 4, 5, 11 with seed 1; 4, 8 with seed 2, each for the next class.
    assert ours["confusion"] == [[12, 0, 0], [0, 9, 3], [3, 0, 9]]
    assert ours["kl"] is ours["top2"] is None
    # Chance by (4 x 5 + 4 x 4 + 4 x 3) / 144 = 1/3 with seed 0.
    assert ours["kappa"]["per_seed"][0] == pytest.approx((11 / 12 - 1 / 3) / (2 / 3))
    assert ours["nll"]["per_seed"][0] == pytest.approx(-(11 * np.log(0.8) + np.log(0.1)) / 12)
    assert ours["ece"]["per_seed"] == pytest.approx([7 / 60, 3 / 60, 2 / 60], abs=1e-6)
    assert ours["ece"]["mean"] == pytest.approx(12 / 180, abs=1e-6)
    assert ours["ece"]["std"] == pytest.approx(np.std([7 / 60, 3 / 60, 2 / 60], ddof=1))
    assert set(ours["kappa"]) == {"mean", "std", "per_seed"}
    # Ten images without a copy: nine right, and eight right twice.
    unique = ours["duplicate_free"]
    assert unique["ece"]["per_seed"] == pytest.approx([0.1, 0, 0], abs=1e-6)


def test_holm_runs_over_the_accuracies_of_one_dataset() -> None:
    runs = [*toy(), *(run("msr", seed, [seed, 4]) for seed in range(3))]
    found = summary(runs)["datasets"]["toy"]["comparisons"]
    primary = [one for one in found if one["primary"]]
    assert [one["a"] for one in primary] == ["ours", "msr"]
    small, large = sorted(one["p"] for one in primary)
    expected = [2 * small, max(2 * small, large)]
    assert sorted(one["p_holm"] for one in primary) == pytest.approx(expected)


def test_order_of_runs_and_rows_changes_no_number() -> None:
    mixed = [
        Run(one.dataset, one.variant, one.seed, one.predictions.reverse(), one.selection_gap)
        for one in [*toy()[2::-1], *toy()[:2:-1]]
    ]
    assert summary(mixed) == summary(toy())


def test_perfect_runs_claim_no_certainty() -> None:
    found = summary([run("baseline", seed, []) for seed in range(3)])["datasets"]["toy"]
    spread = found["variants"]["baseline"]["accuracy"]
    assert (spread["mean"], spread["std"]) == (1, 0)
    assert spread["ci95"] == pytest.approx([11 / (11 + 1.959964**2), 1])
    assert found["variants"]["baseline"]["uar"]["ci95"] is None


def test_a_missing_baseline_and_missing_seeds() -> None:
    without = summary(toy()[3:])["datasets"]["toy"]
    assert without["comparisons"] == []
    partly = summary(toy()[1:])["datasets"]["toy"]
    assert partly["comparisons"][0]["seeds"] == [1, 2]
    none = summary([toy()[0], toy()[5]])
    assert none["datasets"]["toy"]["comparisons"][0]["seeds"] == []


def test_no_unique_image() -> None:
    lone = [Run("toy", "baseline", 0, table([0, 1], [0, 1], unique=[False, False]))]
    found = summary(lone)
    assert found["datasets"]["toy"]["variants"]["baseline"]["duplicate_free"] == {
        "test_images": 0,
        **dict.fromkeys(("accuracy", "uar", "macro_f1")),
        **dict.fromkeys(("kappa", "ece", "nll", "kl", "top2")),
    }


def test_runs_that_do_not_belong_together_are_refused() -> None:
    other = Run("toy", "ours", 0, table(LABEL[1:], LABEL[1:]))
    with pytest.raises(InputError, match=r"toy/ours/0: tested on other images .* toy/baseline/0"):
        summary([toy()[0], other])
    labels = Run("toy", "ours", 0, table([1, *LABEL[1:]], LABEL, GROUP, UNIQUE))
    with pytest.raises(InputError, match="toy/ours/0: tested on other images or labels"):
        summary([toy()[0], labels])
    with pytest.raises(InputError, match="toy/baseline/0: given twice"):
        summary([toy()[0], toy()[0]])
    broken = Run("toy", "ours", 7, toy()[0].predictions.drop("target"))
    with pytest.raises(InputError, match="toy/ours/7: predictions lack the column target"):
        summary([toy()[0], broken])
    with pytest.raises(InputError, match="dataset toy"):
        summarise(toy(), {}, {"toy": "by hand"}, SETTINGS)


def test_scores_of_each_class_by_hand() -> None:
    label = [0, 0, 0, 0, 1, 1]
    said = ([0, 0, 1, 1, 1, 1], [0, 0, 0, 1, 0, 1])
    group = [0, 0, 1, 2, 3, 4]
    runs = [Run("toy", "ours", seed, table(label, one, group)) for seed, one in enumerate(said)]
    images, (variant,) = gather(runs)
    found = per_class(images, variant)
    assert list(found) == list(CLASSES)
    neutral = found["neutral"]
    assert neutral["support"] == 4
    assert neutral["recall"]["per_seed"] == [0.5, 0.75]
    assert neutral["recall"]["mean"] == 0.625
    assert neutral["recall"]["std"] == pytest.approx(0.25 / np.sqrt(2))
    assert neutral["precision"]["per_seed"] == [1, 0.75]
    assert neutral["f1"]["per_seed"] == pytest.approx([2 / 3, 3 / 4])
    assert neutral["covers"] == "seeds and images"
    # Three groups of images, two of them copies.
    assert tuple(neutral["recall_ci95"]) == recall_interval(np.array([0.5, 0.75]), 3)
    # Nothing to see of a class without images.
    assert found["anger"]["recall_ci95"] == [0, 1]
    assert found["anger"]["covers"] == "images"


def test_the_interval_of_a_recall_by_hand() -> None:
    """Wilson's, of as many images as give the variance, with Satterthwaite's degrees."""
    u, v = 0.02**2 / 3, 0.62 * 0.38 / 10
    df = (u + v) ** 2 / (u**2 / 2 + v**2 / 9)
    images = 0.62 * 0.38 / (u + v)
    expected = counts.score_interval(0.62 * images, images, float(t.ppf(0.975, df)))
    found = recall_interval(np.array([0.60, 0.62, 0.64]), 10)
    assert found == pytest.approx(expected, abs=1e-12)


def test_one_seed_is_about_wilsons_interval_and_extremes_are_it() -> None:
    low, high = recall_interval(np.array([0.8]), 1000)
    assert (low, high) == pytest.approx(counts.wilson(800, 1000), abs=2e-4)
    for recall in (0.0, 1.0):
        exact = counts.wilson(recall * 16, 16)
        assert recall_interval(np.full(3, recall), 16) == pytest.approx(exact)


@pytest.mark.parametrize("images", [16, 100])
@pytest.mark.parametrize("rate", [0.5, 0.9])
def test_it_holds_the_truth_in_95_percent_of_studies(images: int, rate: float) -> None:
    """A small and a larger class, three seeds of which each has a recall of its own."""
    rng = np.random.default_rng(images)
    studies, hits = 1000, 0
    for _ in range(studies):
        hard = rng.beta(8 * rate, 8 * (1 - rate), size=images)
        shift = rng.normal(scale=0.03, size=(3, 1))
        right = rng.uniform(size=(3, images)) < np.clip(hard + shift, 0, 1)
        low, high = recall_interval(right.mean(axis=1), images)
        hits += low <= rate <= high
    # Three standard errors of 1000 studies are 2.1 points.
    assert hits / studies > 0.929
