"""Cells trained by a list: what they leave, what is left out, and what is refused."""

import ast
import csv
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tokenize
from dataclasses import replace

import numpy as np
import pytest
import torch
from closure import ROOT
from recipes import recipe
from safetensors.torch import load_file
from tiny import packed

from clfer.errors import InputError
from clfer.faces.views import central
from clfer.model.bundle import load
from clfer.model.variant import MSR, Variant
from clfer.training import cells, pack
from clfer.training.__main__ import main
from clfer.training.cell import CODE, Cell
from clfer.training.cells import HISTORY, MODEL

CPU = torch.device("cpu")
VARIANTS = {"baseline": Variant(), "msr": Variant(msr=MSR(fd=8))}
RECIPE = recipe(watch_test=True)
GRID = [Cell(v, s, m, RECIPE) for s in (0, 1) for v, m in VARIANTS.items()]


@pytest.fixture
def folder(tmp_path):
    return packed(tmp_path, GRID)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return pack.read(packed(tmp_path_factory.mktemp("data"), GRID), CPU)[0]


@pytest.fixture(scope="module")
def grid(data, tmp_path_factory):
    """All cells, trained in two calls: of how long one takes nothing is known before the first."""
    out = tmp_path_factory.mktemp("cells")
    assert cells.missing(GRID, data, out) == GRID
    assert train(data, out, seconds=0.0) == 3
    first = cells.folder_of(out, GRID[0]) / cells.CELL
    before = first.stat().st_mtime_ns
    assert cells.missing(GRID, data, out) == GRID[1:]
    assert train(data, out) == 0
    assert first.stat().st_mtime_ns == before
    assert not any((out / ".unfinished").iterdir())
    return out


def train(data, out, chosen=GRID, **how):
    return cells.train_cells(chosen, data, out, say=lambda line: None, **how)


def rewritten(grid, to, cell, change):
    """A copy of the cells in which one's cell.json is changed; its path."""
    shutil.copytree(grid, to, dirs_exist_ok=True)
    path = cells.folder_of(to, cell) / cells.CELL
    path.write_text(change(path.read_text()))
    return to


def test_a_pack_is_read_as_it_was_written(folder, tmp_path):
    data, chosen = pack.read(folder, CPU)
    assert chosen == GRID
    pack.write(data, chosen, folder / pack.FACES, tmp_path / "again")
    other, same = pack.read(tmp_path / "again", CPU)
    assert same == GRID
    assert (other.name, other.classes, other.cut) == (data.name, data.classes, data.cut)
    assert other.sources == data.sources
    for part in pack.PARTS:
        for column in pack.COLUMNS:
            one, two = (getattr(each.splits[part], column) for each in (data, other))
            assert torch.equal(one, two)


def test_a_cell_is_the_network_that_its_predictions_and_history_tell_of(data, grid):
    faces = torch.from_numpy(np.array(data.faces.stored))
    for cell in GRID:
        there = cells.folder_of(grid, cell)
        network, card = load(there / MODEL)
        assert {one.dtype for one in load_file(there / MODEL).values()} <= {
            torch.float32,
            torch.int64,
        }
        assert card.classes == ("a", "b", "c")
        assert card.provenance["split_sha256"] == "b"
        predictions = np.load(there / cells.PREDICTIONS)
        history = np.genfromtxt(there / HISTORY, delimiter=",", names=True)
        found = json.loads((there / cells.CELL).read_text())
        assert found["recipe"] == cell.recipe.model_dump(mode="json")
        assert found["epoch"] == history["val_accuracy"].argmax() + 1
        for part in ("val", "test"):
            face = data.splits[part].face
            with torch.no_grad():
                expected = network(central(faces[face], cell.recipe)).softmax(1)
            assert predictions[part].dtype == np.float32
            assert np.abs(predictions[part] - expected.numpy()).max() < 1e-5
            right = predictions[part].argmax(1) == data.splits[part].label.numpy()
            assert right.mean() == pytest.approx(history[f"{part}_accuracy"][found["epoch"] - 1])


