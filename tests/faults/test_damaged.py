"""Files of earlier stages that are damaged: named, with the command that writes them again."""

import io
import re
import shutil

import numpy as np
import polars as pl
import pytest
from checkouts import CELL, IMAGES, Running, change, checkout, clfer, files

from clfer.errors import InputError
from pipeline import paths
from pipeline.evaluate import evaluate
from pipeline.significance import significance
from pipeline.split import split
from pipeline.train import train

LABELS, SPLIT = paths.labels("demo"), paths.split("demo")
FACES, RECORDS = paths.faces("demo"), paths.faces("demo").with_suffix(".parquet")
MODEL = paths.run("demo", "ours", 0) / "model.safetensors"
HISTORY = paths.run("demo", "ours", 0) / "history.csv"
PREDICTIONS = paths.results("demo", "ours", 0) / "predictions.parquet"
SCORES = paths.results("demo", "ours", 0) / "scores.json"


def cut(content):
    return content[: len(content) // 2]


def empty(content):
    return b""


def noise(content):
    return np.random.default_rng(0).bytes(len(content))


def parquet_of_something_else(content):
    file = io.BytesIO()
    pl.DataFrame({"something": [1, 2]}).write_parquet(file)
    return file.getvalue()


def saved(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def flat(content):
    return saved(np.load(io.BytesIO(content)).reshape(IMAGES, -1))


def floating(content):
    return saved(np.load(io.BytesIO(content)) / 255)


def fewer(content):
    return saved(np.load(io.BytesIO(content))[: IMAGES // 2])


RUN = ("demo", "ours", 0)
ARGUMENTS = {split: ("demo",), train: RUN, evaluate: RUN, significance: ()}
BYTES = (cut, empty, noise)
CASES = [
    *((split, LABELS, "relabel demo", d) for d in (*BYTES, parquet_of_something_else)),
    *((split, RECORDS, "align demo", d) for d in (*BYTES, parquet_of_something_else)),
    *((split, FACES, "align demo", d) for d in (*BYTES, flat, floating, fewer)),
    *((train, FACES, "align demo", d) for d in (*BYTES, flat, floating)),
    *((train, SPLIT, "split demo", d) for d in (*BYTES, parquet_of_something_else)),
    *((evaluate, SPLIT, "split demo", d) for d in BYTES),
    *((significance, PREDICTIONS, "evaluate demo ours 0", d) for d in BYTES),
    *((significance, HISTORY, "train demo ours 0", d) for d in (empty,)),
    *((significance, SCORES, "evaluate demo ours 0", d) for d in BYTES),
]


@pytest.fixture(scope="module")
def whole(trained_checkout, tmp_path_factory):
    """Everything up to the scores of one run, once."""
    folder = shutil.copytree(trained_checkout, tmp_path_factory.mktemp("whole") / "checkout")
    change(
        folder,
        run={"datasets": ["demo"], "variants": ["ours"], "seeds": [0]},
        significance={"alpha": 0.05, "margin": 0.01, "baseline": "ours"},
    )
    divided = pl.read_parquet(folder / SPLIT)
    (folder / LABELS).parent.mkdir()
    rows = divided.select("row", "label", "target", usage=pl.lit("Training"))
    rows.write_parquet(folder / LABELS, metadata={"protocol": "bands", "evidence": "false"})
    divided.select("row", "face").write_parquet(folder / RECORDS)
    return folder


@pytest.fixture
def there(whole, monkeypatch):
    monkeypatch.chdir(whole)
    monkeypatch.setattr("pipeline.paths.BASE", whole)
    before = files(whole, "data", "runs", "results")
    yield whole
    for name, content in before.items():
        (whole / name).write_bytes(content)


@pytest.mark.parametrize(
    ("stage", "path", "again", "damage"),
    CASES,
    ids=[f"{stage.__name__}-{path.name}-{damage.__name__}" for stage, path, _, damage in CASES],
)
def test_a_damaged_file(stage, path, again, damage, there):
    path.write_bytes(damage(path.read_bytes()))
    before = files(there, "data", "runs", "results")
    with pytest.raises(InputError) as caught:
        stage(*ARGUMENTS[stage])
    said = str(caught.value)
    assert "\n" not in said
    assert path.name in said
    assert f"`clfer {again}`" in said
    assert files(there, "data", "runs", "results") == before


@pytest.mark.parametrize("damage", BYTES)
def test_a_damaged_model(damage, there):
    MODEL.write_bytes(damage(MODEL.read_bytes()))
    with pytest.raises(InputError, match=rf"{MODEL}.*train it again") as caught:
        evaluate(*ARGUMENTS[evaluate])
    assert "\n" not in str(caught.value)


def test_a_split_of_other_faces(there):
    np.save(FACES, np.load(FACES)[: IMAGES // 2])
    with pytest.raises(InputError, match=rf"{SPLIT}: expected images among the 30 of {FACES}"):
        train(*ARGUMENTS[train])


@pytest.mark.slow
@pytest.mark.parametrize("damage", BYTES)
def test_a_damaged_state_of_a_run(damage, tmp_path):
    folder = checkout(tmp_path / "checkout", epochs=200)
    running = Running(folder, "train", *CELL)
    assert running.until("^ +epoch +2 ")
    running.process.kill()
    running.end()
    (state,) = folder.glob(".scratch/*/state.pt")
    state.write_bytes(damage(state.read_bytes()))
    kept = state.read_bytes()
    done = clfer(folder, "train", *CELL)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    place = re.escape(str(state.relative_to(folder)))
    assert re.fullmatch(rf"error: {place} is no readable state of a run; delete it to .*", last)
    assert state.read_bytes() == kept
