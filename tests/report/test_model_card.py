"""The card of a model: its numbers are those of its scores, its warnings are there when they are
due, and it is Markdown that reads as meant.
"""

import json
import re
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from checkouts import CELL, CLASSES, change, checkout, clfer
from closure import ROOT
from markdown_it import MarkdownIt
from ruamel.yaml import YAML
from safetensors.torch import load_file

from clfer.datasets.labels import about as labelled
from clfer.files import sha256
from clfer.model.bundle import load, save
from clfer.report.model_card import EvaluatedModel, known_datasets
from clfer.report.model_card import model_card as page

PARAMS = YAML(typ="safe").load(ROOT / "params.yaml")
MODEL = "runs/demo/ours/0/model.safetensors"
HOSTILE = ["a|b", "`c` <script>", "**d** \\ [e](http://f) ~~g~~ _h_ # i\n| j |"]


def mislabelled(folder):
    """Every third test image with another label, so that the scores are not all perfect."""
    path = folder / "data/splits/demo.parquet"
    about, split = labelled(path), pl.read_parquet(path)
    label = split["label"].to_physical().to_numpy().copy()
    wrong = (split["split"] == "test").to_numpy() & (split["row"].to_numpy() % 4 == 1)
    label[wrong] = (label[wrong] + 1) % len(CLASSES)
    changed = split.with_columns(
        pl.Series("label", [CLASSES[one] for one in label], pl.Enum(CLASSES)),
        pl.Series("target", np.eye(3, dtype=np.float32)[label], pl.Array(pl.Float32, 3)),
    )
    changed.write_parquet(path, metadata=about)


def done(folder, *words):
    ran = clfer(folder, *words)
    assert ran.returncode == 0, ran.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A checkout with a model that was trained and scored by the commands."""
    found = checkout(tmp_path_factory.mktemp("card") / "checkout", epochs=2)
    mislabelled(found)
    for stage in ("train", "evaluate"):
        done(found, stage, *CELL)
    return found


def scores(folder):
    return json.loads((folder / "results/demo/ours/0/scores.json").read_text())


def written(folder):
    return (folder / "results/demo/ours/0/model_card.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def trained(folder):
    """The same model as the library gets it."""
    network, card = load(folder / MODEL)
    path = folder / "data/splits/demo.parquet"
    return EvaluatedModel(
        dataset="demo",
        variant="ours",
        seed=0,
        file=MODEL,
        file_sha256=sha256(folder / MODEL),
        card=card,
        parameters=sum(one.numel() for one in network.state_dict().values() if one.requires_grad),
        stored=(48, 48, 1),
        split=pl.read_parquet(path),
        split_sha256=sha256(path),
        scores=scores(folder),
    )


def tables(text):
    """Every table as rows of what is read in its cells; each row has as many cells as its head."""
    found, row = [], None
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            row = []
            found[-1].append(row)
        elif token.type == "inline" and row is not None:
            row.append("".join(one.content for one in token.children))
        elif token.type == "table_close":
            row = None
    for one in found:
        assert len({len(cells) for cells in one}) == 1
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == sum(len(one) + 1 for one in found)  # and its rule
    return found


def facts(text):
    """What stands beside what in the tables of two columns."""
    return {row[0]: row[1] for one in tables(text) for row in one if len(row) == 2}


def prose(text):
    """The paragraphs and headings alone, as they are read."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    return [
        " ".join(re.sub(r"[*`]", "", token.content).split())
        for token in tokens
        if token.type == "inline"
    ]


def percent(value, digits):
    return f"{round(100 * value, digits):.{digits}f}"


