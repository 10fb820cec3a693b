"""Packages beside clfer on the same FERPlus test faces: the scores, and the page.

Notation: N images, K classes of a package in its own order, C = 7 shared classes.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float

from clfer.report.markdown import table
from clfer.report.numbers import ABSENT, count, difference, estimate, percent, probability, share
from clfer.scoring.comparison import holm
from clfer.scoring.family import MCNEMAR
from clfer.scoring.grid import Run
from clfer.scoring.summary import Significance, summarise

OURS = "clfer"
SHARED = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear")
OTHERWISE = {"angry": "anger", "happy": "happiness", "sad": "sadness", "surprised": "surprise"}
FER2013 = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")  # its codes
ALL, UNIQUE = "all", "without copies"


def shared(given: Float[np.ndarray, "N K"], classes: Sequence[str]) -> Float[np.ndarray, "N C"]:
    """Probabilities of the shared classes, which sum to 1; NaN without a face."""
    spelled = [OTHERWISE.get(name.lower(), name.lower()) for name in classes]
    kept = given[:, [spelled.index(name) for name in SHARED]]
    return kept / kept.sum(axis=1, keepdims=True)


def accuracy(given: Float[np.ndarray, "N C"], label: Sequence[str]) -> dict[str, float]:
    """Shares of the images of a shared class that are right, and without a face, which is wrong."""
    code = np.array([SHARED.index(one) if one in SHARED else -1 for one in label])
    given, code = given[code >= 0], code[code >= 0]
    found = ~np.isnan(given).any(axis=1)
    right = found & (np.nan_to_num(given).argmax(axis=1) == code)
    return {"accuracy": right.mean().item(), "no_face": 1 - found.mean().item()}


def predictions(test: pl.DataFrame, given: Float[np.ndarray, "N C"]) -> pl.DataFrame:
    """A table as `clfer.scoring.scores` wants it, of the test images of a shared class.

    test: `row`, `group`, `unique`, `label` and `target` of FERPlus, whose classes begin with the
    shared ones; each image must have been answered.
    """
    kept = test["label"].is_in(SHARED).to_numpy()
    target = test["target"].to_numpy()[kept, : len(SHARED)]
    target = target / target.sum(axis=1, keepdims=True)
    kind, values = pl.Enum(SHARED), pl.Array(pl.Float32, len(SHARED))
    return test.filter(kept).with_columns(
        pl.Series("target", target, values),
        pl.Series("probability", given[kept], values),
        pl.Series("predicted", [SHARED[code] for code in given[kept].argmax(axis=1)], kind),
        pl.col("label").cast(pl.String).cast(kind),
    )


def compare(test: pl.DataFrame, given: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Of all images, and of those without a copy elsewhere: the scores of each package, and in
    `against` its difference to `OURS`, with Holm's correction over the packages.
    """
    parts = {ALL: pl.lit(True), UNIQUE: pl.col("unique")}
    tables = {name: predictions(test, one) for name, one in given.items()}
    runs = [
        Run(part, name, 0, one.filter(images))
        for part, images in parts.items()
        for name, one in tables.items()
    ]
    protocol = dict.fromkeys(parts, "FERPlus test images of the seven shared classes")
    settings = Significance(alpha=0.05, margin=0.01, baseline=OURS)
    scores = summarise(runs, dict.fromkeys(parts, True), protocol, settings)["datasets"]
    for part in scores.values():
        for one in part["variants"].values():
            del one["duplicate_free"]
        entries = part.pop("comparisons")
        paired = [one for one in entries if one["primary"]]
        tests = [one["per_seed"][0] for one in entries if one["test"] == MCNEMAR]
        adjusted = holm([one["p"] for one in tests])
        part["against"] = {
            one["a"]: {
                "difference": one["difference"],
                "ci95": one["ci95_images"],
                "mcnemar": test | {"p_holm": p},
            }
            for one, test, p in zip(paired, tests, adjusted, strict=True)
        }
    return scores


def page(document: Mapping[str, Any]) -> str:
    """The page in Markdown of a document that `python -m bench.peers` writes."""
    columns = [column(name, document) for name in document["packages"]]
    rows = [[key, *(one.get(key, ABSENT) for one in columns)] for key in columns[-1]]
    words = {key: count(one) if isinstance(one, int) else one for key, one in document.items()}
    words["counted"], words["unique"] = (
        count(part["test_images"]) for part in document["scores"].values()
    )
    words["agree"] = percent(document["fer2013_agrees"], 1)
    words["table"] = table(["", *document["packages"]], rows)
    return Path(__file__).with_name("page.md").read_text().format(**words)


def column(name: str, document: Mapping[str, Any]) -> dict[str, str]:
    """What the page says of a package, by the heading of the row."""
    about = document["packages"][name]
    cells = {"version": about["installed"][0]}
    for part, scores in document["scores"].items():
        own, against = scores["variants"][name], scores["against"].get(name)
        cells[f"accuracy, {part}"] = estimate(own["accuracy"])
        cells[f"minus {OURS}'s, {part}"] = difference(against)
        if test := against and against["mcnemar"]:
            only = f"{test['only_b_right']} / {test['only_a_right']}"
            cells[f"McNemar, {part}"] = f"{only}, {probability(test['p_holm'])}"
        cells[f"UAR, {part}"] = estimate(own["uar"])
    cells["accuracy by FER2013's labels"] = percent(about["fer2013"]["accuracy"])
    cells["ms a face"] = f"{about['milliseconds']:.1f}"
    cells["MB installed"] = count(about["megabytes"]) if about["megabytes"] else ABSENT
    for label, one in document["scores"][ALL]["variants"][name]["per_class"].items():
        cells[f"recall of {label} ({one['support']:,})"] = share(one["recall"], digits=1)
    for way, one in about["val"].items():
        without = f", {percent(one['no_face'])} without a face" if one["no_face"] else ""
        bold = "**" if way == about["way"] else ""
        cells[f"validation, {way}"] = f"{bold}{percent(one['accuracy'])}{bold}{without}"
    return cells
