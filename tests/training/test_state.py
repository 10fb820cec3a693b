"""The state of a run: its optimizer and moving average, and the checkpoint it is resumed from."""

import os
import time
from contextlib import suppress
from functools import partial

import pytest
import torch
from recipes import recipe
from tiny import bands, data, digest, killed_and_resumed, run, trained, variant
from torch import nn
from torch.optim import SGD, Adam, AdamW
from variants import BASELINE, OURS

from clfer.errors import InputError
from clfer.faces.views import central
from clfer.files import UNUSED, fingerprint
from clfer.training.batches import Batches
from clfer.training.state import begin, claim, optimizer
from clfer.training.step import JointLoss, lr_on_device, set_lr, update

CPU = torch.device("cpu")
DECAY = 0.1
GRADIENTS = [torch.tensor([0.5, -2.0]), torch.tensor([1.0, 0.25]), torch.tensor([-0.5, 3.0])]
RATES = [0.1, 0.05, 0.2]
EMA = 0.8


PLAIN = {
    "adam": partial(Adam, weight_decay=DECAY),
    "adamw": partial(AdamW, weight_decay=DECAY),
    "sgd": partial(SGD, momentum=0.9, nesterov=True, weight_decay=DECAY),
}


@pytest.mark.parametrize("on_device", [False, True], ids=["number", "tensor"])
@pytest.mark.parametrize("name", PLAIN)
def test_three_steps_are_those_of_the_plain_optimizer(name, on_device):
    """In float64, its rates set as it has them."""
    weight = nn.Parameter(torch.tensor([1.0, -1.0]))
    exact = nn.Parameter(weight.detach().double())
    found = optimizer(recipe(optimizer=name, weight_decay=DECAY), [weight], CPU)
    plain = PLAIN[name]([exact], lr=1.0, foreach=False)
    if on_device:
        lr_on_device(found, CPU)
    number = found.param_groups[0]["lr"]
    for gradient, rate in zip(GRADIENTS, RATES, strict=True):
        weight.grad, exact.grad = gradient.clone(), gradient.double()
        set_lr(found, rate)
        plain.param_groups[0]["lr"] = rate
        found.step()
        plain.step()
    assert not on_device or found.param_groups[0]["lr"] is number  # a recorded step reads it
    torch.testing.assert_close(weight.double(), exact, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("chosen", [BASELINE, OURS], ids=["baseline", "ours"])
def test_the_average_is_that_of_the_weights_after_every_step(chosen):
    known, settings = bands(), recipe(ema=EMA)
    training = known.splits["train"]
    state = begin(settings, chosen, training, 0, CPU)
    steps = []
    for batch in Batches(known.faces, training, settings, state.contrast, 0, 0):
        update(state, JointLoss(state, settings, chosen)(batch))
        weights = state.trained.state_dict()
        steps.append({name: value.double().clone() for name, value in weights.items()})
    average = steps[0]  # not the initial weights, which are noise
    for weights in steps[1:]:
        average = {n: EMA * average[n] + (1 - EMA) * weights[n] for n in weights}
    kept = run(chosen, ema=EMA, epochs=1).best
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


def test_the_averaged_network_is_validated_and_training_itself_stays_as_it_is():
    stored, split = data()
    state, plain = trained(ema=EMA, epochs=1), trained(epochs=1)
    assert digest(plain.trained.state_dict()) == digest(state.trained.state_dict())
    assert digest(state.network.state_dict()) != digest(state.trained.state_dict())
    assert plain.ema is None
    assert digest(plain.best) == digest(plain.trained.state_dict())
    network = state.network.eval()
    network.load_state_dict(state.best)
    with torch.no_grad():
        images = central(torch.from_numpy(stored[:16]), recipe())
        probability = network(images).double().softmax(1)
    label = split["val"].label
    likelihood = probability[torch.arange(len(label)), label]
    (row,) = state.history
    assert row["val_loss"] == pytest.approx(float(-likelihood.log().mean()), rel=1e-4)
    assert row["val_accuracy"] == float((probability.argmax(1) == label).double().mean())


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("ours", {}),
        ("ours", {"ema": EMA}),
        ("simsiam", {"optimizer": "sgd"}),
        ("scn", {}),
    ],
    ids=["ours", "ema", "simsiam", "scn"],
)
def test_a_run_killed_after_an_epoch_ends_as_one_that_ran_through(tmp_path, name, how):
    chosen = variant(name)
    if name == "scn":  # half of a batch may change its label, from the first step on
        eager = {"relabel_margin": 0.0, "high": 0.5, "relabel_from": 0.0}
        chosen = variant("scn", scn=eager)
        given = data()[1]["train"].label
        assert (run(chosen, epochs=1, **how).label != given).any()  # before it was killed
    through = run(chosen, **how)
    resumed = killed_and_resumed(tmp_path / "a", variant=chosen, **how)
    for part in ("trained", "network", "contrast"):
        a, b = (getattr(state, part).state_dict() for state in (resumed, through))
        assert digest(a) == digest(b)
    for part in ("best", "snapshots"):
        assert digest(getattr(resumed, part)) == digest(getattr(through, part))
        assert getattr(resumed, part).keys() == getattr(through, part).keys()
    assert torch.equal(resumed.label, through.label)
    assert resumed.history == through.history
    assert not (tmp_path / "a").exists()


def test_two_trainers_never_write_the_same_run(tmp_path):
    with (
        claim(tmp_path),
        pytest.raises(InputError, match=r"another process \(pid \d+\)"),
        claim(tmp_path),
    ):
        pass


def test_a_fingerprint_knows_no_order_of_settings():
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})


def test_a_broken_state_is_named(tmp_path):
    (tmp_path / "state.pt").write_bytes(b"half a fi")
    with pytest.raises(InputError, match=r"state.pt is no readable state"):
        run(folder=tmp_path)


@pytest.mark.parametrize("error", [MemoryError, PermissionError, torch.OutOfMemoryError])
def test_a_machine_without_room_does_not_make_a_state_a_broken_one(tmp_path, error):
    class Large:
        def state_dict(self):
            return {}

        def load_state_dict(self, saved):
            raise error

    with claim(tmp_path / "run") as checkpoint:
        checkpoint.save(Large())
        with pytest.raises(error):
            checkpoint.resume(Large())


def test_what_none_goes_on_with_for_a_month_goes(tmp_path):
    for name in ("old", "held", "young", "other"):
        with suppress(RuntimeError), claim(tmp_path / name) as checkpoint:
            checkpoint.path.write_bytes(b"a state")
            raise RuntimeError
    (tmp_path / "other/lock").unlink()  # a folder of somebody else
    with claim(tmp_path / "held"):
        for file in tmp_path.glob("*/*"):
            age = UNUSED - 3600 if file.parent.name == "young" else UNUSED + 3600
            os.utime(file, (time.time() - age,) * 2)
        with claim(tmp_path / "new"):
            pass
        assert {one.name for one in tmp_path.iterdir()} == {"held", "young", "other"}
