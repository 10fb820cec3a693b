"""The card of a model: its numbers are those of its scores, its warnings are there when they are
due, and it is Markdown that reads as meant.
"""

import json
import re
import shutil
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from checkouts import CELL, CLASSES, checkout, done, refused
from closure import ROOT
from markdown_it import MarkdownIt
from ruamel.yaml import YAML
from safetensors.torch import load_file
from test_golden import trained

from clfer.files import sha256
from clfer.model.bundle import load, save
from clfer.report.model_card import model_card as page
from clfer.report.rendering import TEMPLATES

YAML12 = YAML(typ="safe")
MODEL = "runs/demo/ours/0/model.safetensors"
MODEL_CARD = trained(True)
HOSTILE = ["a|b", "`c` <script>", "**d** \\ [e](http://f) ~~g~~ _h_ # i\n| j |"]


@pytest.fixture(scope="module")
def folder(trained_checkout, tmp_path_factory):
    """A checkout with a model that was trained and scored by the commands."""
    return shutil.copytree(trained_checkout, tmp_path_factory.mktemp("card") / "checkout")


@pytest.fixture(scope="module")
def written(folder):
    return (folder / "results/demo/ours/0/model_card.md").read_text(encoding="utf-8")


def tables(text):
    """Every table as rows of what is read in its cells; each row has as many cells as its head."""
    rows = []
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    for token, cell in pairwise(tokens):
        if token.type == "table_open":
            rows.append([])
        elif token.type == "tr_open":
            rows[-1].append([])
        elif token.type in ("th_open", "td_open"):
            rows[-1][-1].append("".join(one.content for one in cell.children))
    for one in rows:
        assert len({len(cells) for cells in one}) == 1
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == sum(len(one) + 1 for one in rows)  # and its rule
    return rows


def table(text, head):
    """The rows of the table whose first head this is, without its heads."""
    (rows,) = [one for one in tables(text) if one[0][0] == head]
    return rows[1:]


def facts(text):
    """What stands beside what in the tables of two columns."""
    return {row[0]: row[1] for one in tables(text) for row in one if len(row) == 2}


def percent(value, digits):
    return f"{round(100 * value, digits):.{digits}f}"


def within(bounds):
    return f"[{percent(bounds[0], 1)}, {percent(bounds[1], 1)}]"


def test_the_numbers_are_those_of_the_scores(folder, written):
    scores = json.loads((folder / "results/demo/ours/0/scores.json").read_text())
    assert 0.5 < scores["accuracy"] < 1
    rows = {row[0].split(",")[0]: row[1:] for row in table(written, "score, %")}
    keys = {"accuracy": "accuracy", "UAR": "uar", "macro-F1": "macro_f1", "ECE": "ece"}
    for word, key in keys.items():
        pairs = (
            (percent(p[key], 2), within(p[f"{key}_ci95"]))
            for p in (scores, scores["duplicate_free"])
        )
        assert rows[word] == [cell for pair in pairs for cell in pair]
    assert rows["images"] == ["24", "", str(scores["duplicate_free"]["images"]), ""]
    counts = np.array(scores["confusion"])
    for i, row in enumerate(table(written, "class")):
        one, right = scores["per_class"][CLASSES[i]], counts[i, i]
        assert row == [
            CLASSES[i],
            str(counts[i].sum()),
            f"{percent(right / counts[i].sum(), 1)} {within(one['recall_ci95'])}",
            f"{percent(right / counts[:, i].sum(), 1)} {within(one['precision_ci95'])}",
        ]
    mistakes = re.findall(r"- (\w+) taken for (\w+): (\d+) of (\d+) images", written)
    assert {(a, b): (int(n), int(of)) for a, b, n, of in mistakes} == {
        (CLASSES[i], CLASSES[j]): (counts[i, j], counts[i].sum())
        for i, j in zip(*np.nonzero(counts), strict=True)
        if i != j
    }
    numbers = [int(n) for _, _, n, _ in mistakes]
    assert numbers == sorted(numbers, reverse=True)


def test_where_the_model_comes_from(folder, written):
    shown, provenance = facts(written), load(folder / MODEL)[1].provenance
    assert "seed 0\n\n> **DRAWN FACES: USELESS ON PEOPLE.**" in written
    assert shown["epoch"].startswith(f"{provenance['epoch']} of 2, chosen on validation images")
    assert shown["clfer"] == provenance["clfer"]
    buffers = ("running_mean", "running_var", "num_batches_tracked")
    weights = load_file(folder / MODEL).items()
    millions = sum(one.numel() for name, one in weights if not name.endswith(buffers)) / 1e6
    assert shown["network"] == f"resnet10_quarter, small stem, {millions:.2f} M parameters"
    assert "the middle 64 x 64 px" in shown["what the network sees"]
    files = {"model": MODEL, "split": "data/splits/demo.parquet", "faces": "data/faces/demo.npy"}
    for name, path in files.items():
        assert f"\n{name}  {sha256(folder / path)}\n" in written
    assert table(written, "images")[-1] == ["all", "24", "12", "24"]
    assert f"clfer predict PATH --model {MODEL}\n" in written


