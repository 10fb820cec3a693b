"""Two processes against one: the same batches, losses and weights.

Normalisation is frozen, since PyTorch has none over processes for CPUs. In float64, since in
float32 rounding lets a channel or two change their cluster, and with it the loss.
"""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from closure import ROOT
from recipes import recipe
from tiny import data, variant

from clfer import distributed
from clfer.faces.views import central
from clfer.training.batches import Batches
from clfer.training.examples import Faces, supervised
from clfer.training.loop import relabel
from clfer.training.prediction import predict
from clfer.training.state import begin
from clfer.training.step import Stepper

CPU = torch.device("cpu")


def doubled(batch):
    kept = {name: getattr(batch, name).double() for name in ("target", "start_fm", "start_bs")}
    return replace(batch, views=[view.double() for view in batch.views], **kept)


def steps(name, **changes):
    stored, split = data(56)
    how, chosen = recipe(optimizer="sgd", batch_size=8, balance="weights", **changes), variant(name)
    training = supervised(split["train"], how, chosen, 0)
    state = begin(how, chosen, training, 0, CPU)
    faces = Faces(stored, CPU, 1.0)
    with torch.no_grad():  # statistics to freeze
        state.trained.train()(central(torch.from_numpy(stored), how))
    for module in (state.trained, state.contrast):
        module.double().eval()
    stepper = Stepper(state, how, chosen, CPU)
    losses = {}
    for epoch in range(2):
        labelled = replace(training, label=state.label)
        batches = Batches(faces, labelled, how, state.contrast, 0, epoch)
        metrics = stepper.begin_epoch(training, len(batches))
        stepper.weight = stepper.weight.double()
        for step, batch in enumerate(map(doubled, batches)):
            outcome = stepper.take(batch, 1e-3, grouping=step == 0)
            metrics.add(step, outcome.losses, outcome.logits, batch.label)
            if chosen.scn:
                relabel(state, batch, outcome, chosen.scn)
        metrics.gather()
        losses |= {f"{key} {epoch}": values.tolist() for key, values in metrics.losses.items()}
    state.trained.float()
    weights = torch.cat([value.flatten().double() for value in state.trained.state_dict().values()])
    return {
        "losses": losses,
        "means": metrics.means(),
        "labels": state.label.tolist(),
        "predicted": predict(state.trained, faces, torch.arange(13), how).tolist(),
        "weights": weights[::37].tolist(),
    }


def gathering():
    every = torch.arange(1.0, 7.0).view(6, 1)
    weight = torch.tensor([2.0], requires_grad=True)
    own = distributed.share(every) * weight
    (distributed.gathered(own).prod(0).sum() / 100).backward()
    rows = distributed.gathered_rows(distributed.share(torch.arange(5.0)).unsqueeze(1), 5)
    return {
        "gradient": float(distributed.summed(weight.grad) / distributed.size()),
        "rows": rows.flatten().tolist(),
    }


def computed():
    found = {name: steps(name) for name in ("scn", "simsiam", "class_center")}
    return {**found, "ours": steps("ours", labelled_fraction=0.5), "gathering": gathering()}


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """What one process computes, and what the first of two does."""
    two = tmp_path_factory.mktemp("two") / "two.pt"
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    paths = map(str, (ROOT, ROOT / "tests", ROOT / "tests" / "training"))
    more = {"PYTHONPATH": ":".join(paths), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *torchrun, __file__, str(two)]
    with subprocess.Popen(
        command, env={**os.environ, **more}, stderr=subprocess.PIPE, text=True
    ) as running:
        one = computed()
        _, errors = running.communicate()
    assert running.returncode == 0, errors
    return one, torch.load(two)


def test_two_processes_take_the_steps_of_one(both):
    one, two = both
    for name in ("scn", "simsiam", "class_center", "ours"):
        alone, shared = one[name], two[name]
        for key, values in alone["losses"].items():
            assert len(values) == 5
            np.testing.assert_allclose(shared["losses"][key], values, atol=1e-6, err_msg=name)
        for key, value in alone["means"].items():
            assert shared["means"][key] == pytest.approx(value, rel=1e-5, abs=1e-7), (name, key)
        assert shared["labels"] == alone["labels"]
        np.testing.assert_allclose(shared["weights"], alone["weights"], rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(shared["predicted"], alone["predicted"], atol=1e-6)


def test_the_gradient_of_what_is_gathered_finds_its_way_back(both):
    """Averaged over the processes, as DistributedDataParallel does, it is that of one process."""
    for found in both:  # d/dw of 720 w^6 / 100 at 2
        assert found["gathering"]["gradient"] == pytest.approx(720 * 6 * 2**5 / 100)
        assert found["gathering"]["rows"] == [0, 1, 2, 3, 4]


if __name__ == "__main__":
    with distributed.joined(CPU):
        results = computed()
        if distributed.leads():
            torch.save(results, Path(sys.argv[1]))