def test_a_cell_predicts_in_the_numbers_that_it_was_trained_in(data, tmp_path):
    low = replace(GRID[0], recipe=recipe(precision="bfloat16"))
    train(data, tmp_path, [low])
    there = cells.folder_of(tmp_path, low)
    network, _ = load(there / MODEL)
    faces = torch.from_numpy(np.array(data.faces.stored))[data.splits["test"].face]
    network.to(memory_format=torch.channels_last)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        expected = network(central(faces, RECIPE)).float().softmax(1).numpy()
    found = np.load(there / cells.PREDICTIONS)["test"]
    assert np.array_equal(found, expected)


def test_of_a_scarce_class_few_images_are_trained_on(data, tmp_path):
    label = data.splits["train"].label
    none = replace(GRID[0], recipe=recipe(scarce_class="c", scarce_kept=0.0, epochs=1))
    others = data.splits["train"].label != 2
    by_hand = replace(data, splits={**data.splits, "train": data.splits["train"][others]})
    assert 0 < int((label == 2).sum()) < len(label)
    train(data, tmp_path / "a", [none])
    train(by_hand, tmp_path / "b", [replace(GRID[0], recipe=recipe(epochs=1))])
    weights = [load_file(cells.folder_of(tmp_path / one, none) / MODEL) for one in "ab"]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    unknown = replace(none, recipe=none.recipe.model_copy(update={"scarce_class": "joy"}))
    with pytest.raises(InputError, match=r"train\.scarce_class: expected one of a, b, c; .*'joy'"):
        train(data, tmp_path / "c", [unknown])


def test_a_cell_of_other_settings_or_sources_is_not_passed_off(data, grid):
    other = replace(GRID[0], recipe=recipe(epochs=7))
    with pytest.raises(InputError, match=r"baseline/0.*recipe\.epochs: expected 7, found 2"):
        cells.missing([other], data, grid)
    moved = replace(data, sources={"faces_sha256": "c", "split_sha256": "b"})
    for training in (True, False):
        with pytest.raises(InputError, match=r"sources\.faces_sha256: expected c, found a"):
            cells.missing(GRID[:1], moved, grid, training)
    fast = cells.override(GRID[:1], compiled=True, precision="bfloat16")
    assert cells.missing(fast, data, grid) == []


def test_a_setting_that_came_after_a_cell_had_its_default_there(data, grid, tmp_path):
    def older(text):
        old = json.loads(text)
        del old["modules"]["msr"]["whole_deep"], old["recipe"]["threads"]
        return json.dumps(old)

    rewritten(grid, tmp_path, GRID[1], older)
    assert cells.missing(GRID[1:2], data, tmp_path) == []
    today = replace(GRID[1], variant=Variant(msr=MSR(fd=8, whole_deep=True)))
    with pytest.raises(InputError, match=r"modules\.msr: expected .*True.*, found .*False"):
        cells.missing([today], data, tmp_path)


def test_a_cell_of_other_code_is_refused_for_training_and_shown_alone(data, grid, tmp_path):
    codes = (f'"code": {code}' for code in (CODE, CODE - 1))
    rewritten(grid, tmp_path, GRID[0], lambda text: text.replace(*codes))
    with pytest.raises(InputError, match=rf"version {CODE - 1} of the training code, .* {CODE};"):
        cells.missing(GRID, data, tmp_path)
    assert cells.missing(GRID[:1], data, tmp_path, training=False) == []
    with pytest.raises(InputError, match=rf"msr/0.*version {CODE} .*expected {CODE - 1}"):
        cells.missing(GRID, data, tmp_path, training=False)


def test_other_weights_under_the_same_name_are_another_cell(data, grid, tmp_path):
    path = tmp_path / "start.pth"
    start = Cell("baseline", 0, Variant(), recipe(weights=str(path), epochs=1))
    with pytest.raises(InputError, match=r"train\.weights: .*found no .*start\.pth"):
        train(data, tmp_path / "cells", [start])
    weights = load(cells.folder_of(grid, GRID[0]) / MODEL)[0].encoder.state_dict()
    torch.save(weights, path)
    before = start.fingerprint(data)
    train(data, tmp_path / "cells", [start])
    torch.save({name: 2 * value for name, value in weights.items()}, path)
    assert start.fingerprint(data) != before
    with pytest.raises(InputError, match=r"sources\.weights_sha256"):
        train(data, tmp_path / "cells", [start])


