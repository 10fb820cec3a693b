"""Panels of raters against every choice of them, one by one."""

from collections import Counter
from itertools import combinations
from statistics import mean

import numpy as np
import polars as pl
import pytest
from prediction_tables import CLASSES, table
from scipy import stats

from clfer.datasets.expressions import FERPLUS_VOTES
from clfer.datasets.labels import VOTES
from clfer.scoring.pairs import Entry, bootstrap
from clfer.scoring.raters import beside_panels, panels

COLUMNS = [FERPLUS_VOTES.index(name) for name in CLASSES]


def leading(raters):
    """What most of them say, with its share where several columns lead."""
    counts = Counter(raters)
    lead = [column for column, count in counts.items() if count == max(counts.values())]
    return {column: 1 / len(lead) for column in lead}


def chosen(votes, size):
    """How often a panel is right, and each column, over all choices of raters."""
    raters = [column for column, count in enumerate(votes) for _ in range(count)]
    right, said = [], []
    for panel in combinations(range(len(raters)), size):
        judges = leading([one for place, one in enumerate(raters) if place not in panel])
        answer = leading([raters[place] for place in panel])
        right.append(sum(share * judges.get(column, 0) for column, share in answer.items()))
        said.append([judges.get(column, 0) for column in range(len(votes))])
    return mean(right), np.mean(said, axis=0)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_panels_are_every_choice_of_raters(size):
    rng = np.random.default_rng(size)
    votes = [rng.multinomial(10, rng.dirichlet(np.full(10, 0.3))) for _ in range(20)]
    votes += [[1] * 10, [10] + [0] * 9, [5, 5] + [0] * 8]
    right, said = panels(np.array(votes), size)
    for number, one in enumerate(votes):
        expected, columns = chosen(one, size)
        assert right[number] == pytest.approx(expected)
        assert said[number] == pytest.approx(columns)


def named(seeds, label, votes):
    """A name's entry, and its images' votes."""
    tables = {
        seed: table(label, answers, group=[row // 2 for row in range(len(label))])
        for seed, answers in enumerate(seeds)
    }
    row = tables[0]["row"]
    return Entry("a", tables, False), pl.DataFrame(
        {"row": row, "votes": pl.Series(values=votes, dtype=VOTES)}
    )


def test_a_model_is_held_against_the_judges_of_the_panel():
    """Of images with another number of raters than most nothing is said."""
    rng = np.random.default_rng(0)
    label, first, second = rng.integers(0, 3, (3, 24)).tolist()
    votes = [rng.multinomial(6, rng.dirichlet(np.ones(10))) for _ in label]
    votes[3] = rng.multinomial(5, np.full(10, 0.1))
    entry, rated = named([first, second], label, votes)
    found = beside_panels(entry, rated.sample(fraction=1, shuffle=True, seed=0))
    assert [one["size"] for one in found] == [1, 2, 3]
    kept = [row for row in range(24) if row != 3]
    for one in found:
        counted = [chosen(votes[row], one["size"]) for row in kept]
        panel = [right for right, _ in counted]
        model = [
            mean(said[COLUMNS[answers[row]]] for answers in (first, second))
            for row, (_, said) in zip(kept, counted, strict=True)
        ]
        assert one["images"] == 23
        assert (one["panel"], one["model"]) == pytest.approx((mean(panel), mean(model)))
        apart = np.subtract(model, panel)
        assert one["difference"] == pytest.approx(apart.mean())
        assert one["ci95"] == pytest.approx(bootstrap(apart, np.array(kept) // 2))


def test_raters_who_guess_like_a_model_are_its_equal():
    """Of an interval of 95 %, with raters and model drawn from the same chances of each image."""
    covered = []
    for study in range(40):
        rng = np.random.default_rng(study)
        chances = rng.dirichlet(np.full(3, 0.5), 150)
        votes = np.zeros((150, 10), int)
        votes[:, COLUMNS] = [rng.multinomial(8, one) for one in chances]
        answers = [int(rng.choice(3, p=one)) for one in chances]
        entry, rated = named([answers], answers, votes.tolist())
        entry.seeds[0] = entry.seeds[0].with_columns(group=pl.int_range(150))
        low, high = beside_panels(entry, rated)[0]["ci95"]
        covered.append(low <= 0 <= high)
    assert stats.binomtest(sum(covered), len(covered), 0.95).pvalue > 0.01


def test_without_rated_images_nothing_is_said():
    entry, rated = named([[0, 1]], [0, 1], [[6] + [0] * 9] * 2)
    assert beside_panels(entry, rated.with_columns(pl.col("row") + 100)) == []
    assert [one["model"] for one in beside_panels(entry, rated)] == [0.5] * 3
