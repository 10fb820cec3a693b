"""The method as a whole (eq. 1-12, Alg. 1): its losses from the blocks' features, their sum, and
what learns from which.
"""

import pytest
import references
import torch
from recipes import recipe
from torch.nn import functional as F
from variants import BASELINE, OURS, SCN_SETTINGS, SIMSIAM_SETTINGS, changed, small

from clfer.model.multiscale import pool
from clfer.model.network import noise_loss
from clfer.model.variant import Variant, Warmup
from clfer.training.batches import Batch
from clfer.training.state import State
from clfer.training.step import JointLoss, update

SIAMESE = OURS.model_copy(update={"simsiam": SIMSIAM_SETTINGS})
RECIPE = recipe(resize=64, erasing=0.0, weight_decay=0.0, precision="float32")


def draws(contrast, images, dtype=torch.float32):
    """The uniform draws of both K-means, the same whatever the variant."""
    per_image, per_batch = contrast.draws
    random = torch.Generator().manual_seed(0)
    several = torch.rand(images, 9, 9, generator=random, dtype=dtype)
    single = torch.rand(9, 9, generator=random, dtype=dtype)
    return several[:, : per_image[0], : per_image[1]], single[: per_batch[0], : per_batch[1]]


def one_step(variant, images=3, dtype=torch.float64, seed=0):
    """A state of a run, a batch, and what a forward pass leaves. The last image has no label."""
    network, contrast = small(variant, seed)
    network.to(dtype)
    contrast.to(dtype)
    random = torch.Generator().manual_seed(7)
    pictures = torch.randn(2, images, 3, 64, 64, generator=random).to(dtype)
    label = torch.arange(images) % 8
    label[-1] = -1 if images > 1 else 0
    target = F.one_hot(label.clamp(min=0), 8).float() * (label >= 0).unsqueeze(1)
    views = list(pictures) if variant.simsiam else [pictures[0]]
    starts = *draws(contrast, images, dtype), torch.rand(images, 1, 4), torch.tensor(0.25)
    batch = Batch(torch.arange(images), views, label, target, *starts)
    weights = [*network.parameters(), *contrast.parameters()]
    state = State(network, None, contrast, torch.optim.SGD(weights, lr=1.0), label)
    return state, batch, JointLoss(state, RECIPE, variant)(batch)


def test_the_joint_loss_is_equation_10_of_equations_6_7_and_11():
    """Of the heads, whose losses are held against loops by themselves, on maps pooled by a loop."""
    state, batch, outcome = one_step(OURS)
    side = outcome.features[-1].shape[-1]
    pooled = {
        j: torch.tensor(references.pool(outcome.features[j].detach().numpy(), side, side))
        for j in (1, 3)
    }
    expected = {
        "loss_cls": float(F.cross_entropy(outcome.logits, batch.label, ignore_index=-1).detach()),
        "loss_fm": float(state.contrast.clfm(pooled, batch.start_fm).detach()),
        "loss_bs": float(state.contrast.clbs(pooled, batch.label, batch.start_bs)[0].detach()),
    }
    found = {name: float(loss.detach()) for name, loss in outcome.losses.items()}
    assert list(found) == list(expected)
    assert found == pytest.approx(expected, rel=1e-6)  # the first in float32


def test_the_contrast_alone_warms_up():
    """At a quarter of its weights, the batch being the same."""
    _, _, ours = one_step(SIAMESE)
    _, _, warming = one_step(SIAMESE.model_copy(update={"warmup": Warmup(share=0.5)}))
    shares = {"loss_cls": 1.0, "loss_fm": 0.25, "loss_bs": 0.25, "loss_sim": 1.0}
    assert warming.losses.keys() == ours.losses.keys() == shares.keys()
    for name, loss in warming.losses.items():
        expected = shares[name] * float(ours.losses[name].detach())
        assert float(loss.detach()) == pytest.approx(expected, rel=1e-6)


