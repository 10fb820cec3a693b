"""Two processes against one: the same batches, losses and weights.

Normalisation is frozen, since PyTorch has none over processes for CPUs. In float64, since in
float32 rounding lets a channel or two change their cluster, and with it the loss.
"""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from closure import ROOT

STEPS = """
import json, sys
from dataclasses import replace
from pathlib import Path

import torch
from recipes import recipe
from tiny import data, variant

from clfer import distributed
from clfer.faces.views import central
from clfer.training.batches import Batches
from clfer.training.step import Stepper
from clfer.training.examples import Faces
from clfer.training.loop import relabel
from clfer.training.prediction import predict
from clfer.training.state import begin
from clfer.training.examples import supervised
from clfer.progress import silent

CPU = torch.device("cpu")
torch.set_num_threads(1)


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
        stepper.balance = stepper.balance.double()
        for step, batch in enumerate(map(doubled, batches)):
            outcome = stepper.take(batch, 1e-3, grouping=step == 0)
            metrics.add(step, outcome.losses, outcome.logits, batch.label)
            if chosen.scn:
                relabel(state, batch, outcome, chosen.scn)
        metrics.gather()
        for key, values in metrics.losses.items():
            losses[key] = losses.get(key, []) + values.tolist()
    state.trained.float()
    exact = torch.autocast("cpu", enabled=False)
    seen = predict(state.trained, faces, torch.arange(13), how, exact, silent)
    weights = torch.cat([value.flatten().double() for value in state.trained.state_dict().values()])
    return {
        "losses": losses,
        "means": metrics.means(),
        "labels": state.label.tolist(),
        "seen": seen.tolist(),
        "weights": weights[::37].tolist(),
    }


with distributed.joined(CPU):
    found = {name: steps(name) for name in ("scn", "simsiam", "class_center")}
    found["ours"] = steps("ours", labelled_fraction=0.5)
    if distributed.leads():
        Path(sys.argv[1]).write_text(json.dumps(found))
"""


def python(folder, *command, **environment):
    paths = [ROOT, ROOT / "tests", ROOT / "tests" / "training"]
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder),
            "PYTHONPATH": ":".join(map(str, paths)),
            "OMP_NUM_THREADS": "1",
            **environment,
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_two_processes_take_the_steps_of_one(tmp_path):
    (tmp_path / "steps.py").write_text(STEPS)
    python(tmp_path, "steps.py", "one.json")
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    python(tmp_path, *torchrun, "steps.py", "two.json")
    one, two = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("one", "two"))
    assert one.keys() == two.keys()
    for name, alone in one.items():
        shared = two[name]
        assert len(alone["losses"]["loss_cls"]) == 10, name
        for key, values in alone["losses"].items():
            np.testing.assert_allclose(shared["losses"][key], values, atol=1e-6, err_msg=name)
        for key, value in alone["means"].items():
            assert shared["means"][key] == pytest.approx(value, rel=1e-5, abs=1e-7), (name, key)
        assert shared["labels"] == alone["labels"]
        np.testing.assert_allclose(shared["weights"], alone["weights"], rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(shared["seen"], alone["seen"], atol=1e-6)


def test_the_gradient_of_what_is_gathered_finds_its_way_back(tmp_path):
    """Averaged over the processes, as DistributedDataParallel does, it is that of one process."""
    code = """
import torch
from clfer import distributed
with distributed.joined(torch.device("cpu")):
    every = torch.arange(6.0).view(6, 1)
    weight = torch.tensor([2.0], requires_grad=True)
    own = distributed.share(every) * weight
    (distributed.gathered(own).prod(0).sum() / 100).backward()
    gradient = distributed.summed(weight.grad) / distributed.size()
    rows = distributed.joined_rows(distributed.share(torch.arange(5.0)).unsqueeze(1), 5)
    if distributed.leads():
        torch.save({"gradient": gradient, "rows": rows}, "found.pt")
"""
    (tmp_path / "gather.py").write_text(code.replace("arange(6.0)", "arange(1.0, 7.0)"))
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    python(tmp_path, *torchrun, "gather.py")
    found = torch.load(tmp_path / "found.pt")
    # d/dw of 720 w^6 / 100 at 2
    assert float(found["gradient"]) == pytest.approx(720 * 6 * 2**5 / 100)
    assert found["rows"].flatten().tolist() == [0, 1, 2, 3, 4]
