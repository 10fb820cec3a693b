import numpy as np
import pytest

from clfer.scoring.transduction import (
    accuracies,
    answers,
    following,
    honest_and_prior,
    log_of,
    ordered,
    without_batch,
)


def head(vectors, weight, bias, order, batch):
    """The released head in plain loops: W (a_i + mean of the batch's a) + b."""
    answered = []
    for start in range(0, len(order), batch):
        images = order[start : start + batch]
        mean = sum(vectors[i] for i in images) / len(images)
        answered += [int(np.argmax(weight @ (vectors[i] + mean) + bias)) for i in images]
    return answered


@pytest.mark.parametrize("batch", [1, 3, 7, 50])
def test_the_answers_are_those_of_a_head_with_the_batchs_mean(batch):
    generator = np.random.default_rng(0)
    vectors, weight = generator.normal(size=(23, 5)), generator.normal(size=(4, 5))
    bias, own = generator.normal(size=4), generator.normal(size=4)
    logits = vectors @ weight.T + own  # of a model that sees each image alone
    log_probability = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    order = generator.permutation(23)
    got = answers(log_probability, 2 * own - bias, order, batch)
    assert got.tolist() == head(vectors, weight, bias, order, batch)


def test_a_batch_of_one_class_answers_that_class_and_a_balanced_one_changes_nothing():
    sure = np.full((6, 3), 0.1) + 0.7 * np.eye(3)[[0, 0, 0, 1, 1, 2]]
    wrong = sure.copy()
    wrong[0] = [0.4, 0.5, 0.1]  # of class 0, taken for class 1
    label, prior = np.array([0, 0, 0, 1, 1, 2]), np.log(sure)[[0, 3, 5]].mean(axis=0)
    of_one_class = answers(log_of(wrong), prior, np.array([0, 1, 2]), 3)
    assert of_one_class.tolist() == [0, 0, 0]
    balanced = answers(log_of(sure), prior, np.array([0, 3, 5]), 3)
    assert balanced.tolist() == [0, 1, 2]
    both = accuracies(
        {"val": sure[[0, 3, 5]], "test": wrong},
        label,
        {"sorted": ordered("sorted", label, np.random.default_rng(0))[None]},
        (3, 6),
    )
    assert both["sorted"][3] == 1


def test_orders_are_what_they_are_called():
    label, generator = np.array([2, 0, 1, 0]), np.random.default_rng(0)
    assert ordered("sorted", label, generator).tolist() == [1, 3, 2, 0]
    assert ordered("reversed", label, generator).tolist() == [3, 2, 1, 0]
    assert ordered("file", label, generator).tolist() == [0, 1, 2, 3]
    assert sorted(ordered("shuffled", label, generator)) == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="expected one of shuffled, file"):
        ordered("backwards", label, generator)


def test_images_follow_the_labels_of_another_list():
    label, other = np.array([2, 0, 1, 0]), np.array([0, 0, 0, 2, 1, 1])
    drawn = following(label, other, np.random.default_rng(0))
    assert label[drawn].tolist() == other.tolist()
    with pytest.raises(ValueError, match="an image of class 3"):
        following(label, np.array([3]), np.random.default_rng(0))


@pytest.mark.parametrize("asked_in", [4, 7, 23])
def test_the_term_of_one_batch_is_taken_off_and_another_put_on(asked_in):
    """Answers in any order and batch follow from those that were given in another one."""
    generator = np.random.default_rng(1)
    weight, bias = generator.normal(size=(4, 5)), generator.normal(size=4)

    def probability(vectors):
        parts = np.split(vectors, range(asked_in, len(vectors), asked_in))
        logits = np.concatenate([(one + one.mean(0)) @ weight.T + bias for one in parts])
        return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)

    vectors = {part: generator.normal(size=(23, 5)) for part in ("val", "test")}
    given = {part: probability(one) for part, one in vectors.items()}
    honest, test, prior = honest_and_prior(given, asked_in)
    for order, batch in ((generator.permutation(23), 5), (np.arange(23), 1), (np.arange(23), 23)):
        expected = head(vectors["test"], weight, bias, order, batch)
        assert answers(test, prior, order, batch).tolist() == expected
    mean = vectors["val"].mean(0)
    expected = ((vectors["test"] + mean) @ weight.T + bias).argmax(1)
    assert honest.argmax(1).tolist() == expected.tolist()
    alone = without_batch(log_of(given["test"]), asked_in)
    own = vectors["test"] @ weight.T + bias / 2
    apart = alone - own
    np.testing.assert_allclose(apart - apart.mean(1, keepdims=True), 0, atol=1e-9)
