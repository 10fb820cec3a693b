"""One step of training: the cross-entropy against loops in float64, and the step as the device
sees it.
"""

import pytest
import torch
from recipes import recipe
from tiny import ROWS, bands, data, digest, variant

from clfer.training.batches import Batches
from clfer.training.examples import Faces, supervised
from clfer.training.state import begin
from clfer.training.step import Stepper, cross_entropy

CPU = torch.device("cpu")
CLASSES = 4
STEPS = 8


def reference(logits, label, target, smoothing=0.0, weight=(1.0,) * CLASSES):
    """Of each labelled image -sum_c w_c t_c log p_c, where t = (1 - s) target + s / C; their
    mean.
    """
    labelled = label >= 0
    wanted = (1 - smoothing) * target.double() + smoothing / CLASSES
    losses = -(torch.tensor(weight) * wanted * logits.double().log_softmax(1)).sum(1)
    return float(losses[labelled].mean()) if labelled.any() else 0.0


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
    wanted = target if targets == "votes" else torch.eye(CLASSES)[label.clamp(min=0)]
    expected = reference(logits, label, wanted, smoothing, weight or [1.0] * CLASSES)
    assert float(found) == pytest.approx(expected, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("unlabelled", [(1, 5), range(7)], ids=["some", "none"])
@pytest.mark.parametrize("targets", ["majority", "votes"])
def test_logits_without_a_label_get_no_gradient_at_all(targets, unlabelled):
    logits, label, target = batch(unlabelled)
    logits.requires_grad_()
    how = recipe(targets=targets, label_smoothing=0.1)
    cross_entropy(logits, label, target, how, torch.ones(CLASSES)).backward()
    assert ((logits.grad.abs().sum(1) == 0) == (label == -1)).all()


def test_logits_of_low_precision_are_compared_in_float32():
    logits, label, target = batch()
    low = logits.bfloat16()
    expected = reference(low, label, torch.eye(CLASSES)[label])
    found = cross_entropy(low, label, target, recipe(), None)
    assert found.dtype == torch.float32
    assert float(found) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ROWS)
def test_a_whole_step_never_makes_the_host_wait(no_host_reads, name):
    """From the stored faces to the updated weights: what a GPU is told to do in one go, and what a
    CUDA graph could record. (With `ema` PyTorch reads a counter that it keeps on the host.)
    """
    known, chosen = bands(), variant(name)
    how = recipe(balance="weights", labelled_fraction=0.5, label_smoothing=0.1)
    if chosen.released:  # its head wants a deepest map of 7 x 7
        how = how.model_copy(update={"backbone": "resnet18", "resize": 112, "crop": 112})
    training = supervised(known.splits["train"], how, chosen, 0)
    state = begin(how, chosen, training, 0, CPU)
    stepper = Stepper(state, how, chosen, CPU)
    batches = Batches(known.faces, training, how, state.contrast, 0, 0)
    metrics = stepper.begin_epoch(training, len(batches))

    def step():
        batch = batches[0]
        outcome = stepper.take(batch, 1e-3, grouping=False)
        metrics.add(0, outcome.losses, outcome.logits, batch.label)

    step()  # the optimiser makes its state
    before = state.trained.classifier.weight.detach().clone()
    with no_host_reads():
        step()
    assert not torch.equal(state.trained.classifier.weight, before)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("name", ["baseline", "ours", "simsiam", "scn"])
def test_a_replayed_step_is_the_step_itself(name, optimizer):
    def epoch(recorded):
        gpu = torch.device("cuda")
        stored, split = data(8 * STEPS + 16)
        how = recipe(optimizer=optimizer, balance="weights", ema=0.9)
        chosen, training = variant(name), split["train"].to(gpu)
        state = begin(how, chosen, training, 0, gpu)
        stepper = Stepper(state, how, chosen, gpu)
        if not recorded:
            stepper.steps = [graph.step for graph in stepper.steps]
        state.trained.train()
        batches = Batches(Faces(stored, gpu, 1.0), training, how, state.contrast, 0, 0)
        metrics = stepper.begin_epoch(training, len(batches))
        for step, batch in enumerate(batches):
            outcome = stepper.take(batch, 1e-3 * (step + 1), grouping=step % 2 == 0)
            metrics.add(step, outcome.losses, outcome.logits, batch.label)
        weights = {k: v.cpu() for k, v in state.network.state_dict().items()}
        return metrics.means(), digest(weights)

    assert epoch(recorded=True) == epoch(recorded=False)
