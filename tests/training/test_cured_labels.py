"""The Self-Cure Network in training: which labels change, when, and what that does."""

import pytest
import torch
from tiny import data, digest, run, variant
from variants import small

from clfer.model.variant import Variant
from clfer.training.examples import withhold

EAGER = {"relabel_margin": 0.0, "high": 0.5}  # half of a batch may change


def cured(relabel_from, **how):
    return run(variant("scn", scn={**EAGER, "relabel_from": relabel_from}), **how)


def given():
    return data()[1]["train"].label


def test_labels_change_from_the_epoch_on_that_is_said():
    def changed(relabel_from, epochs):  # too slow to learn, so that it keeps erring
        return bool((cured(relabel_from, epochs=epochs, lr=1e-6).label != given()).any())

    assert changed(0.0, epochs=1)
    assert not changed(0.5, epochs=1)
    assert changed(0.5, epochs=2)


def test_a_changed_label_is_what_the_next_epoch_trains_on():
    def weights(relabel_from, epochs):
        return digest(cured(relabel_from, epochs=epochs).trained.state_dict())

    assert weights(0.0, 1) == weights(1.0, 1)
    assert weights(0.0, 2) != weights(1.0, 2)


def test_the_data_handed_in_keep_their_labels():
    _, split = data()
    state = cured(0.0, epochs=1, split=split)
    assert not torch.equal(state.label, split["train"].label)
    assert torch.equal(split["train"].label, given())


def test_an_image_without_a_label_never_gets_one():
    both = Variant(
        simsiam=variant("simsiam").simsiam,
        scn=variant("scn", scn={**EAGER, "relabel_from": 0.0}).scn,
    )
    label = run(both, labelled_fraction=0.5).label
    kept = label >= 0
    assert torch.equal(kept, withhold(data()[1]["train"], 0.5, 0).label >= 0)
    assert (label[kept] != given()[kept]).any()


def test_importance_lowers_the_confidence_and_leaves_the_prediction():
    network, _ = small(variant("scn"))
    network.eval()
    with torch.no_grad():
        vectors = network.represent(network.features(torch.randn(16, 3, 64, 64)))
        plain, importance = network.classifier(vectors), network.importance(vectors)
        scaled = network.classify(vectors)
    assert ((importance > 0) & (importance < 1)).all()
    assert importance.unique().numel() == 16
    for i in range(16):
        torch.testing.assert_close(scaled[i], float(importance[i]) * plain[i])
    assert torch.equal(scaled.argmax(1), plain.argmax(1))
    assert (scaled.softmax(1).amax(1) < plain.softmax(1).amax(1)).all()


def test_without_scn_every_image_is_trusted():
    network, _ = small(variant("baseline"))
    assert torch.equal(network.importance(torch.randn(5, network.width)), torch.ones(5))


@pytest.mark.parametrize("batch_size", [2, 3])
def test_the_smallest_batches_have_important_and_other_images(batch_size):
    history = cured(0.0, epochs=1, batch_size=batch_size).history
    assert 0 < history[0]["loss_rank"] <= 1.15