@pytest.mark.parametrize("name", [pack.FACES, pack.SPLITS, pack.PLAN])
@pytest.mark.parametrize("left", [0, 10, 200])
def test_a_pack_that_was_cut_off_is_named(folder, name, left):
    path = folder / name
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(InputError, match=f"{name}: expected .* found it damaged"):
        pack.read(folder, CPU)


@pytest.mark.parametrize("name", [pack.FACES, pack.SPLITS])
def test_a_file_of_another_pack_is_refused(folder, tmp_path, name):
    data, chosen = pack.read(folder, CPU)
    faces = np.load(folder / pack.FACES)
    np.save(tmp_path / "faces.npy", 255 - faces)
    data.splits["val"].label.fill_(0)
    pack.write(data, chosen, tmp_path / "faces.npy", tmp_path / "other")
    (tmp_path / "other" / name).replace(folder / name)
    with pytest.raises(InputError, match=f"{name}: expected the file that plan.json names"):
        pack.read(folder, CPU)


@pytest.mark.parametrize("name", [pack.FACES, pack.SPLITS])
def test_a_file_that_the_plan_does_not_name_is_refused(folder, name):
    plan = json.loads((folder / pack.PLAN).read_text())
    del plan["files"][name]
    (folder / pack.PLAN).write_text(json.dumps(plan))
    with pytest.raises(InputError, match=f"{name}: expected the file that plan.json names"):
        pack.read(folder, CPU)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"modules": {}}', '{"modules": 1}'])
def test_a_cell_that_was_cut_off_is_named(data, tmp_path, content):
    there = tmp_path / "cells" / "baseline" / "0"
    there.mkdir(parents=True)
    (there / cells.CELL).write_text(content)
    with pytest.raises(InputError, match=r"cell\.json: expected a whole file, found it damaged"):
        cells.missing(GRID, data, tmp_path / "cells")


def test_a_killed_cell_goes_on_from_its_state(data, grid, tmp_path, monkeypatch):
    monkeypatch.setattr(cells, "PAUSE", 0)

    def killed(items, description):
        yield from items
        if description.startswith("epoch 2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(data, tmp_path / "twice", GRID[:1], track=killed)
    assert list((tmp_path / "twice" / ".unfinished").glob("*/state.pt"))
    seen = []

    def watched(items, description):
        seen.append(description)
        return items

    train(data, tmp_path / "twice", GRID[:1], track=watched)
    assert [one for one in seen if one.startswith("epoch")] == ["epoch 2 of 2"]
    through, twice = (cells.folder_of(out, GRID[0]) for out in (grid, tmp_path / "twice"))
    for name in (MODEL, HISTORY, cells.PREDICTIONS):
        assert (through / name).read_bytes() == (twice / name).read_bytes()
    took, unknown = (json.loads((one / cells.CELL).read_text()) for one in (through, twice))
    assert took["seconds"] > 0
    assert unknown == took | {"seconds": None}


def test_processes_share_a_list_and_take_over_what_a_killed_one_held(folder, grid, tmp_path):
    command = [sys.executable, "-u", "-m", "clfer.training", folder, tmp_path / "cells"]
    started = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) for _ in range(3)]
    holders = (tmp_path / "cells/.unfinished").glob
    while not (held := [one.read_text() for one in holders("*/holder")]) or not held[0]:
        time.sleep(0.01)
    killed = int(held[0].removeprefix("pid "))
    os.kill(killed, signal.SIGKILL)
    said = [process.communicate(timeout=300)[0].decode().splitlines() for process in started]
    assert [process.returncode for process in started if process.pid != killed] == [0, 0]
    trained = [line.partition(":")[0] for lines in said for line in lines if " val acc" in line]
    assert len(trained) == len({*trained})
    for cell in GRID:
        for name in (MODEL, HISTORY, cells.PREDICTIONS):
            one, other = (cells.folder_of(out, cell) / name for out in (grid, tmp_path / "cells"))
            assert one.read_bytes() == other.read_bytes()


