"""What an epoch is made of: every image once, with random numbers of its own."""

import pytest
import torch
from recipes import recipe
from tiny import data, variant
from variants import BASELINE, OURS, small

from clfer.model.variant import Warmup
from clfer.training.batches import Batches
from clfer.training.examples import Faces

EVERY = torch.arange(24)


def epoch_of(chosen=OURS, seed=0, epoch=0, kept=EVERY, memory=1.0, **changes):
    stored, split = data()
    faces, contrast = Faces(stored, torch.device("cpu"), memory), small(chosen, classes=3)[1]
    return Batches(faces, split["train"][kept], recipe(**changes), contrast, seed, epoch)


def by_image(batches, what):
    """What each image got, in the order of the images."""
    rows = {
        int(i): row for batch in batches for i, row in zip(batch.index, what(batch), strict=True)
    }
    return torch.stack([rows[i] for i in sorted(rows)])


def view(number):
    return lambda batch: batch.views[number]


def start(batch):
    return batch.start_fm


def test_an_epoch_has_every_image_once_with_its_own_label():
    _, split = data()
    batches = epoch_of(batch_size=8)
    index = torch.cat([batch.index for batch in batches])
    assert len(batches) == 3
    assert sorted(index.tolist()) == list(range(24))
    for batch in batches:
        assert torch.equal(batch.label, split["train"].label[batch.index])
        assert torch.equal(batch.target, split["train"].target[batch.index])


@pytest.mark.parametrize(
    ("batch_size", "sizes"), [(7, [7, 7, 7]), (23, [23]), (24, [24]), (25, [24]), (100, [24])]
)
def test_a_last_batch_that_is_not_full_is_left_out_unless_it_is_the_only_one(batch_size, sizes):
    batches = epoch_of(batch_size=batch_size)
    assert [len(batch.index) for batch in batches] == sizes
    index = torch.cat([batch.index for batch in batches])
    assert len(index.unique()) == sum(sizes)


def test_an_image_is_shown_its_own_pixels():
    """Without chance in it, a view is the normalised face in the middle of the enlarged one."""
    stored, _ = data()
    (batch,) = epoch_of(batch_size=24, resize=64, crop=64, flip=0.0, erasing=0.0)
    face = torch.from_numpy(stored[16:]).permute(0, 3, 1, 2).float()
    larger = torch.nn.functional.interpolate(face, size=64, mode="bilinear") / 255
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    expected = (larger - mean.view(3, 1, 1)) / std.view(3, 1, 1)
    torch.testing.assert_close(batch.views[0], expected[batch.index], atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    "other",
    [{"batch_size": 4}, {"chosen": BASELINE}, {"chosen": variant("simsiam")}],
    ids=["batch size", "baseline", "simsiam"],
)
def test_an_image_is_augmented_alike_whatever_stands_beside_it(other):
    expected = by_image(epoch_of(batch_size=8), view(0))
    assert torch.equal(by_image(epoch_of(**{"batch_size": 8, **other}), view(0)), expected)


def test_a_k_means_starts_from_the_image_s_own_draws():
    expected = by_image(epoch_of(batch_size=8), start)
    assert expected.shape == (24, 1, 4)
    assert len(expected.unique()) > 90  # of 96 numbers
    assert torch.equal(by_image(epoch_of(batch_size=4), start), expected)
    assert torch.equal(by_image(epoch_of(variant("clfm"), batch_size=8), start), expected)
    bs = [[b.start_bs for b in epoch_of(chosen)] for chosen in (OURS, variant("clbs"))]
    assert all(torch.equal(a, b) for a, b in zip(*bs, strict=True))
    assert bs[0][0].shape == (1, 3)
    assert not torch.equal(bs[0][0], bs[0][1])


def test_every_restart_has_draws_of_its_own():
    again = variant("ours", clfm={"restarts": 3}, clbs={"restarts": 2})
    batch = epoch_of(again, batch_size=8)[0]
    assert batch.start_fm.shape == (8, 3, 4)
    assert batch.start_bs.shape == (2, 3)
    assert len(batch.start_fm.unique()) > 90


