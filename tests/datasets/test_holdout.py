import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from clfer.datasets.holdout import hold_out, quotas

FRACTIONS = st.floats(0.01, 0.99)
COUNTS = st.lists(st.integers(0, 300), min_size=1, max_size=8)


@given(counts=COUNTS, fraction=FRACTIONS)
def test_quotas_are_the_fraction_to_within_one_image(counts, fraction):
    shares = quotas(np.array(counts, np.int64), fraction)
    for count, share in zip(counts, shares, strict=True):
        if count < 2:
            assert share == 0
        else:
            assert 1 <= share <= count - 1
            assert abs(share - fraction * count) <= 1 + 1e-9


@given(counts=st.lists(st.integers(200, 300), min_size=1, max_size=8), fraction=FRACTIONS)
def test_quotas_of_large_classes_add_up(counts, fraction):
    assert sum(quotas(np.array(counts, np.int64), fraction)) == round(fraction * sum(counts))


def test_largest_remainders_come_first():
    assert quotas(np.array([19, 16, 15]), 0.1).tolist() == [2, 2, 1]


@given(counts=COUNTS, fraction=FRACTIONS, seed=st.integers(0, 9))
def test_without_copies_each_class_gives_its_quota(counts, fraction, seed):
    labels = np.repeat(np.arange(len(counts)), counts)
    held_out = hold_out(labels, np.arange(len(labels)), fraction, seed)
    given_away = np.bincount(labels[held_out], minlength=len(counts))
    assert given_away.tolist() == quotas(np.array(counts, np.int64), fraction).tolist()


@given(
    images=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 20)), max_size=60),
    fraction=FRACTIONS,
    seed=st.integers(0, 9),
)
def test_groups_stay_whole_and_no_class_gives_more_than_its_quota(images, fraction, seed):
    labels, groups = np.array(images, np.int64).reshape(-1, 2).T
    held_out = hold_out(labels, groups, fraction, seed)
    assert len({*groups[held_out]} & {*groups[~held_out]}) == 0
    leads = np.array([labels[list(groups).index(group)] for group in groups], np.int64)
    shares = quotas(np.bincount(leads), fraction)
    assert all(np.bincount(leads[held_out], minlength=len(shares)) <= shares)
