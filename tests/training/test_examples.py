"""The stored faces, and which images are trained on with which labels."""

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
    order,
    subsample_class,
    supervised,
    withhold,
)

CLASSES = 4
ONLY_CLASS_CENTERS = Variant(clbs=CLBS_SETTINGS.model_copy(update={"centers": "class"}))
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


@pytest.mark.parametrize("fraction", [0.001, 0.25, 0.9])
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


def test_the_labels_of_a_smaller_fraction_are_among_those_of_a_larger_one():
    fractions = [0.01, 0.1, 0.2, 0.25, 0.5, 0.75, 0.9, 1.0]
    sets = [labelled(fraction) for fraction in fractions]
    for smaller, larger in pairwise(sets):
        assert (larger | ~smaller).all()
    assert len({int(kept.sum()) for kept in sets}) == len(sets)
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
            for name in ("face", "label", "target"):
                assert torch.equal(getattr(seen, name), getattr(examples(), name))


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
    assert class_weights(whole[whole.label != 2]).isfinite().all()


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


def test_the_sampler_and_the_weights_balance_the_classes():
    label = torch.tensor([0] * 90 + [1] * 10)
    examples = Examples(torch.arange(100), label, torch.nn.functional.one_hot(label, 2).float())
    drawn = torch.cat([label[order(examples, 100, "sampler", 0, epoch)] for epoch in range(50)])
    assert float(drawn.float().mean()) == pytest.approx(0.5, abs=0.03)
    weights = class_weights(examples)
    assert float(weights[label].mean()) == pytest.approx(1.0)
    assert float(weights[1] / weights[0]) == pytest.approx(9.0)