def test_a_step_descends_along_the_gradient_of_the_joint_loss():
    state, _, outcome = one_step(OURS)
    weights = [*state.trained.parameters(), *state.contrast.parameters()]
    before = [weight.detach().clone() for weight in weights]
    joint = sum(loss.double() for loss in outcome.losses.values())
    gradient = torch.autograd.grad(joint, weights, retain_graph=True)
    update(state, outcome)
    for old, new, slope in zip(before, weights, gradient, strict=True):
        torch.testing.assert_close(new.detach(), old - slope, rtol=1e-6, atol=1e-9)


def joint_gradients(variant):
    """The gradient of the joint loss in each parameter, by name."""
    state, _, outcome = one_step(variant, images=4, dtype=torch.float32)
    total(outcome.losses).backward()
    named = [*state.trained.named_parameters(), *state.contrast.named_parameters()]
    return {name: parameter.grad for name, parameter in named}


def test_hard_codes_train_nothing_bitwise_and_soft_codes_do():
    """The paper's hash coding, taken literally, leaves the gradient of every parameter as it is
    without CLFM (alpha zero); CLFM's own convolutions get none at all.
    """
    without = joint_gradients(changed(OURS, "clfm", alpha=(0.0, 0.0, 0.0)))
    hard = joint_gradients(changed(OURS, "clfm", hash="hard"))
    soft = joint_gradients(OURS)
    own = {name for name in hard if name.startswith("clfm.")}
    assert own == hard.keys() - without.keys() != set()
    assert all(hard[name] is None for name in own)
    assert all(soft[name].abs().max() > 0 for name in own)
    for name, gradient in without.items():
        assert torch.equal(hard[name], gradient), name
    encoder = [name for name in without if name.startswith("encoder.blocks.1.")]
    assert not any(torch.equal(soft[name], without[name]) for name in encoder)


@pytest.mark.parametrize(("fine", "coarse"), [((8, 8), (4, 4)), ((7, 9), (3, 4)), ((5, 5), (5, 5))])
def test_pooling_is_the_mean_of_each_cell_of_the_deepest_grid(fine, coarse):
    features, deepest = torch.randn(2, 3, *fine).double(), torch.zeros(2, 5, *coarse)
    expected = torch.tensor(references.pool(features.numpy(), *coarse))
    torch.testing.assert_close(pool(features, deepest), expected)
    assert pool(features.bfloat16(), deepest).dtype == torch.float32


def contrast_case(variant, images=4, dtype=torch.float32):
    """The heads of a variant and what they take, of fixed shapes. The last image has no label."""
    network, contrast = small(variant)
    features = [
        torch.randn(images, c, side, side, dtype=dtype)
        for c, side in zip(network.encoder.channels, (32, 16, 8, 4), strict=True)
    ]
    views = list(torch.randn(2, images, network.width, dtype=dtype))
    labels = torch.tensor([*range(images - 1), -1])
    return contrast.to(dtype), (features, labels, *draws(contrast, images, dtype), views)


def total(losses):
    return torch.stack(list(losses.values())).sum()


def test_layers_of_weight_zero_have_no_parameters_and_are_not_computed():
    contrast, (features, *others) = contrast_case(OURS)
    assert set(contrast.clfm.convolutions) == set(contrast.clbs.projections) == {"1", "3"}
    cut = [maps[..., :0] for maps in features]  # pooling these fails
    contrast([cut[0], features[1], cut[2], features[3]], *others)
    with pytest.raises(RuntimeError):
        contrast([features[0], cut[1], features[2], features[3]], *others)


HEADS = {"clfm": "clfm.convolutions.{}.weight", "clbs": "clbs.projections.{}.0.weight"}


@pytest.mark.parametrize("part", HEADS)
@pytest.mark.parametrize("detach", [False, True])
def test_the_deepest_block_learns_unless_it_is_detached_and_its_head_always(part, detach):
    others = dict.fromkeys({"clfm", "clbs"} - {part})
    variant = changed(OURS, part, detach_deep=detach).model_copy(update=others)
    contrast, (features, *more) = contrast_case(variant)
    features = [maps.detach().requires_grad_() for maps in features]
    total(contrast(features, *more)[0]).backward()
    assert (features[3].grad is None) == detach
    assert features[1].grad.abs().max() > 0
    for j in (1, 3):
        assert contrast.get_parameter(HEADS[part].format(j)).grad.abs().max() > 0


