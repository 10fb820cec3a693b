"""docs/results/pooled.py and contrast.py against scipy's tests of one and of two samples, and plain
loops.
"""

import csv
import json
import runpy
import statistics
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

RESULTS = Path(__file__).parents[2] / "docs/results"
SCRIPT, CONTRAST = (runpy.run_path(str(RESULTS / f"{name}.py")) for name in ("pooled", "contrast"))
MARGIN = 0.01


def drawn(seed, count):
    return np.random.default_rng(seed).normal(-0.005, 0.01, count).tolist()


@pytest.mark.parametrize("count", [2, 3, 10])
def test_one_page_is_a_paired_t_test(count):
    values = drawn(count, count)
    mean, ci95, p, equal = SCRIPT["pooled"]([values], MARGIN)
    test = stats.ttest_1samp(values, 0)
    assert (mean, p) == pytest.approx((np.mean(values), test.pvalue))
    assert ci95 == pytest.approx(test.confidence_interval())
    below = stats.ttest_1samp(values, MARGIN, alternative="less").pvalue
    above = stats.ttest_1samp(values, -MARGIN, alternative="greater").pvalue
    assert equal == pytest.approx(max(below, above))


def test_two_pages_are_welchs_test_of_one_against_the_other_negated():
    a, b = drawn(0, 4), drawn(1, 3)
    mean, ci95, p, _ = SCRIPT["pooled"]([a, b], MARGIN)
    test = stats.ttest_ind(a, -np.array(b), equal_var=False)
    assert (2 * mean, p) == pytest.approx((np.mean(a) + np.mean(b), test.pvalue))
    assert [2 * one for one in ci95] == pytest.approx(test.confidence_interval())


def test_validation_is_that_of_the_selected_epochs_over_the_seeds_of_both(tmp_path):
    """Seed 3 is there of the second row alone."""
    rng, last = np.random.default_rng(0), {}
    for name, seeds in (("baseline", range(3)), ("cl", range(4))):
        for seed in seeds:
            accuracy, fm, bs = rng.random((3, 2)).round(6)
            there = tmp_path / name / str(seed)
            there.mkdir(parents=True)
            modules = {"clfm": {"alpha": [0, 0.1, 0.1]}, "clbs": {"beta": [0.1]}}
            modules = dict.fromkeys(modules) if name == "baseline" else modules
            (there / "cell.json").write_text(json.dumps({"epoch": 1, "modules": modules}))
            rows = zip(accuracy, -0.2 * fm, -0.1 * bs, strict=True)
            lines = ["val_accuracy,loss_fm,loss_bs", *(",".join(map(str, row)) for row in rows)]
            (there / "history.csv").write_text("\n".join(lines))
            last[name, seed] = accuracy[0], fm[1], bs[1]
    baseline, cl = CONTRAST["rows"](tmp_path)
    assert baseline[1] == "3"
    assert set(baseline[3:]) <= {"", "–"}
    a, b = ([last[name, seed][0] for seed in range(3)] for name in ("cl", "baseline"))
    test = stats.ttest_rel(a, b)
    low, high = (f"{100 * one:+.2f}" for one in test.confidence_interval())
    assert cl[3:5] == [f"{100 * (np.mean(a) - np.mean(b)):+.2f}", f"{low} to {high}"]
    assert float(cl[5].removeprefix("p = ")) == pytest.approx(test.pvalue, abs=0.005)
    for column in (1, 2):
        assert cl[5 + column] == ", ".join(f"{last['cl', n][column]:.2f}" for n in range(4))


def test_shares_are_medians_over_seeds_and_epochs_and_cosines_of_the_second_half(tmp_path):
    """An epoch was begun twice: its first rows don't count."""
    rng, shares, cosines, steady = np.random.default_rng(1), [], [], []
    with (tmp_path / "gradients.csv").open("w") as file:
        writer = csv.writer(file)
        writer.writerow(["variant", "seed", "epoch", "block", "loss", "norm", "cosine", "steady"])
        for seed, epoch, counts in (
            *((0, 1, True), (0, 2, False), (0, 2, True), (0, 3, True)),
            *((1, 1, True), (1, 2, True), (1, 3, True)),
        ):
            whole, part, cosine, again = rng.random(4)
            writer.writerow(["cl", seed, epoch, 1, "loss_cls", whole, 1.0, 0.5])
            writer.writerow(["cl", seed, epoch, 1, "loss_fm", part, cosine, again])
            if counts:
                shares.append(part / whole)
            if counts and epoch > 1:
                cosines.append(cosine)
                steady.append(again)
    of_all, of_fm = CONTRAST["asked"](tmp_path / "gradients.csv")
    mean, median = statistics.mean, statistics.median
    assert of_all == ["cl", "classification", "100.0 (+1.00, +0.50)"]
    expected = f"{100 * median(shares):.1f} ({mean(cosines):+.2f}, {mean(steady):+.2f})"
    assert of_fm == ["cl", "CLFM", expected]
