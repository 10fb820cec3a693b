"""Comparisons of handed-in predictions against scipy, loops and simulations."""

from itertools import combinations

import numpy as np
import polars as pl
import pytest
from prediction_tables import CLASSES, table
from scipy import stats

from clfer.errors import InputError
from clfer.scoring.comparison import equivalent_on_images, holm
from clfer.scoring.pairs import Entry, bootstrap, by_group, changed, compare, scores
from clfer.scoring.ranks import critical_difference, mean_ranks

N = 240
generator = np.random.default_rng(0)
LABEL = generator.integers(0, 3, N)
GROUP = np.where(generator.random(N) < 0.2, np.maximum(np.arange(N) - 1, 0), np.arange(N))


def answers(accuracy, seed):
    own = np.random.default_rng(seed)
    return np.where(own.random(N) < accuracy, LABEL, (LABEL + own.integers(1, 3, N)) % 3)


def entry(name, accuracy, seeds=(0,), first=0, rows=slice(None)):
    tables = {}
    for seed in seeds:
        predicted = answers(accuracy, 1000 * first + seed)[rows]
        tables[seed] = table(LABEL[rows].tolist(), predicted.tolist(), GROUP[rows].tolist())
        tables[seed] = tables[seed].with_columns(row=pl.Series(np.arange(N)[rows]))
    return Entry(name, tables, labels_only=False)


def right(one):
    return np.stack([(t["label"] == t["predicted"]).to_numpy() for t in one.seeds.values()])


def mcnemar(first, second):
    """p, and the images that only one of two gets right."""
    only = int((first & ~second).sum()), int((second & ~first).sum())
    return stats.binomtest(only[0], sum(only)).pvalue, only


def equivalent(apart):
    """p of two one-sided t tests at a margin of 0.05."""
    low = stats.ttest_1samp(apart, -0.05, alternative="greater").pvalue
    return max(low, stats.ttest_1samp(apart, 0.05, alternative="less").pvalue)


def test_single_models_are_tested_by_mcnemar_with_holm_over_all_pairs():
    entries = [entry("a", 0.9), entry("b", 0.8, first=1), entry("c", 0.6, first=2)]
    found = compare(entries, None, 0.05)
    assert [(one["a"], one["b"]) for one in found] == [*combinations("abc", 2)]
    expected = []
    for one, pair in zip(found, combinations(entries, 2), strict=True):
        first, second = (right(name)[0] for name in pair)
        p, only = mcnemar(first, second)
        expected.append(p)
        assert one["p"] == pytest.approx(p)
        assert one["difference"] == pytest.approx(first.mean() - second.mean())
        (test,) = one["per_seed"]
        assert (test["only_a_right"], test["only_b_right"]) == only
    assert [one["p_holm"] for one in found] == pytest.approx(holm(expected))


def test_beside_a_baseline_the_family_is_that_of_the_others():
    entries = [entry(n, 0.8, first=i) for i, n in enumerate("abc")]
    found = compare(entries, "b", 0.05)
    assert [(one["a"], one["b"]) for one in found] == [("a", "b"), ("c", "b")]


def test_one_model_against_seeds_claims_no_more_than_against_each():
    """The largest p of all pairs; none where they point two ways."""
    better, seeds = entry("a", 0.95), entry("b", 0.6, seeds=(0, 1), first=1)
    (one,) = compare([better, seeds], None, 0.05)
    tests = [mcnemar(right(better)[0], second)[0] for second in right(seeds)]
    assert one["p"] == pytest.approx(max(tests))
    alike = entry("c", 0.8), entry("d", 0.8, seeds=(1, 2), first=0)
    one = compare([*alike], None, 0.05)[0]
    signs = {np.sign(t["only_a_right"] - t["only_b_right"]) for t in one["per_seed"]}
    assert (one["p"] == 1) == (len(signs) > 1)