def test_the_numbers_are_those_of_the_scores(folder):
    found, text = scores(folder), written(folder)
    assert 0.5 < found["accuracy"] < 1
    (overall,) = [one for one in tables(text) if one[0][0] == "score, %"]
    rows = {row[0].split(",")[0]: row[1:] for row in overall[1:]}
    keys = {"accuracy": "accuracy", "UAR": "uar", "macro-F1": "macro_f1", "ECE": "ece"}
    for word, key in keys.items():
        for part, place in ((found, 0), (found["duplicate_free"], 2)):
            low, high = part[f"{key}_ci95"]
            assert rows[word][place] == percent(part[key], 2)
            assert rows[word][place + 1] == f"[{percent(low, 1)}, {percent(high, 1)}]"
    assert rows["images"] == ["24", "", str(found["duplicate_free"]["images"]), ""]
    (classes,) = [one for one in tables(text) if one[0][0] == "class"]
    counts = np.array(found["confusion"])
    for i, (name, images, recall, precision) in enumerate(classes[1:]):
        assert name == CLASSES[i]
        assert int(images) == counts[i].sum()
        assert recall.split()[0] == percent(counts[i, i] / counts[i].sum(), 1)
        assert precision.split()[0] == percent(counts[i, i] / counts[:, i].sum(), 1)
        low, high = found["per_class"][name]["recall_ci95"]
        assert recall.split(" ", 1)[1] == f"[{percent(low, 1)}, {percent(high, 1)}]"
    mistakes = re.findall(r"- (\w+) taken for (\w+): (\d+) of (\d+) images", text)
    off = {
        (CLASSES[i], CLASSES[j]): (counts[i, j], counts[i].sum())
        for i in range(3)
        for j in range(3)
        if i != j and counts[i, j]
    }
    assert {(a, b): (int(n), int(of)) for a, b, n, of in mistakes} == off
    numbers = [int(n) for _, _, n, _ in mistakes]
    assert numbers == sorted(numbers, reverse=True)


def test_where_the_model_comes_from(folder):
    text = written(folder)
    told = facts(text)
    _, card = load(folder / MODEL)
    about = card.provenance
    assert told["classes, in the order of its outputs"] == "0 neutral, 1 happiness, 2 surprise"
    assert told["epoch"].startswith(f"{about['epoch']} of 2, chosen on validation images")
    assert told["start"] == "random weights"
    assert told["clfer"] == about["clfer"]
    weights = {
        name: one.numel()
        for name, one in load_file(folder / MODEL).items()
        if not name.endswith(("running_mean", "running_var", "num_batches_tracked"))
    }
    assert (
        told["network"]
        == f"resnet10_quarter, small stem, {sum(weights.values()) / 1e6:.2f} M parameters"
    )
    assert told["stored faces"] == "48 x 48 px, grey"
    assert "the middle 64 x 64 px" in told["what the network sees"]
    assert "batch size 12" in told["trained"]
    for name, path in (
        ("model", MODEL),
        ("split", "data/splits/demo.parquet"),
        ("faces", "data/faces/demo.npy"),
    ):
        assert f"\n{name}  {sha256(folder / path)}\n" in text
    (images,) = [one for one in tables(text) if one[0][0] == "images"]
    assert images[-1] == ["all", "24", "12", "24"]
    assert f"clfer predict PATH --model {MODEL}\n" in text


def test_a_model_of_drawn_faces_says_so_first(folder):
    first = prose(written(folder))[:2]
    assert first[0] == "Model card: ours on demo, seed 0"
    assert first[1].startswith("DRAWN FACES: USELESS ON PEOPLE.")


def test_chosen_on_the_test_images(tmp_path):
    where = checkout(tmp_path / "checkout", epochs=1)
    change(where, recipe={"select": "test"})
    for stage in ("train", "evaluate"):
        done(where, stage, *CELL)
    text = written(where)
    assert prose(text)[2].startswith("OPTIMISTIC SCORES.")
    assert facts(text)["epoch"] == "1 of 1, chosen on the test images (optimistic)"


def test_warnings_that_are_due(trained):
    assert "ANOTHER SPLIT" in page(replace(trained, split_sha256="0" * 64))
    for copy in ("incomplete", "other"):
        labels = f"RAF-DB, aligned images, {copy} copy: 1 of 2 train and 1 of 2 test images"
        protocol = {"labels": labels, "duplicates": "keep", "selected_on": "val"}
        text = page(replace(trained, scores={**trained.scores, "protocol": protocol}))
        assert "NOT THE PUBLISHED DATASET" in text
        assert "kept in train and val (leakage)" in facts(text)["identical copies"].replace("*", "")
        assert facts(text)["labels"] == labels


