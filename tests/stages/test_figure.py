"""`clfer figure` on runs of networks that learned nothing: what it writes, and what it refuses."""

import json
import shutil

import numpy as np
import polars as pl
import pytest
import torch
from bundles import model, refusal
from closure import ROOT
from PIL import Image
from safetensors.torch import save_file

from clfer.datasets.expressions import FERPLUS
from clfer.model.variant import MSR, Variant
from pipeline import paths
from pipeline.figure import FIGURES, figure

CLASSES = FERPLUS[:3]
IMAGES = 24  # the last half of them validation
GROUPS = [f"gradient_{j}_group_{k}" for j in (1, 2, 3) for k in range(1, 5)]
EPOCHS = (1, 2, 3)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """Two variants, the second with two seeds, on faces of noise."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    for folder in ("data/splits", "data/faces", "tables/demo"):
        (tmp_path / folder).mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 256, (IMAGES, 48, 48, 1), dtype=np.uint8)
    np.save(paths.faces("demo"), noise)
    split("false")
    for cell in (("baseline", 0), ("ours", 0), ("ours", 1)):
        trained(*cell)
    cells = [
        {"module": m, "k": k, "mean": 0.5, "std": None, "ci95": None, "paper_best": k == best}
        for m, ks, best in (("clfm", (2, 4), 4), ("clbs", (7, 8), 7))
        for k in ks
    ]
    paths.table("demo", "figure8").write_text(json.dumps({"points": cells}))
    return tmp_path


def split(evidence):
    """Rows are not in order, and faces are stored in yet another one."""
    row = (np.arange(IMAGES) * 5) % IMAGES
    table = pl.DataFrame(
        {
            "row": row,
            "face": pl.Series(IMAGES - 1 - row, dtype=pl.UInt32),
            "label": pl.Series([CLASSES[i % 3] for i in row], dtype=pl.Enum(CLASSES)),
            "split": ["val" if i >= IMAGES // 2 else "train" for i in row],
        }
    )
    table.write_parquet(paths.split("demo"), metadata={"protocol": "noise", "evidence": evidence})


def trained(variant, seed):
    run, results = paths.run("demo", variant, seed), paths.results("demo", variant, seed)
    run.mkdir(parents=True)
    results.mkdir(parents=True)
    settings = Variant(msr=MSR(fd=8)) if variant == "ours" else Variant()
    model(run / paths.MODEL, classes=CLASSES, variant=settings)
    columns = ["loss", "loss_cls", "val_loss", *(f"gradient_{j}" for j in range(1, 5)), *GROUPS]
    epochs = {"epoch": EPOCHS} | {name: [1.0, 0.5, 0.3 + seed] for name in columns}
    pl.DataFrame(epochs).write_csv(run / paths.HISTORY)
    kept = {f"epoch_{epoch:03}": torch.randn(IMAGES // 2, 8).half() for epoch in EPOCHS}
    save_file(kept | {"face": torch.arange(IMAGES // 2)}, run / paths.FEATURES)
    scores = {"classes": CLASSES, "confusion": [[3 + seed, 1, 0], [0, 4, 0], [1, 1, 2]]}
    (results / "scores.json").write_text(json.dumps(scores))


@pytest.mark.parametrize("name", FIGURES)
def test_each_by_its_name(checkout, name, capsys):
    figure(name, "demo")
    folder = checkout / "figures/demo"
    assert sorted(path.suffix for path in folder.iterdir()) == [".json", ".png", ".svg"]
    with Image.open(folder / f"{name}.png") as picture:
        assert picture.size[0] > 500
    said = json.loads((folder / f"{name}.json").read_text())
    known = ["name", "title", "caption", "dataset", "variants", "seeds", "evidence", "sources"]
    assert [*said] == known + ["recipe"] * (name == "k")  # that of its table
    assert said["evidence"] is False
    assert "not evidence" in said["caption"]
    assert "{" not in said["caption"]
    several = name in ("learning_intensity", "loss", "confusion")
    drawn = ([], []) if name == "k" else (["baseline", "ours"], [0, 1] if several else [0])
    assert (said["variants"], said["seeds"]) == drawn
    out = capsys.readouterr().out
    assert f"figure {name}: figures/demo/{name}.png" in out
    assert ("without msr, which is not trained" in out) == (name == "feature_maps")


def test_real_data_is_evidence_and_one_variant_with_one_seed_will_do(checkout):
    split("true")
    figure("confusion", "demo", variant=["ours"], seed=1)
    said = json.loads(paths.figure("demo", "confusion").with_suffix(".json").read_text())
    assert (said["evidence"], said["variants"], said["seeds"]) == (True, ["ours"], [1])
    assert "not evidence" not in said["caption"]
    drawn = paths.figure("demo", "confusion").with_suffix(".svg").read_text()
    assert "76.9 % right, 1 seed" in drawn


def test_faces_are_of_the_validation_split_and_in_row_order(checkout, capsys):
    for name, options, words in (
        ("feature_maps", {}, "rows 12, 13, 14\n"),
        ("feature_maps", {"images": 4}, "rows 12, 13, 14, 15\n"),
        ("semantic_groups", {"row": 20, "block": 3}, "row 20, labelled surprise\n"),
    ):
        figure(name, "demo", **options)
        assert words in capsys.readouterr().out
    assert "found 3" in refusal(figure, "semantic_groups", "demo", row=3)
    assert "expected 1 to 4; found 5" in refusal(figure, "semantic_groups", "demo", block=5)


def test_what_cannot_be_drawn(checkout):
    paths.table("demo", "figure8").unlink()
    for name, dataset, options, words in (
        ("los", "demo", {}, "did you mean 'loss'?"),
        ("loss", "dem", {}, "did you mean 'demo'?"),
        ("loss", "demo", {"variant": ["our"]}, "did you mean 'ours'?"),
        ("loss", "demo", {"variant": ["msr", "ours"]}, "`clfer train demo msr 0`"),
        ("tsne", "demo", {"variant": ["ours"], "seed": 7}, "`clfer train demo ours 7`"),
        ("loss", "ferplus", {}, "`clfer split ferplus`"),
        ("loss", "demo", {"block": 1}, "--block"),
        ("learning_intensity", "demo", {"block": 4}, "1 to 3; found 4"),
        ("k", "demo", {}, "`clfer experiment figure8 --dataset demo`"),
    ):
        assert words in refusal(figure, name, dataset, **options)
    assert not (checkout / "figures").exists()


def test_runs_of_before_these_things_were_recorded_or_of_another_split(checkout, capsys):
    run = paths.run("demo", "ours", 1)
    history = pl.read_csv(run / paths.HISTORY)
    history.drop(GROUPS).write_csv(run / paths.HISTORY)
    figure("learning_intensity", "demo")
    assert "train again, such as `clfer train demo ours 1 --fresh`" in capsys.readouterr().out
    picture = paths.figure("demo", "learning_intensity").with_suffix(".svg")
    assert "group 1" not in picture.read_text()
    (run / paths.FEATURES).unlink()
    line = refusal(figure, "tsne", "demo", variant=["ours"], seed=1)
    assert "`clfer train demo ours 1 --fresh`" in line
    features = paths.run("demo", "baseline", 0) / paths.FEATURES
    kept = {"epoch_001": torch.randn(2, 8).half(), "face": torch.tensor([0, IMAGES - 1])}
    save_file(kept, features)
    assert "train baseline, ours again" in refusal(figure, "tsne", "demo")
    assert "train baseline again" in refusal(figure, "tsne", "demo", variant=["baseline"])
    features.write_bytes(b"broken")
    assert "expected features by epoch" in refusal(figure, "tsne", "demo")


def test_only_files_of_the_chain_are_said_to_come_from_dvc(checkout):
    table, history = (
        paths.table("demo", "figure8"),
        paths.run("demo", "baseline", 0) / "history.csv",
    )
    table.write_text("{")
    history.write_bytes(b"")
    for what in ("damaged", "missing"):
        line = refusal(figure, "k", "demo")
        assert what in line
        assert line.endswith(
            ("write it again", "`clfer experiment figure8 --dataset demo` writes it")
        )
        assert "dvc repro" in refusal(figure, "loss", "demo")
        table.unlink(missing_ok=True)
        history.unlink(missing_ok=True)