def test_three_seeds_are_tested_over_seeds():
    a, b = (entry(n, 0.8, seeds=(0, 1, 2, 7), first=i) for i, n in enumerate("ab"))
    few = entry("c", 0.8, seeds=(1, 2, 7, 9, 10), first=2)
    other = entry("d", 0.8, seeds=(20, 21, 22), first=3)
    x, y = right(a).mean(1), right(b).mean(1)
    (one,) = compare([a, b], None, 0.05)
    assert one["test"] == "paired t"
    assert one["p"] == pytest.approx(stats.ttest_rel(x, y).pvalue)
    assert one["p_equivalent"] == pytest.approx(equivalent(x - y))
    (one,) = compare([a, few], None, 0.05)  # over the three that both have
    assert one["p"] == pytest.approx(stats.ttest_rel(x[1:], right(few)[:3].mean(1)).pvalue)
    (one,) = compare([a, other], None, 0.05)
    z = right(other).mean(1)
    assert one["test"] == "Welch"
    welch = stats.ttest_ind(x, z, equal_var=False)
    assert one["p"] == pytest.approx(welch.pvalue)
    assert one["ci95"] == pytest.approx([*welch.confidence_interval()])
    low, high = one["ci95_images"]  # for other images as well: wider
    assert low < one["ci95"][0] < one["ci95"][1] < high


def test_pairs_are_of_what_both_answered():
    whole, part = entry("a", 0.9), entry("b", 0.7, first=1, rows=slice(50, 200))
    (one,) = compare([whole, part], None, 0.05)
    assert one["images"] == 150
    expected = right(whole)[0][50:200].mean() - right(part)[0].mean()
    assert one["difference"] == pytest.approx(expected)
    with pytest.raises(InputError, match="images that both answered"):
        compare([entry("a", 0.9, rows=slice(0, 9)), entry("b", 0.9, rows=slice(9, 20))], None, 0.05)


def test_of_another_class_the_most_probable_shared_one_counts_and_of_an_answer_nothing():
    kept = LABEL < 2
    two = table(
        LABEL[kept].tolist(), LABEL[kept].tolist(), GROUP[kept].tolist(), classes=CLASSES[:2]
    ).with_columns(row=pl.Series(np.flatnonzero(kept)))
    three = entry("a", 0.7)
    (one,) = compare([three, Entry("b", {0: two}, labels_only=False)], None, 0.05)
    probability = three.seeds[0]["probability"].to_numpy()[kept, :2]
    expected = (probability.argmax(1) == LABEL[kept]).mean() - 1
    assert one["classes"] == [*CLASSES[:2]]
    assert one["difference"] == pytest.approx(expected)
    alone = Entry("a", three.seeds, labels_only=True)
    (one,) = compare([alone, Entry("b", {0: two}, labels_only=True)], None, 0.05)
    assert one["difference"] == pytest.approx(right(three)[0][kept].mean() - 1)


def test_the_bootstrap_is_scipys_where_no_image_has_a_copy():
    apart = generator.choice([-1.0, 0, 1], 150, p=[0.1, 0.7, 0.2])
    ours = bootstrap(apart, np.arange(150), draws=20_000)
    theirs = stats.bootstrap((apart,), np.mean, method="percentile", n_resamples=20_000, rng=1)
    assert ours == pytest.approx(tuple(theirs.confidence_interval), abs=0.01)


def test_the_bootstrap_holds_the_truth_nineteen_times_in_twenty_also_with_copies():
    """Copies taken as images of their own would make the interval too narrow by sqrt(3)."""
    held, naive, studies = 0, 0, 300
    own = np.random.default_rng(1)
    for study in range(studies):
        apart = np.repeat(own.choice([-1.0, 0, 1], 100, p=[0.1, 0.65, 0.25]), 3)
        low, high = bootstrap(apart, np.repeat(np.arange(100), 3), draws=500, seed=study)
        held += low <= 0.15 <= high
        low, high = bootstrap(apart, np.arange(300), draws=500, seed=study)
        naive += low <= 0.15 <= high
    assert 0.91 <= held / studies <= 0.98
    assert naive / studies < 0.85


def test_equivalence_on_images_is_two_one_sided_t_tests():
    apart = generator.choice([-1.0, 0, 1], 400, p=[0.03, 0.95, 0.02])
    variance = apart.var(ddof=1) / len(apart)
    found = equivalent_on_images(apart.mean(), variance, len(apart), 0.05)
    assert found == pytest.approx(equivalent(apart))
    assert equivalent_on_images(0.0, None, 400, 0.05) is None