def test_names_that_markdown_would_take_for_its_own(trained):
    kind = pl.Enum([name.replace("\n", " ") for name in HOSTILE])
    assert len(kind.categories) == 3
    old = dict(zip(CLASSES, HOSTILE, strict=True))
    per_class = {old[name]: one for name, one in trained.scores["per_class"].items()}
    card = trained.card.model_copy(update={"classes": tuple(HOSTILE)})
    text = page(
        replace(
            trained,
            variant="msr_clbs",
            card=card,
            scores={**trained.scores, "classes": HOSTILE, "per_class": per_class},
        )
    )
    shown = [name.replace("\n", "\ufffd") for name in HOSTILE]
    (classes,) = [one for one in tables(text) if one[0][0] == "class"]
    assert [row[0] for row in classes[1:]] == shown
    html = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text)
    assert "<script>" not in html
    assert 'href="http' not in html
    assert "<h1>Model card: msr_clbs on demo, seed 0</h1>" in html


def test_every_dataset_of_params_has_its_terms():
    assert set(known_datasets()) == set(PARAMS["datasets"])
    for one in known_datasets().values():
        assert all(len(part) > 2 and "\n" not in part for part in one.model_dump().values())
    assert "non-commercial research" in known_datasets()["raf_db"].terms


def test_a_dataset_that_nobody_described(trained):
    text = page(replace(trained, dataset="another"))
    assert "Nothing but its name, another, is known" in " ".join(prose(text))
    assert facts(text)["dataset"] == "not known here: those of whoever gave it out"


def test_a_class_that_is_never_chosen_has_no_precision(trained):
    counts = [[5, 3, 0], [2, 6, 0], [4, 4, 0]]
    text = page(replace(trained, scores={**trained.scores, "confusion": counts}))
    (classes,) = [one for one in tables(text) if one[0][0] == "class"]
    assert [row[3] == "never chosen" for row in classes[1:]] == [False, False, True]


def test_scores_on_another_dataset_are_no_card(folder):
    for part in ("faces/demo.npy", "splits/demo.parquet"):
        path = folder / "data" / part
        path.with_stem("folder").write_bytes(path.read_bytes())
    done(folder, "evaluate", *CELL, "--on", "folder")
    out = folder / "transfer/folder/demo/ours/0"
    assert (out / "scores.json").exists()
    assert not list(out.glob("*.md"))


@pytest.mark.slow
def test_two_processes_write_one_card(folder):
    before = written(folder)
    done(folder, "evaluate", *CELL, "--processes", "2")
    assert prose(written(folder)) == prose(before)


@pytest.mark.parametrize(
    ("recipe", "found"),
    [
        (lambda old: {k: v for k, v in old.items() if k != "zoom"}, "found none as recipe.zoom"),
        (lambda old: {**old, "momentum": 0.9}, "found 0.9 as recipe.momentum"),
        (lambda old: {**old, "schedule": "step"}, "found step as recipe.schedule"),
        (lambda old: None, "found None as recipe"),
    ],
)
def test_a_model_of_other_settings_is_refused_in_one_line(recipe, found, folder, tmp_path):
    where = checkout(tmp_path / "checkout")
    network, card = load(folder / MODEL)
    told = {**card.provenance, "recipe": recipe(card.provenance["recipe"]), "clfer": "0.0.9"}
    old = card.model_copy(update={"provenance": told})
    save(network.state_dict(), old, where / MODEL)
    ran = clfer(where, "evaluate", *CELL)
    assert ran.returncode == 1
    (line,) = ran.stderr.strip().splitlines()
    assert line.startswith(f"error: {MODEL}: expected the settings of training of clfer ")
    assert found in line
    assert line.endswith("(trained by clfer 0.0.9); train it again")
    assert not (where / "results").exists()
