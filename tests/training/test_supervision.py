"""The cross-entropy against loops in float64, and which images keep a label."""

import math
from itertools import pairwise

import pytest
import torch
from recipes import recipe
from tiny import variant
from variants import BASELINE, CLBS_SETTINGS, CLFM_SETTINGS, OURS

from clfer.errors import InputError
from clfer.model.variant import Variant
from clfer.training.examples import (
    Examples,
    class_weights,
    cross_entropy,
    subsample_class,
    supervised,
    withhold,
)

CLASSES = 4
ONLY_CLASS_CENTERS = Variant(clbs=CLBS_SETTINGS.model_copy(update={"centers": "class"}))


def reference(logits, label, target, smoothing, weight):
    """Of each labelled image -sum_c w_c t_c log p_c, where t = (1 - s) target + s / C; their
    mean.
    """
    losses = []
    for scores, y, votes in zip(logits.tolist(), label.tolist(), target.tolist(), strict=True):
        if y < 0:
            continue
        wanted = votes if votes is not None else [float(c == y) for c in range(CLASSES)]
        total = math.log(sum(math.exp(score) for score in scores))
        losses.append(
            -sum(
                w * ((1 - smoothing) * t + smoothing / CLASSES) * (score - total)
                for w, t, score in zip(weight, wanted, scores, strict=True)
            )
        )
    return sum(losses) / len(losses) if losses else 0.0


def batch(unlabelled=(), images=7):
    """Logits, labels and votes whose majority is not always the label."""
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(images, CLASSES, generator=random) * 3
    label = torch.randint(0, CLASSES, (images,), generator=random)
    votes = torch.randint(0, 6, (images, CLASSES), generator=random).float() + 0.5
    target = votes / votes.sum(1, keepdim=True)
    for i in unlabelled:
        label[i], target[i] = -1, 0
    return logits, label, target


