"""The features that are kept of validation faces after four epochs."""

import pytest
import torch
from recipes import recipe
from tiny import data, trained

from clfer.faces.views import central
from clfer.training.examples import Examples
from clfer.training.prediction import snapshot_epochs, snapshot_faces


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [(1, {1}), (2, {1, 2}), (5, {1, 2, 3, 5}), (9, {1, 3, 5, 9}), (100, {1, 25, 50, 100})],
)
def test_the_first_epoch_the_last_and_two_between(epochs, expected):
    assert snapshot_epochs(epochs) == expected


@pytest.mark.parametrize("name", ["baseline", "ours"])
def test_the_last_snapshot_is_of_the_trained_network(name):
    state = trained(name)
    stored, split = data()
    assert set(state.snapshots) == {"face", "epoch_001", "epoch_002"}
    assert torch.equal(state.snapshots["face"], split["val"].face)
    network = state.network.eval()
    images = central(torch.from_numpy(stored[split["val"].face.numpy()]), recipe())
    with torch.no_grad():
        expected = network.represent(network.features(images))
    last = state.snapshots["epoch_002"]
    torch.testing.assert_close(last.float(), expected, rtol=2e-3, atol=2e-3)
    assert not torch.equal(state.snapshots["epoch_001"], last)


def test_of_many_faces_some_are_kept_from_the_first_to_the_last():
    count = 5001
    label = torch.zeros(count, dtype=torch.int64)
    chosen = snapshot_faces(Examples(torch.arange(count) * 3, label, torch.ones(count, 1)))
    assert (len(chosen), chosen[0], chosen[-1]) == (2000, 0, 15000)
    assert set(chosen.diff().tolist()) <= {6, 9}