def test_scores_of_answers_alone_have_no_calibration():
    one = entry("a", 0.8, seeds=(0, 1))
    found, alone = scores(one), scores(Entry("a", one.seeds, labels_only=True))
    assert found["accuracy"]["value"] == pytest.approx(right(one).mean())
    assert found["accuracy"]["ci95"][0] < found["accuracy"]["value"] < found["accuracy"]["ci95"][1]
    assert found["ece"] is not None
    assert alone["ece"] is alone["nll"] is alone["duplicate_free"]["ece"] is None
    assert alone["accuracy"] == found["accuracy"]


def test_groups_of_people_and_their_largest_gap():
    one = entry("a", 0.8)
    who = np.array(["x"] * 100 + ["y"] * 100 + ["z"] * 20 + [None] * 20, dtype=object)
    people = pl.DataFrame({"row": range(N), "kind": who})
    found = by_group(one, people)["kind"]
    hit = right(one)[0]
    assert {n: g["images"] for n, g in found["groups"].items()} == {"x": 100, "y": 100, "z": 20}
    shares = {n: hit[who == n].mean() for n in "xyz"}
    for name, group in found["groups"].items():
        assert group["accuracy"]["value"] == pytest.approx(shares[name])
    gap = found["largest_gap"]
    assert {gap["best"], gap["worst"]} == {"x", "y"}  # of z there are too few
    assert gap["difference"] == pytest.approx(abs(shares["x"] - shares["y"]))
    assert gap["ci95"][0] < gap["difference"] < gap["ci95"][1]
    few = by_group(one, people.with_columns(kind=pl.lit("x")))
    assert few["kind"]["largest_gap"] is None


def test_two_orders_of_one_model():
    one, two = entry("a", 0.8).seeds[0], entry("a", 0.8, first=1).seeds[0]
    assert changed(one, one)["changed"] == 0
    found = changed(one, two.sample(fraction=1, shuffle=True, seed=0))
    assert found["changed"] == (one["predicted"] != two["predicted"]).sum()
    assert found["accuracy"] == [(t["label"] == t["predicted"]).mean() for t in (one, two)]
    classes = table([0, 1], [0, 1], classes=CLASSES[:2]).with_columns(row=pl.Series([0, 1]))
    for other in (two[9:], classes):  # of other images, or of other classes
        with pytest.raises(InputError, match="--orders: expected two files of one model"):
            changed(one[:9], other)


def test_ranks_are_friedmans_and_the_critical_difference_is_the_published_one():
    """Demšar 2006, Table 5a: q of 0.05 is 2.343 for three, 2.850 for six methods."""
    for names, q in ((2, 1.960), (3, 2.343), (6, 2.850), (10, 3.164)):
        expected = q * np.sqrt(names * (names + 1) / (6 * 14))
        assert critical_difference(names, 14, 0.05) == pytest.approx(expected, abs=2e-3)
    accuracy = {
        f"d{i}": dict(zip("abcd", row, strict=True))
        for i, row in enumerate(generator.random((6, 4)))
    }
    found = mean_ranks(accuracy, 0.05)
    columns = [[one[name] for one in accuracy.values()] for name in "abcd"]
    assert found["p"] == pytest.approx(stats.friedmanchisquare(*columns).pvalue)
    assert sum(found["ranks"].values()) == pytest.approx(10)
    assert [*found["ranks"].values()] == sorted(found["ranks"].values())
    equal = mean_ranks({name: dict.fromkeys("abc", 0.5) for name in "def"}, 0.05)
    assert (equal["p"], {*equal["ranks"].values()}) == (1, {2})
    shared = mean_ranks({"d": {"a": 0.8, "b": 0.8, "c": 0.1}, "e": {"a": 1, "b": 1}}, 0.05)
    assert shared["ranks"] == {"a": 1.5, "b": 1.5}
    assert shared["critical"] is None
    with pytest.raises(InputError, match="two names or more on two datasets"):
        mean_ranks({"d": {"a": 0.8, "b": 0.7}}, 0.05)