@pytest.mark.parametrize("unlabelled", [(), (0, 3, 4), range(7)], ids=["all", "some", "none"])
@pytest.mark.parametrize("weight", [None, [0.5, 2.0, 1.0, 0.25]], ids=["plain", "weighted"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("targets", ["majority", "votes"])
def test_cross_entropy_is_what_loops_compute(targets, smoothing, weight, unlabelled):
    logits, label, target = batch(unlabelled)
    found = cross_entropy(
        logits,
        label,
        target,
        recipe(targets=targets, label_smoothing=smoothing),
        None if weight is None else torch.tensor(weight),
    )
    one_hot = torch.eye(CLASSES)[label.clamp(min=0)]
    wanted = target if targets == "votes" else one_hot
    expected = reference(logits, label, wanted, smoothing, weight or [1.0] * CLASSES)
    assert float(found) == pytest.approx(expected, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("targets", ["majority", "votes"])
def test_logits_without_a_label_get_no_gradient_at_all(targets):
    logits, label, target = batch(unlabelled=(1, 5))
    logits.requires_grad_()
    cross_entropy(
        logits, label, target, recipe(targets=targets, label_smoothing=0.1), None
    ).backward()
    gradient = logits.grad.abs().sum(1)
    assert ((gradient == 0) == (label == -1)).all()


@pytest.mark.parametrize("targets", ["majority", "votes"])
def test_a_batch_without_any_label_leaves_a_gradient_of_zero(targets):
    logits, label, target = batch(unlabelled=range(7))
    logits.requires_grad_()
    loss = cross_entropy(
        logits, label, target, recipe(targets=targets, label_smoothing=0.1), torch.ones(CLASSES)
    )
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(logits.grad, torch.zeros_like(logits))


def test_logits_of_low_precision_are_compared_in_float32():
    logits, label, target = batch()
    low = logits.bfloat16()
    expected = reference(low.double(), label, torch.eye(CLASSES)[label], 0.0, [1.0] * CLASSES)
    found = cross_entropy(low, label, target, recipe(), None)
    assert found.dtype == torch.float32
    assert float(found) == pytest.approx(expected, rel=1e-5)


COUNTS = (50, 21, 10, 3)  # of the classes, one of them rare


def examples():
    random = torch.Generator().manual_seed(0)
    label = torch.repeat_interleave(torch.arange(CLASSES), torch.tensor(COUNTS))
    label = label[torch.randperm(len(label), generator=random)]
    target = torch.rand(len(label), CLASSES, generator=random) + 0.1
    face = torch.randperm(1000, generator=random)[: len(label)]
    return Examples(face, label, target / target.sum(1, keepdim=True))


def labelled(fraction, seed=0):
    return withhold(examples(), fraction, seed).label >= 0


@pytest.mark.parametrize("fraction", [0.001, 0.1, 0.25, 0.5, 0.9])
def test_every_class_keeps_its_share_of_labels_and_at_least_one(fraction):
    kept = torch.bincount(examples().label[labelled(fraction)], minlength=CLASSES).tolist()
    for found, images in zip(kept, COUNTS, strict=True):
        assert found == 1 if fraction * images < 1 else abs(found - fraction * images) <= 0.5


def test_a_withheld_label_is_gone_and_nothing_else_changes():
    whole, part = examples(), withhold(examples(), 0.4, 0)
    gone = part.label == -1
    assert 0 < gone.sum() < len(whole)
    assert (part.target[gone] == 0).all()
    assert torch.equal(part.label[~gone], whole.label[~gone])
    assert torch.equal(part.target[~gone], whole.target[~gone])
    assert torch.equal(part.face, whole.face)


def test_with_all_labels_nothing_changes():
    whole, same = examples(), withhold(examples(), 1.0, 0)
    assert torch.equal(same.label, whole.label)
    assert torch.equal(same.target, whole.target)


def test_the_labels_of_a_smaller_fraction_are_among_those_of_a_larger_one():
    fractions = [0.01, 0.1, 0.2, 0.25, 0.5, 0.75, 0.9, 1.0]
    sets = [labelled(fraction) for fraction in fractions]
    for smaller, larger in pairwise(sets):
        assert (larger | ~smaller).all()
    assert len({int(kept.sum()) for kept in sets}) == len(sets)


def test_which_labels_stay_is_a_matter_of_the_seed():
    assert torch.equal(labelled(0.5, seed=3), labelled(0.5, seed=3))
    assert not torch.equal(labelled(0.5, seed=3), labelled(0.5, seed=4))


@pytest.mark.parametrize(
    ("chosen", "keeps"),
    [
        (BASELINE, False),
        (variant("msr"), False),
        (variant("scn"), False),
        (ONLY_CLASS_CENTERS, False),
        (Variant(clfm=CLFM_SETTINGS.model_copy(update={"alpha": (0.0, 0.0, 0.0)})), False),
        (Variant(clbs=CLBS_SETTINGS.model_copy(update={"beta": (0.0, 0.0, 0.0)})), False),
        (Variant(clfm=CLFM_SETTINGS), True),
        (Variant(clbs=CLBS_SETTINGS), True),
        (variant("class_center"), True),
        (variant("simsiam"), True),
        (OURS, True),
    ],
)  # fmt: skip
def test_images_without_a_label_stay_for_the_losses_that_need_none(chosen, keeps):
    seen = supervised(examples(), recipe(labelled_fraction=0.5), chosen, 0)
    part = withhold(examples(), 0.5, 0)
    there = part.label >= -1 if keeps else part.label >= 0
    for name in ("face", "label", "target"):
        assert torch.equal(getattr(seen, name), getattr(part, name)[there])
    dropped = supervised(examples(), recipe(labelled_fraction=0.5, unlabelled="drop"), chosen, 0)
    assert torch.equal(dropped.face, part.face[part.label >= 0])


def test_with_all_labels_every_variant_sees_all_images():
    for unlabelled in ("keep", "drop"):
        for chosen in (BASELINE, OURS):
            seen = supervised(examples(), recipe(unlabelled=unlabelled), chosen, 0)
            assert torch.equal(seen.face, examples().face)
            assert torch.equal(seen.label, examples().label)


def test_a_sampler_by_label_wants_labels():
    half = recipe(balance="sampler", labelled_fraction=0.5)
    with pytest.raises(
        InputError,
        match=r"train\.balance: sampler .* found train\.labelled_fraction 0\.5; "
        r"set balance to weights or none, or train\.unlabelled to drop",
    ):
        supervised(examples(), half, OURS, 0)
    assert (supervised(examples(), half, BASELINE, 0).label >= 0).all()
    dropping = half.model_copy(update={"unlabelled": "drop"})
    assert (supervised(examples(), dropping, OURS, 0).label >= 0).all()
    assert len(supervised(examples(), recipe(balance="sampler"), OURS, 0)) == sum(COUNTS)


def test_scn_relabels_and_so_wants_labels_rather_than_votes():
    with pytest.raises(
        InputError, match=r"train\.targets: scn changes labels, .*expected majority.*found votes"
    ):
        supervised(examples(), recipe(targets="votes"), variant("scn"), 0)


def test_class_weights_count_labels_that_are_there():
    weights = class_weights(withhold(examples(), 0.5, 0))
    kept = [25, 10, 5, 2]  # Python rounds 10.5 and 1.5 to the even number
    total = sum(kept)
    assert weights.tolist() == pytest.approx([total / (CLASSES * count) for count in kept])


def test_the_weight_of_a_class_without_an_image_is_finite():
    whole = examples()
    there = whole.label != 2
    weights = class_weights(Examples(whole.face[there], whole.label[there], whole.target[there]))
    assert weights.isfinite().all()


def test_of_a_scarce_class_a_share_stays_and_the_others_stay_whole():
    label = torch.arange(200) % CLASSES
    target = torch.nn.functional.one_hot(label, CLASSES).float()
    examples = Examples(torch.arange(200) + 7, label, target)
    kept = {share: subsample_class(examples, 2, share, 0) for share in (0.0, 0.1, 0.3, 1.0)}
    for share, left in kept.items():
        assert [int((left.label == c).sum()) for c in range(CLASSES)] == [
            50 if c != 2 else round(50 * share) for c in range(CLASSES)
        ]
        assert torch.equal(left.target.argmax(1), left.label)
        assert torch.equal((left.face - 7) % CLASSES, left.label)
        assert torch.equal(left.face, left.face.sort().values)
    faces = [set(left.face.tolist()) for left in kept.values()]
    assert all(fewer < more for fewer, more in pairwise(faces))
    assert set(subsample_class(examples, 2, 0.3, 1).face.tolist()) != faces[2]