def test_the_hub_s_own_client_reads_its_head(written):
    hub = pytest.importorskip("huggingface_hub")
    read = hub.ModelCard(page(MODEL_CARD)).data
    (score,) = read.eval_results
    assert (score.metric_type, score.metric_value) == ("accuracy", MODEL_CARD.scores["accuracy"])
    assert (read.license, read.pipeline_tag) == ("other", "image-classification")
    assert read.datasets == [score.dataset_type] == ["raf_db"]
    drawn = hub.ModelCard(written).data
    assert (drawn.license, drawn.eval_results) == ("mit", None)  # no score to be found by


def test_warnings_that_are_due():
    for watched, words in ((False, "never opened"), (True, "scored after every epoch for the rec")):
        epoch = facts(page(trained(True, watch_test=watched)))["epoch"]
        assert words in epoch
        assert ("never opened" in epoch) is not watched
    assert "ANOTHER SPLIT" in page(replace(MODEL_CARD, split_sha256="0" * 64))
    for copy in ("incomplete", "other"):
        labels = f"RAF-DB, aligned images, {copy} copy: 1 of 2 train and 1 of 2 test images"
        protocol = {"labels": labels, "duplicates": "keep", "selected_on": "val"}
        text = page(replace(MODEL_CARD, scores={**MODEL_CARD.scores, "protocol": protocol}))
        assert "NOT THE PUBLISHED DATASET" in text
        assert "kept in train and val (leakage)" in facts(text)["identical copies"].replace("*", "")
        assert facts(text)["labels"] == labels


def test_names_that_markdown_would_take_for_its_own():
    scores, card = MODEL_CARD.scores, MODEL_CARD.card
    per_class = dict(zip(HOSTILE, scores["per_class"].values(), strict=True))
    card = card.model_copy(update={"classes": tuple(HOSTILE)})
    scores = {**scores, "classes": HOSTILE, "per_class": per_class}
    text = page(replace(MODEL_CARD, variant="msr_clbs", card=card, scores=scores))
    shown = [name.replace("\n", "\ufffd") for name in HOSTILE]
    assert [row[0] for row in table(text, "class")] == shown
    html = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text)
    assert "<script>" not in html
    assert 'href="http' not in html
    assert "<h1>Model card: msr_clbs on raf_db, seed 0</h1>" in html


def test_every_dataset_of_params_has_its_terms():
    known = YAML12.load(TEMPLATES / "datasets.yaml")
    assert set(known) == set(YAML12.load(ROOT / "params.yaml")["datasets"])
    for one in known.values():
        assert set(one) == {"title", "pictures", "labels", "expressions", "terms"}
        assert all(len(text) > 2 and "\n" not in text for text in one.values())
    assert "non-commercial research" in known["raf_db"]["terms"]


def test_a_dataset_that_nobody_described_and_a_class_that_is_never_chosen():
    counts = [[5, 3, 0], [2, 6, 0], [4, 4, 0]]
    scores = {**MODEL_CARD.scores, "confusion": counts}
    text = page(replace(MODEL_CARD, dataset="another", scores=scores))
    assert "Nothing but its name, another, is known" in text
    assert facts(text)["dataset"] == "not known here: those of whoever gave it out"
    rows = table(text, "class")
    assert [row[3] == "never chosen" for row in rows] == [False, False, True]


def test_scores_on_another_dataset_are_no_card(folder):
    for part in ("faces/demo.npy", "splits/demo.parquet"):
        path = folder / "data" / part
        path.with_stem("folder").write_bytes(path.read_bytes())
    done(folder, "evaluate", *CELL, "--on", "folder")
    out = folder / "transfer/folder/demo/ours/0"
    assert (out / "scores.json").exists()
    assert not list(out.glob("*.md"))


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
    provenance = {**card.provenance, "recipe": recipe(card.provenance["recipe"]), "clfer": "0.0.9"}
    old = card.model_copy(update={"provenance": provenance})
    save(network.state_dict(), old, where / MODEL)
    line = refused(where, "evaluate", *CELL)
    assert line.startswith(f"error: {MODEL}: expected the settings of training of clfer ")
    assert found in line
    assert line.endswith("(trained by clfer 0.0.9); train it again")
    assert not (where / "results").exists()
