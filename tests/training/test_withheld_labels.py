"""Training with few labels: what is withheld never comes in, what is left of the image may."""

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


def test_class_centers_are_those_of_the_labelled_and_draw_all_images_near():
    _, contrast = small(variant("class_center"), classes=3)
    label = torch.tensor([0, -1, 1, 2, -1, 0])
    shallow, deep = (torch.randn(6, c, 4, 4, requires_grad=True) for c in (32, 128))
    contrast.clbs({1: shallow, 3: deep}, label, torch.rand(1, 3))[0].backward()
    reached = [layer.grad.flatten(1).abs().sum(1) > 0 for layer in (shallow, deep)]
    assert reached[0].all()
    assert torch.equal(reached[1], label >= 0)


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
