"""What the paper's numbers are made of: rows A to E, by how they are selected, ordered and counted.

    python docs/results/paper_numbers.py CELLS SPLIT.parquet TO.json [--like RAF_DB_LIST]

Reads the outputs of every epoch that cells trained with `watch_test: outputs` keep; nothing is
trained or predicted here.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float, Int

from clfer.files import write_json
from clfer.report.markdown import table
from clfer.report.numbers import change, percent, points
from clfer.scoring.comparison import interval
from clfer.scoring.scores import codes
from clfer.scoring.transduction import answers, following, honest_and_prior, ordered
from clfer.training.prediction import BATCH
from pipeline.stored import tested
from pipeline.transduction import DRAWN, DRAWS, LIKE, followed_classes

ROWS = {
    "baseline": "A, the backbone",
    "released_plain": "B, the released head",
    "released": "C, B with the released contrast",
    "released_running": "D, B with the running mean",
    "ours": "E, the paper's text",
}
IN_BATCHES = 64  # as the released code tests
# what is compared, in points of accuracy: heading, and (row, selection, order) of both
DIFFERENCES = {
    "the head: B - A, honest": (("released_plain", "val", "honest"), ("baseline", "val", "honest")),
    "the contrast: C - B, honest": (
        ("released", "val", "honest"),
        ("released_plain", "val", "honest"),
    ),
    "the paper's text: E - A": (("ours", "val", "honest"), ("baseline", "val", "honest")),
    "the batch's mean learned with: B - D, honest": (
        ("released_plain", "val", "honest"),
        ("released_running", "val", "honest"),
    ),
    "the head without the batch's mean: D - A, honest": (
        ("released_running", "val", "honest"),
        ("baseline", "val", "honest"),
    ),
    **{
        f"the batch's mean in testing, {order}": (
            ("released_plain", "val", order),
            ("released_plain", "val", f"{LIKE} honest" if order == LIKE else "honest"),
        )
        for order in ("shuffled", "file", LIKE, "sorted", "alone")
    },
    "the epoch chosen on the test images: B, in file order": (
        ("released_plain", "test", "file"),
        ("released_plain", "val", "file"),
    ),
    "the epoch chosen on the test images: A": (
        ("baseline", "test", "honest"),
        ("baseline", "val", "honest"),
    ),
}


def of_cell(
    outputs: dict[str, Float[np.ndarray, "E N C"]],
    val_label: Int[np.ndarray, " V"],
    label: Int[np.ndarray, " N"],
    orders: dict[str, list[Int[np.ndarray, " M"]]],
    unique: Float[np.ndarray, " N"],
    batch_term: bool,
) -> dict[str, dict[str, float]]:
    """Accuracy by selection and order, and of `honest` also without copies."""
    found: dict[str, list[float]] = {}
    val_accuracy = []
    for val, test in zip(outputs["val"], outputs["test"], strict=True):
        probability = {"val": np.exp(val.astype(float)), "test": np.exp(test.astype(float))}
        alone, asked, prior = honest_and_prior(probability, BATCH if batch_term else None)
        right = alone.argmax(axis=1) == label
        by_order = {"honest": right.mean(), "honest, without copies": right[unique].mean()}
        for name, draws in orders.items():
            size = 1 if name == "alone" else IN_BATCHES
            hits = [(answers(asked, prior, one, size) == label[one]).mean() for one in draws]
            by_order[name] = np.mean(hits)
        if LIKE in orders:
            by_order[f"{LIKE} honest"] = np.mean([right[one].mean() for one in orders[LIKE]])
        for name, value in by_order.items():
            found.setdefault(name, []).append(float(value))
        val_alone, _, _ = honest_and_prior(
            {**probability, "test": probability["val"]}, BATCH if batch_term else None
        )
        val_accuracy.append(float((val_alone.argmax(axis=1) == val_label).mean()))
    best = int(np.argmax(val_accuracy))
    return {
        "val": {name: values[best] for name, values in found.items()},
        "test": {name: max(values) for name, values in found.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("cells", "split", "to"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--like", type=Path, help="RAF-DB's list, whose classes an order follows")
    given = parser.parse_args()
    split = pl.read_parquet(given.split)
    test = tested(split)
    label, unique = codes(test, "label"), test["unique"].to_numpy()
    val_label = codes(split.filter(pl.col("split") == "val").sort("row"), "label")
    classes = test["label"].dtype.categories.to_list()
    generator = np.random.default_rng(0)
    orders = {
        name: [ordered(name, label, generator) for _ in range(DRAWS if name == "shuffled" else 1)]
        for name in ("shuffled", "file", "sorted", "alone")
    }
    if given.like:
        followed = followed_classes(given.like, classes)
        orders[LIKE] = [following(label, followed, generator) for _ in range(DRAWN)]
    scores: dict[str, dict[str, Any]] = {}
    for row in ROWS:
        for path in sorted((given.cells / row).glob("*/predictions.npz")):
            with np.load(path) as arrays:
                outputs = {part: arrays[f"{part}_epochs"] for part in ("val", "test")}
            term = row in ("released_plain", "released")
            scores.setdefault(row, {})[path.parent.name] = of_cell(
                outputs, val_label, label, orders, unique, term
            )
    document = {
        "images": len(test),
        "batch": IN_BATCHES,
        "scores": scores,
        "differences": {name: difference(scores, *two) for name, two in DIFFERENCES.items()},
        "command": f"python docs/results/paper_numbers.py {given.cells} {given.split} {given.to}"
        + (f" --like {given.like}" if given.like else ""),
    }
    write_json(given.to, document)
    print(shown(document))


def difference(scores: Any, a: tuple[str, str, str], b: tuple[str, str, str]) -> Any:
    """Over the seeds that both rows have: the mean difference, its 95 % interval for other seeds
    on these images, and each seed's.
    """
    seeds = [seed for seed in scores.get(a[0], {}) if seed in scores.get(b[0], {})]
    if not seeds or any(order not in scores[row][seeds[0]][how] for row, how, order in (a, b)):
        return None
    apart = np.array(
        [scores[a[0]][one][a[1]][a[2]] - scores[b[0]][one][b[1]][b[2]] for one in seeds]
    )
    known = interval(apart, None, 0) if len(apart) > 1 else None
    return {
        "mean": float(apart.mean()),
        "ci95": None if known is None else [known.low, known.high],
        "per_seed": dict(zip(seeds, apart.tolist(), strict=True)),
    }


def shown(document: dict[str, Any]) -> str:
    """Two tables: the accuracies, and what is worth how many points."""
    known = next(iter(next(iter(document["scores"].values())).values()))["val"]
    names = ["honest", "honest, without copies", "shuffled", "file", LIKE, "sorted", "alone"]
    names = [name for name in names if name in known]
    rows = []
    for row, seeds in document["scores"].items():
        for how in ("val", "test"):
            means = {n: float(np.mean([one[how][n] for one in seeds.values()])) for n in names}
            cells = [percent(means[name]) for name in names]
            rows.append(
                [ROWS[row], str(len(seeds)), "validation" if how == "val" else "test", *cells]
            )
    scores = table(["row", "seeds", "epoch chosen on", *names], rows)
    lines = [
        [
            name,
            points(one["mean"]),
            change(one["ci95"]),
            ", ".join(map(points, one["per_seed"].values())),
        ]
        for name, one in document["differences"].items()
        if one
    ]
    head = ["what", "points", "95 % interval, other seeds", "each seed"]
    return f"{scores}\n\n{table(head, lines)}"


if __name__ == "__main__":
    main()
