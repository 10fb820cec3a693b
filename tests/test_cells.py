"""Cells of a grid trained without the pipeline: what they are, what is left out, and refused."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from closure import ROOT
from recipes import recipe
from variants import CUT

from clfer.cells import plan as cells
from clfer.cells import training
from clfer.cells.results import HISTORY, MODEL, PREDICTIONS
from clfer.errors import InputError
from clfer.faces.views import central
from clfer.model.bundle import load
from clfer.progress import silent

CPU = torch.device("cpu")
CLASSES = ["neutral", "happiness", "anger"]
SEEDS = (0, 1)
VARIANTS = {"baseline": {}, "msr": {"msr": {"fd": 8}}}


@pytest.fixture
def folder(tmp_path):
    """A pack on disk: faces whose class shows as a bright band."""
    random = np.random.default_rng(0)
    label = random.integers(0, 3, 48)
    faces = random.integers(0, 80, (48, 48, 48, 1), dtype=np.uint8)
    for i, c in enumerate(label):
        faces[i, 16 * c : 16 * c + 16] += 150
    arrays = {}
    for part, rows in {"train": range(24), "val": range(24, 36), "test": range(36, 48)}.items():
        arrays[f"{part}_face"] = np.array(rows)
        arrays[f"{part}_label"] = label[list(rows)]
        arrays[f"{part}_target"] = np.eye(3, dtype=np.float32)[label[list(rows)]]
    there = tmp_path / "pack"
    there.mkdir()
    np.save(there / cells.FACES, faces)
    np.savez(there / cells.SPLITS, **arrays)
    plan = {
        "dataset": "bands",
        "classes": CLASSES,
        "cut": CUT.model_dump(mode="json"),
        "sources": {"faces_sha256": "a", "split_sha256": "b"},
        "cells": [
            {"variant": v, "seed": s, "modules": m, "recipe": recipe().model_dump(mode="json")}
            for s in SEEDS
            for v, m in VARIANTS.items()
        ],
    }
    (there / cells.PLAN).write_text(json.dumps(plan))
    return there


def train(pack, out, seconds=float("inf")):
    return training.train_cells(pack, out, seconds, silent)


def test_a_cell_is_the_network_that_its_predictions_and_history_tell_of(folder, tmp_path):
    pack, out = cells.read(folder, CPU), tmp_path / "cells"
    assert train(pack, out) == 0
    faces = torch.from_numpy(np.load(folder / cells.FACES))
    for cell in pack.plan["cells"]:
        there = cells.place(out, cell)
        network, card = load(there / MODEL)
        assert card.classes == tuple(CLASSES)
        assert card.provenance["split_sha256"] == "b"
        predictions = np.load(there / PREDICTIONS)
        history = np.genfromtxt(there / HISTORY, delimiter=",", names=True)
        found = json.loads((there / cells.CELL).read_text())
        assert found["recipe"] == cell["recipe"]
        assert found["epoch"] == history["val_accuracy"].argmax() + 1
        for part in ("val", "test"):
            with torch.no_grad():
                expected = network(central(faces[pack.splits[part].face], recipe())).softmax(1)
            # weights were rounded to float16
            assert np.abs(predictions[part] - expected.numpy()).max() < 0.02
            right = predictions[part].argmax(1) == pack.splits[part].label.numpy()
            assert right.mean() == pytest.approx(history[f"{part}_accuracy"][found["epoch"] - 1])
    assert not any((out / ".unfinished").iterdir())


def test_what_is_there_is_left_out_and_what_is_begun_last_fits_the_time(folder, tmp_path):
    pack, out = cells.read(folder, CPU), tmp_path / "cells"
    assert train(pack, out, seconds=0.0) == 3  # nothing is known yet of how long one takes
    first = cells.place(out, pack.plan["cells"][0]) / cells.CELL
    before = first.stat().st_mtime_ns
    assert cells.missing(pack.plan, out) == pack.plan["cells"][1:]
    assert train(pack, out) == 0
    assert first.stat().st_mtime_ns == before
    assert cells.missing(pack.plan, out) == []


def test_a_cell_of_other_settings_or_sources_is_not_passed_off(folder, tmp_path):
    pack, out = cells.read(folder, CPU), tmp_path / "cells"
    train(pack, out, seconds=0.0)
    other = json.loads(json.dumps(pack.plan))
    other["cells"][0]["recipe"]["epochs"] = 7
    with pytest.raises(InputError, match=r"baseline/0.*recipe\.epochs: expected 7, found 2"):
        cells.missing(other, out)
    moved = pack.plan | {"sources": {"faces_sha256": "c", "split_sha256": "b"}}
    with pytest.raises(InputError, match=r"sources\.faces_sha256: expected c, found a"):
        cells.missing(moved, out)
    fast = cells.sped(pack, compiled=True, precision="bfloat16")
    assert cells.missing(fast.plan, out) == fast.plan["cells"][1:]


def test_a_setting_that_came_after_a_cell_had_its_default_there(folder, tmp_path):
    pack, out = cells.read(folder, CPU), tmp_path / "cells"
    train(pack, out)

    def today(whole_deep):
        plan = json.loads(json.dumps(pack.plan))
        for cell in plan["cells"]:
            if cell["variant"] == "msr":
                assert "whole_deep" not in cell["modules"]["msr"]
                cell["modules"]["msr"]["whole_deep"] = whole_deep
        return plan

    assert cells.missing(today(False), out) == []
    with pytest.raises(InputError, match=r"modules\.msr: expected .*True.*, found .*False"):
        cells.missing(today(True), out)


@pytest.mark.parametrize("name", [cells.FACES, cells.SPLITS, cells.PLAN])
@pytest.mark.parametrize("left", [0, 10, 200])
def test_a_pack_that_was_cut_off_is_named(folder, name, left):
    path = folder / name
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(InputError, match=f"{name}: expected a whole file, found it damaged"):
        cells.read(folder, CPU)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"modules": {}}', '{"modules": 1}'])
def test_a_cell_that_was_cut_off_is_named(folder, tmp_path, content):
    pack = cells.read(folder, CPU)
    there = tmp_path / "cells" / "baseline" / "0"
    there.mkdir(parents=True)
    (there / cells.CELL).write_text(content)
    with pytest.raises(InputError, match=r"cell\.json: expected a whole file, found it damaged"):
        cells.missing(pack.plan, tmp_path / "cells")


def test_a_killed_cell_goes_on_from_its_state(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "PAUSE", 0)
    pack = cells.read(folder, CPU)
    first = replace(pack, plan=pack.plan | {"cells": pack.plan["cells"][:1]})
    train(first, tmp_path / "through")

    def killed(items, description):
        yield from items
        if description.startswith("epoch 2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        training.train_cells(first, tmp_path / "twice", float("inf"), killed)
    assert list((tmp_path / "twice" / ".unfinished").glob("*/state.pt"))
    seen = []

    def watched(items, description):
        seen.append(description)
        return items

    training.train_cells(first, tmp_path / "twice", float("inf"), watched)
    assert [one for one in seen if one.startswith("epoch")] == ["epoch 2 of 2"]
    through, twice = (tmp_path / way / "baseline/0" for way in ("through", "twice"))
    for name in (MODEL, HISTORY):
        assert (through / name).read_bytes() == (twice / name).read_bytes()
    took, unknown = (json.loads((one / cells.CELL).read_text()) for one in (through, twice))
    assert took["seconds"] > 0
    assert unknown == took | {"seconds": None}


def test_it_runs_where_the_pipeline_s_libraries_are_not(folder, tmp_path):
    code = (
        "import sys\n"
        "for name in ('polars', 'dvc', 'insightface', 'typer', 'ruamel', 'matplotlib'):\n"
        "    sys.modules[name] = None\n"
        "from clfer.cells.__main__ import main\n"
        "main()\n"
    )
    command = [sys.executable, "-c", code, folder, tmp_path / "cells", "--seconds", "0"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "3 cells left"


def test_an_incomplete_pack_is_one_line(folder, tmp_path):
    (folder / cells.SPLITS).unlink()
    command = [sys.executable, "-m", "clfer.cells", folder, tmp_path / "cells"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"error: {folder / cells.SPLITS} is missing; `clfer grid --pack` writes it"
    )
    assert "Traceback" not in done.stderr