@pytest.mark.parametrize("centers", ["kmeans", "class"])
def test_the_gradient_of_the_losses(centers):
    """In the maps and in all weights along some directions, with the clusters as they fall."""
    variant = changed(OURS, "clbs", centers=centers)
    contrast, (features, *others) = contrast_case(variant, dtype=torch.float64)
    names, weights = zip(*contrast.named_parameters(), strict=True)

    def loss(values):
        given = [features[0], values[0], features[2], values[1]]
        weights = dict(zip(names, values[2:], strict=True))
        return total(torch.func.functional_call(contrast, weights, (given, *others))[0])

    inputs = [v.detach().clone().requires_grad_() for v in (features[1], features[3], *weights)]
    gradients = torch.autograd.grad(loss(inputs), inputs)
    for _ in range(3):
        ways = [1e-8 * torch.randn_like(value) for value in inputs]
        ends = [loss([v + s * w for v, w in zip(inputs, ways, strict=True)]) for s in (1, -1)]
        slope = sum((g * w).sum() for g, w in zip(gradients, ways, strict=True))
        assert float((ends[0] - ends[1]).detach() / 2) == pytest.approx(float(slope), rel=1e-4)


@pytest.mark.parametrize("variant", [OURS, changed(OURS, "clbs", centers="class"), SIAMESE])
def test_the_losses_are_one_graph(one_graph, variant):
    contrast, given = contrast_case(variant)
    found, expected = one_graph(contrast)(*given), contrast(*given)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_the_losses_of_rounded_features_are_in_single_precision():
    contrast, (features, labels, fm, bs, views) = contrast_case(SIAMESE)
    rounded = [f.bfloat16() for f in features], labels, fm, bs, [v.bfloat16() for v in views]
    losses, _ = contrast(*rounded)
    assert set(losses) == {"loss_fm", "loss_bs", "loss_sim"}
    for name, loss in contrast(features, labels, fm, bs, views)[0].items():
        assert losses[name].dtype == torch.float32
        assert float(losses[name].detach()) == pytest.approx(float(loss.detach()), abs=0.02)


def test_what_variants_share_starts_the_same_in_all_of_them():
    variants = [
        BASELINE,
        OURS,
        SIAMESE,
        Variant(clbs=OURS.clbs),
        Variant(msr=OURS.msr, clbs=OURS.clbs),
        Variant(msr=OURS.msr, clfm=OURS.clfm),
        Variant(msr=OURS.msr, simsiam=SIMSIAM_SETTINGS, scn=SCN_SETTINGS),
        changed(OURS, "clfm", alpha=(0.0, 0.0, 0.0)),
    ]
    seen = {}
    for variant in variants:
        for part in small(variant, seed=3):
            for name, value in part.state_dict().items():
                if name.split(".")[0] in ("representation", "classifier") and not variant.msr:
                    continue  # of another width
                assert torch.equal(seen.setdefault(name, value), value), name
    assert {name.split(".")[0] for name in seen} >= {"encoder", "clfm", "clbs", "simsiam"}
    other = small(OURS, seed=4)[1].state_dict()
    assert not torch.equal(
        other["clbs.projections.3.1.weight"], seen["clbs.projections.3.1.weight"]
    )


def test_noise_agrees_in_the_mean_of_many_channels_more_than_by_single_ones():
    def loss(variant, backbone="resnet10_quarter"):
        return noise_loss(backbone, "small", 64, variant)

    assert loss(BASELINE) is None
    assert -0.1 < loss(OURS, "resnet18") < loss(OURS) < -0.06  # with more channels, more
    assert -0.05 < loss(changed(OURS, "clfm", agreement="channels")) < 0
