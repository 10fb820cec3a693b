"""The training loop: repeatable, resumable, honest about which split it looks at."""

import hashlib
import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from variants import BASELINE, OURS

from clfer.errors import InputError
from clfer.progress import silent
from clfer.training.checkpoints import claim, fingerprint
from clfer.training.examples import Examples, Faces, order
from clfer.training.loop import train
from clfer.training.recipe import Recipe
from clfer.training.schedule import learning_rate
from clfer.training.supervision import class_weights

RECIPE = Recipe(
    backbone="resnet10",
    weights="none",
    stem="small",
    resize=68,
    crop=64,
    flip=0.5,
    erasing=0.5,
    erasing_area=0.1,
    epochs=2,
    batch_size=8,
    lr=0.001,
    weight_decay=0.0001,
    schedule="exponential",
    decay=0.9,
    targets="majority",
    label_smoothing=0.0,
    labelled_fraction=1.0,
    unlabelled="keep",
    balance="none",
    ema=0.0,
    select="val",
    precision="auto",
    compile=False,
)


def data(count=40, classes=3):
    """Faces whose class shows as a bright band, in random order."""
    random = np.random.default_rng(0)
    label = random.integers(0, classes, count)
    stored = random.integers(0, 80, (count, 48, 48, 1), dtype=np.uint8)
    for i, c in enumerate(label):
        stored[i, 16 * c : 16 * c + 16] += 150
    label = torch.from_numpy(label)
    target = torch.nn.functional.one_hot(label, classes).float()
    split = {
        "train": Examples(torch.arange(24), label[:24], target[:24]),
        "val": Examples(torch.arange(24, count), label[24:], target[24:]),
    }
    return stored, split


def run(folder, variant=OURS, seed=0, report=lambda row: None, **changes):
    stored, split = data()
    faces = Faces(stored, torch.device("cpu"), memory=1.0)
    with claim(folder) as checkpoint:
        return train(
            faces,
            split,
            RECIPE.model_copy(update=changes),
            variant,
            seed,
            checkpoint,
            silent,
            report,
        )


def digest(weights):
    together = hashlib.sha256()
    for name in sorted(weights):
        together.update(weights[name].numpy().tobytes())
    return together.hexdigest()


def test_the_same_seed_gives_the_same_weights_and_history_and_another_seed_does_not(tmp_path):
    first, second = run(tmp_path / "a"), run(tmp_path / "b")
    assert digest(first.network.state_dict()) == digest(second.network.state_dict())
    assert first.history == second.history
    assert digest(run(tmp_path / "c", seed=1).best) != digest(first.best)


def test_a_run_killed_after_an_epoch_ends_as_one_that_ran_through(tmp_path):
    class KilledError(Exception):
        pass

    def kill(row):
        raise KilledError

    with pytest.raises(KilledError):
        run(tmp_path / "a", report=kill)
    seen = []
    resumed = run(tmp_path / "a", report=seen.append)
    through = run(tmp_path / "b")
    assert len(seen) == 1
    assert digest(resumed.network.state_dict()) == digest(through.network.state_dict())
    assert digest(resumed.best) == digest(through.best)
    assert resumed.history == through.history
    assert not (tmp_path / "a").exists()


def test_the_history_has_every_part_and_the_losses_add_up(tmp_path):
    history = run(tmp_path / "a").history
    assert [row["epoch"] for row in history] == [1, 2]
    for row in history:
        assert row["loss"] == pytest.approx(row["loss_cls"] + row["loss_fm"] + row["loss_bs"])
        assert -0.1 <= row["loss_fm"] < 0
        assert -0.1 <= row["loss_bs"] < 0
        assert all(row[f"gradient_{j}"] > 0 for j in (1, 2, 3, 4))
    assert history[1]["lr"] == pytest.approx(0.0009)
    baseline = run(tmp_path / "b", variant=BASELINE).history[0]
    assert baseline["loss"] == baseline["loss_cls"]
    assert "loss_fm" not in baseline


def test_the_first_best_epoch_is_kept(tmp_path):
    state = run(tmp_path / "a", epochs=4)
    accuracies = [row["val_accuracy"] for row in state.history]
    assert state.best_epoch == accuracies.index(max(accuracies)) + 1


def test_it_learns_what_is_plain_to_see(tmp_path):
    state = run(tmp_path / "a", epochs=8, erasing=0.0)
    assert max(row["val_accuracy"] for row in state.history) > 0.8


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_epoch(tmp_path):
    with pytest.raises(InputError, match=r"loss is not a number from epoch \d+, step \d+ on"):
        run(tmp_path / "a", lr=1e30, epochs=3)


def test_selection_on_the_test_split_wants_the_test_split(tmp_path):
    with pytest.raises(KeyError):
        run(tmp_path / "a", select="test")


def test_two_trainers_never_write_the_same_run(tmp_path):
    with (
        claim(tmp_path),
        pytest.raises(InputError, match=r"another process \(pid \d+\)"),
        claim(tmp_path),
    ):
        pass


def test_a_state_is_keyed_by_everything_it_depends_on():
    assert fingerprint({"lr": 0.1}, 0) != fingerprint({"lr": 0.2}, 0)
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})


def test_a_broken_state_is_named(tmp_path):
    (tmp_path / "state.pt").write_bytes(b"half a fi")
    with pytest.raises(InputError, match=r"state.pt is no readable state"):
        run(tmp_path)


def test_streamed_and_resident_faces_are_the_same():
    stored, _ = data()
    index = torch.tensor([3, 39, 0, 3])
    resident = Faces(stored, torch.device("cpu"), memory=1.0)
    streamed = Faces(stored, torch.device("cpu"), memory=0.0)
    assert streamed.resident is None
    assert torch.equal(resident(index), streamed(index))
    assert torch.equal(resident(index), torch.from_numpy(stored[[3, 39, 0, 3]]))


def test_an_epoch_visits_every_face_once_in_an_order_of_its_own():
    _, split = data()
    first, again, next_one = (order(split["train"], "none", 0, epoch) for epoch in (0, 0, 1))
    assert sorted(first.tolist()) == list(range(24))
    assert torch.equal(first, again)
    assert not torch.equal(first, next_one)


def test_the_sampler_and_the_weights_balance_the_classes():
    label = torch.tensor([0] * 90 + [1] * 10)
    examples = Examples(torch.arange(100), label, torch.nn.functional.one_hot(label, 2).float())
    drawn = torch.cat([label[order(examples, "sampler", 0, epoch)] for epoch in range(50)])
    assert float(drawn.float().mean()) == pytest.approx(0.5, abs=0.03)
    weights = class_weights(examples)
    assert float(weights[label].mean()) == pytest.approx(1.0)
    assert float(weights[1] / weights[0]) == pytest.approx(9.0)


def test_schedules():
    assert learning_rate(RECIPE, 3, 5, 10) == pytest.approx(0.001 * 0.9**3)
    cycle = RECIPE.model_copy(update={"schedule": "one_cycle", "epochs": 10})
    rates = [learning_rate(cycle, epoch, step, 10) for epoch in range(10) for step in range(10)]
    assert rates[0] == pytest.approx(0.001 / 25)
    assert rates[30] == max(rates) == pytest.approx(0.001)
    assert all(
        math.copysign(1, b - a) == (1 if i < 30 else -1) for i, (a, b) in enumerate(pairwise(rates))
    )
    assert rates[-1] < 1e-5
