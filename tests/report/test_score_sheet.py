"""What `clfer score` says of pairs that hardly differ, or not at all."""

from prediction_tables import table

from clfer.report.score_sheet import verdict
from clfer.scoring.pairs import Entry, compare

LABEL = [0, 1, 2] * 10


def said(first, second):
    """The verdict on two names, of each the one image that each of its seeds gets wrong."""
    entries = []
    for name, mistakes in (("a", first), ("b", second)):
        tables = {}
        for seed, wrong in mistakes.items():
            answered = [(one + (place == wrong)) % 3 for place, one in enumerate(LABEL)]
            tables[seed] = table(LABEL, answered)
        entries.append(Entry(name, tables, labels_only=False))
    (one,) = compare(entries, None, 0.01)
    return verdict(one, 0.05)


def test_one_image_apart_in_every_pair_is_the_same_way_although_p_is_1():
    words = said({0: None, 1: None}, {0: 3, 1: 4})
    assert "a is above b by 3.33 points on 30 images, and the same way in each of 4 pairs" in words
    assert "p = 1.00" in words
    assert "but not the same way in each of 2 pairs" in said({0: None, 1: 3}, {0: 4})


def test_seeds_that_are_alike_are_not_above_one_another():
    for second in ({0: 1, 1: 2, 2: 3}, {10: 1, 11: 2, 12: 3}):
        words = said({0: 1, 1: 2, 2: 3}, second)
        assert words.startswith("No test is possible: a and b differ by 0.00 points")