def test_a_state_of_other_settings_data_or_code_is_not_continued(data, monkeypatch):
    cell = GRID[0]
    others = [
        cell,
        replace(cell, seed=5),
        replace(cell, variant=Variant(msr=MSR(fd=4))),
        replace(cell, recipe=recipe(lr=0.002)),
    ]
    found = [one.fingerprint(data) for one in others]
    found.append(cell.fingerprint(replace(data, sources={"faces_sha256": "c"})))
    for constant in ("CODE", "FORMAT"):
        monkeypatch.setattr(f"clfer.training.cell.{constant}", 99)
        found.append(cell.fingerprint(data))
    assert len(set(found)) == len(found)


RECORD = ROOT / "tests/training/code.json"


def digest():
    """Of the code that makes a model: comments, docstrings and blank lines left out."""
    files = [
        *sorted((ROOT / "clfer/model").glob("*.py")),
        *sorted((ROOT / "clfer/training").glob("*.py")),
        ROOT / "clfer/faces/views.py",
    ]
    found = hashlib.sha256()
    for file in files:
        text = file.read_text()
        lines = text.splitlines()
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                row, column = token.start
                lines[row - 1] = lines[row - 1][:column]
        for node in ast.walk(ast.parse(text)):
            body = getattr(node, "body", None)
            first = body[0] if isinstance(body, list) and body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                lines[first.lineno - 1 : first.end_lineno] = [""] * (
                    first.end_lineno - first.lineno + 1
                )
        found.update("\n".join(line.strip() for line in lines if line.strip()).encode())
    return found.hexdigest()


def test_a_change_of_the_code_asks_whether_it_changes_results():
    """Raise CODE in clfer/training/cell.py if it does; then write both into code.json."""
    assert json.loads(RECORD.read_text()) == {"code": CODE, "digest": digest()}


def test_it_runs_where_the_pipeline_s_libraries_are_not(folder, tmp_path):
    code = (
        "import sys\n"
        "for name in ('polars', 'dvc', 'insightface', 'typer', 'ruamel', 'matplotlib'):\n"
        "    sys.modules[name] = None\n"
        "from clfer.training.__main__ import main\n"
        "main()\n"
    )
    command = [sys.executable, "-c", code, folder, tmp_path / "cells", "--seconds", "0"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "3 cells left"


def test_an_incomplete_pack_is_one_line(folder, tmp_path, monkeypatch, capsys):
    (folder / pack.SPLITS).unlink()
    monkeypatch.setattr("sys.argv", ["clfer.training", str(folder), str(tmp_path / "cells")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert capsys.readouterr().err == (
        f"error: {folder / pack.SPLITS} is missing; `clfer experiment --pack` writes it\n"
    )


def test_outputs_of_every_epoch_are_kept_where_asked_for(data, tmp_path):
    """Those of the selected one are the cell's predictions, and the history is made of them."""
    cell = replace(GRID[0], recipe=recipe(watch_test="outputs"))
    train(data, tmp_path, [cell])
    folder = cells.folder_of(tmp_path, cell)
    history = list(csv.DictReader((folder / HISTORY).open()))
    with np.load(folder / cells.PREDICTIONS) as found:
        for part in ("val", "test"):
            outputs, label = found[f"{part}_epochs"], data.splits[part].label.numpy()
            assert outputs.dtype == np.float16
            accuracy = [float(row[f"{part}_accuracy"]) for row in history]
            assert (outputs.argmax(2) == label).mean(1).tolist() == pytest.approx(accuracy)
            best = json.loads((folder / cells.CELL).read_text())["epoch"] - 1
            np.testing.assert_allclose(np.exp(outputs[best]), found[part], atol=2e-3)
    assert set(load_file(folder / "features.safetensors")) == {"face", "epoch_001", "epoch_002"}