@pytest.mark.parametrize("other", [{"epoch": 1}, {"seed": 1}])
def test_another_epoch_and_another_seed_draw_anew(other):
    batches, others = epoch_of(), epoch_of(**other)
    for what in (view(0), start):
        a, b = by_image(batches, what), by_image(others, what)
        assert not any(torch.equal(x, y) for x, y in zip(a, b, strict=True))
    assert not torch.equal(batches[0].start_bs, others[0].start_bs)
    assert not torch.equal(batches[0].index, others[0].index)


def test_simsiam_sees_the_baseline_s_images_and_each_of_them_augmented_anew():
    wide = {"resize": 100, "erasing": 1.0}  # room enough that no two draws look the same
    siamese, baseline = (epoch_of(v, **wide) for v in (variant("simsiam"), BASELINE))
    for twice, once in zip(siamese, baseline, strict=True):
        assert torch.equal(twice.index, once.index)
        assert len(twice.views) == 2
        assert len(once.views) == 1
        assert torch.equal(twice.views[0], once.views[0])
        pairs = zip(twice.views[0], twice.views[1], strict=True)
        assert not any(torch.equal(first, second) for first, second in pairs)


def test_runs_that_leave_images_out_treat_the_others_alike():
    """As the baseline does with images without a label: same order, augmentation, starts."""
    kept = EVERY % 3 != 1
    every, some = (epoch_of(batch_size=24, kept=those)[0] for those in (EVERY, kept))
    left = kept[every.index]
    assert torch.equal(every.index[left], kept.nonzero().squeeze(1)[some.index])
    assert torch.equal(every.views[0][left], some.views[0])
    assert torch.equal(every.start_fm[left], some.start_fm)


def test_streamed_and_resident_faces_make_equal_batches():
    resident, streamed = epoch_of(memory=1.0), epoch_of(memory=0.0)
    index = torch.tensor([3, 39, 0, 3])
    assert torch.equal(resident.faces(index), streamed.faces(index))
    assert resident.faces.resident is not None
    assert streamed.faces.resident is None
    for a, b in zip(resident, streamed, strict=True):
        for name in ("index", "label", "target", "start_fm", "start_bs"):
            assert torch.equal(getattr(a, name), getattr(b, name))
        assert torch.equal(a.views[0], b.views[0])


def test_mixup_adds_a_share_of_the_batch_turned_round_to_faces_and_targets():
    plain = epoch_of(batch_size=8, targets="votes")
    mixed = epoch_of(batch_size=8, targets="votes", mixup=0.4)
    shares = torch.cat([0.4 * one for one in mixed.mixed])
    assert 0 <= shares.min() < 0.05
    assert 0.35 < shares.max() < 0.4
    for step, (before, after) in enumerate(zip(plain, mixed, strict=True)):
        assert torch.equal(before.label, after.label)
        for i, share in enumerate(0.4 * mixed.mixed[step]):
            other = len(before.label) - 1 - i
            for was, now in ((before.views[0], after.views[0]), (before.target, after.target)):
                expected = (1 - share) * was[i] + share * was[other]
                torch.testing.assert_close(now[i], expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(after.target.sum(1), torch.ones(8))


@pytest.mark.parametrize("wrong", [{"targets": "majority"}, {"labelled_fraction": 0.5}])
def test_mixup_wants_a_target_that_can_be_mixed(wrong):
    with pytest.raises(ValueError, match="mixup: mixes targets, expected"):
        recipe(**{"targets": "votes", "mixup": 0.2, **wrong})


def test_the_contrast_rises_in_equal_steps_over_its_share_of_the_epochs():
    """4 epochs of 3 batches; by the end of the third quarter, nine steps, it is all there."""
    warming = OURS.model_copy(update={"warmup": Warmup(share=0.75)})
    found = [
        float(batch.warmup)
        for epoch in range(4)
        for batch in epoch_of(warming, epoch=epoch, epochs=4, batch_size=8)
    ]
    assert found == pytest.approx([min(step / 9, 1) for step in range(12)])
    assert [float(batch.warmup) for batch in epoch_of(epochs=4, batch_size=8)] == [1, 1, 1]
