"""Labels in training: what is withheld never comes in, what is left of the image may; and which
labels the Self-Cure Network changes, when, and what that does.
"""

from dataclasses import replace

import pytest
import torch
from tiny import data, digest, run, variant
from variants import BASELINE, OURS, small

from clfer.training.examples import withhold

HALF = {"labelled_fraction": 0.5, "epochs": 1}


def disguised(split):
    """The same with other labels and votes on the images whose label is withheld from seed 0.

    Labels are exchanged between two images wherever that leaves the choice of labels as it is.
    """
    train = split["train"]
    kept = withhold(train, 0.5, 0).label >= 0
    label = train.label.clone()
    hidden = (~kept).nonzero().squeeze(1).tolist()
    for i in hidden:
        for j in hidden:
            swapped = label.clone()
            swapped[[i, j]] = label[[j, i]]
            same = (withhold(replace(train, label=swapped), 0.5, 0).label >= 0).equal(kept)
            if same and label[i] == train.label[i] != label[j] == train.label[j]:
                label = swapped
    target = torch.where(kept.unsqueeze(1), train.target, torch.rand_like(train.target))
    return {**split, "train": replace(train, label=label, target=target)}


def test_the_disguise_changes_withheld_labels_and_no_others():
    _, split = data()
    changed = disguised(split)["train"].label != split["train"].label
    assert changed.sum() >= 4
    assert (withhold(split["train"], 0.5, 0).label[changed] == -1).all()


@pytest.mark.parametrize(
    ("name", "targets"),
    [
        ("ours", "majority"),
        ("ours", "votes"),
        ("class_center", "majority"),
        ("class_center", "votes"),
        ("simsiam", "majority"),
    ],
)
def test_withheld_labels_and_votes_never_matter(name, targets):
    _, split = data()
    how = {"variant": variant(name), "targets": targets, "balance": "weights", **HALF}
    honest, other = (run(split=s, **how) for s in (split, disguised(split)))
    for part in ("network", "contrast"):
        a, b = (getattr(state, part).state_dict() for state in (honest, other))
        assert digest(a) == digest(b)
    assert honest.history == other.history


def test_labels_that_are_not_withheld_do_matter():
    _, split = data()
    one = withhold(split["train"], 0.5, 0).label.argmax()
    target = split["train"].target.clone()
    target[one] = target[one].roll(1)
    changed = {**split, "train": replace(split["train"], target=target)}
    first, second = (run(split=s, targets="votes", **HALF) for s in (split, changed))
    assert digest(first.network.state_dict()) != digest(second.network.state_dict())


def test_images_without_a_label_are_learned_from_where_some_loss_can():
    def weights(chosen, unlabelled):
        return digest(run(chosen, unlabelled=unlabelled, **HALF).network.state_dict())

    assert weights(OURS, "keep") != weights(OURS, "drop")
    assert weights(BASELINE, "keep") == weights(BASELINE, "drop")


@pytest.mark.parametrize("name", ["class_center", "simsiam", "ours"])
def test_a_batch_without_any_label_is_trained_on(name):
    """One label a class in batches of two: most have none."""
    state = run(variant(name), labelled_fraction=0.01, batch_size=2, epochs=1)
    assert (state.label >= 0).sum() == 3
    assert all(value.isfinite().all() for value in state.best.values())


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
