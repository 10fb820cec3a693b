"""What is kept of the validation faces at four moments of a training."""

import pytest
import torch
from clfer.training.moments import moments, observed
from recipes import recipe
from tiny import data, killed_and_resumed, run
from variants import BASELINE, OURS

from clfer.faces.views import central
from clfer.training.examples import Examples


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [(1, {1}), (2, {1, 2}), (5, {1, 2, 3, 5}), (9, {1, 3, 5, 9}), (100, {1, 25, 50, 100})],
)
def test_the_first_epoch_the_last_and_two_between(epochs, expected):
    assert moments(epochs) == expected


@pytest.mark.parametrize("variant", [BASELINE, OURS], ids=["baseline", "ours"])
def test_the_last_moment_is_what_the_trained_network_makes_of_the_faces(tmp_path, variant):
    state = run(tmp_path, variant=variant)
    stored, split = data()
    assert set(state.moments) == {"face", "epoch_001", "epoch_002"}
    assert torch.equal(state.moments["face"], split["val"].face)
    network = state.network.eval()
    images = central(torch.from_numpy(stored[split["val"].face.numpy()]), recipe())
    with torch.no_grad():
        expected = network.represent(network.features(images))
    torch.testing.assert_close(state.moments["epoch_002"].float(), expected, rtol=2e-3, atol=2e-3)
    assert not torch.equal(state.moments["epoch_001"], state.moments["epoch_002"])


def test_a_killed_run_keeps_the_moments_before_it(tmp_path):
    resumed, through = killed_and_resumed(tmp_path / "a"), run(tmp_path / "b")
    assert resumed.moments.keys() == through.moments.keys()
    for name, values in through.moments.items():
        assert torch.equal(resumed.moments[name], values)


def test_of_many_faces_some_are_looked_at_from_the_first_to_the_last():
    count = 5001
    examples = Examples(
        torch.arange(count) * 3, torch.zeros(count, dtype=torch.int64), torch.ones(count, 1)
    )
    chosen = observed(examples)
    assert len(chosen) == 2000
    assert chosen[0] == 0
    assert chosen[-1] == 15000
    steps = chosen.diff()
    assert set(steps.tolist()) <= {6, 9}
