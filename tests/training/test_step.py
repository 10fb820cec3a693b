"""A step of training as the device sees it."""

import pytest
import torch
from recipes import recipe
from tiny import ROWS, data, variant

from clfer.training.batches import Batches
from clfer.training.examples import Faces, class_weights, supervised
from clfer.training.state import begin
from clfer.training.step import forward, update

CPU = torch.device("cpu")


@pytest.mark.parametrize("name", ROWS)
def test_a_whole_step_never_makes_the_host_wait(no_host_reads, name):
    """From the stored faces to the updated weights: what a GPU is told to do in one go, and what a
    CUDA graph could record. (With `ema` PyTorch reads a counter that it keeps on the host.)
    """
    stored, split = data()
    chosen = variant(name)
    how = recipe(balance="weights", labelled_fraction=0.5, label_smoothing=0.1)
    training = supervised(split["train"], how, chosen, 0)
    state = begin(how, chosen, training, 0, CPU)
    balance = class_weights(training)
    batches = Batches(Faces(stored, CPU, 1.0), training, how, state.contrast, 0, 0)
    metrics = Tally(len(batches), CPU)

    def step(number):
        batch = batches[number]
        outcome = forward(state, batch, how, chosen, balance)
        metrics.watch(outcome.features)
        update(state, outcome)
        metrics.add(number, outcome.losses, outcome.logits, batch.label)

    step(0)  # the optimiser makes its state
    before = state.trained.classifier.weight.detach().clone()
    with no_host_reads():
        step(0)
    assert not torch.equal(state.trained.classifier.weight, before)
