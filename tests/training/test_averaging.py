"""The moving average of the weights (`ema`) against one kept by hand."""

import pytest
import torch
from recipes import recipe
from tiny import data, digest, killed_and_resumed, run
from variants import BASELINE, OURS

from clfer.faces.views import central
from clfer.training.batches import Batches
from clfer.training.examples import Faces
from clfer.training.state import begin
from clfer.training.step import forward, update

EMA = 0.8


def recorded(chosen):
    """The weights after every step of an epoch, taken step by step, and the state at its end."""
    stored, split = data()
    settings = recipe(ema=EMA)
    faces = Faces(stored, torch.device("cpu"), memory=1.0)
    state = begin(settings, chosen, split["train"], 0, torch.device("cpu"))
    steps = []
    for batch in Batches(faces, split["train"], settings, state.contrast, 0, 0):
        update(state, forward(state, batch, settings, chosen, None))
        weights = state.trained.state_dict()
        steps.append({name: value.double().clone() for name, value in weights.items()})
    return steps, state


@pytest.mark.parametrize("chosen", [BASELINE, OURS], ids=["baseline", "ours"])
def test_the_average_is_the_one_of_the_recorded_weights(tmp_path, chosen):
    steps, state = recorded(chosen)
    average = steps[0]  # not the initial weights, which are noise
    for weights in steps[1:]:
        average = {n: EMA * average[n] + (1 - EMA) * weights[n] for n in weights}
    kept = run(tmp_path, variant=chosen, ema=EMA, epochs=1).best
    assert len(steps) == 3
    for found in (state.network.state_dict(), kept):
        assert found.keys() == average.keys()
        for name, value in found.items():
            if value.is_floating_point():  # running statistics are averaged, too
                torch.testing.assert_close(value.double(), average[name], rtol=1e-5, atol=1e-7)
    assert any(
        not torch.allclose(value.double(), steps[-1][name], rtol=1e-3)
        for name, value in kept.items()
        if value.is_floating_point()
    )


def test_the_averaged_network_is_the_one_that_is_looked_at(tmp_path):
    stored, split = data()
    state = run(tmp_path, ema=EMA, epochs=1)
    network = state.network.eval()
    network.load_state_dict(state.best)
    with torch.no_grad():
        images = central(torch.from_numpy(stored[:16]), recipe())
        probability = network(images).double().softmax(1)
    label = split["val"].label
    likelihood = probability[torch.arange(len(label)), label]
    assert state.history[0]["val_loss"] == pytest.approx(float(-likelihood.log().mean()), rel=1e-4)
    assert state.history[0]["val_accuracy"] == float(
        (probability.argmax(1) == label).double().mean()
    )


def test_averaging_leaves_the_training_itself_as_it_is(tmp_path):
    plain, averaged = (run(tmp_path, ema=decay, epochs=1) for decay in (0.0, EMA))
    assert digest(plain.trained.state_dict()) == digest(averaged.trained.state_dict())
    assert digest(averaged.network.state_dict()) != digest(averaged.trained.state_dict())


def test_without_ema_the_trained_weights_are_kept(tmp_path):
    state = run(tmp_path, ema=0.0, epochs=1)
    assert state.averaged is None
    assert state.network is state.trained
    assert digest(state.best) == digest(state.trained.state_dict())


def test_a_killed_run_goes_on_with_its_average(tmp_path):
    resumed = killed_and_resumed(tmp_path / "a", ema=EMA)
    through = run(tmp_path / "b", ema=EMA)
    assert digest(resumed.trained.state_dict()) == digest(through.trained.state_dict())
    assert digest(resumed.network.state_dict()) == digest(through.network.state_dict())
    assert digest(resumed.best) == digest(through.best)
    assert resumed.history == through.history
