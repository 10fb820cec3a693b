"""Tool audit: the classes, raters, copies and faces of a dataset, and what is wrong with them."""

import json
from typing import Annotated, Any

import typer

from clfer.datasets.expressions import FERPLUS_VOTES
from clfer.errors import InputError
from clfer.files import replacing, write_json
from clfer.report.numbers import short
from pipeline import options, paths
from pipeline.console import say, table, track
from pipeline.params import dataset

ALIKE = 0.1  # by which near duplicates may agree less in their labels than identical images do
COPIED = 0.99  # share of equal votes above which copies were not rated anew
REASONS = 10  # of rejections that are listed


def audit(
    name: options.Dataset,
    threshold: Annotated[float, typer.Option(help="Least correlation of near duplicates.")] = 0.9,
    crops: Annotated[bool, typer.Option(help="Look for other crops, too: 12 times longer.")] = True,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|NAME|URL",
            help="Only ask whether this model's answers depend on the other images of a batch.",
        ),
    ] = None,
) -> None:
    """Report classes, raters' agreement, copies, near duplicates and poor images of a dataset.

    Writes data/audit/DATASET.json with all numbers, and beside it DATASET.png (classes, mean faces,
    votes) and DATASET-pairs.png (pairs to look at). With --model it only asks whether that model
    (.safetensors, .onnx) answers the test images alike alone, shuffled and sorted by class.
    """
    dataset(name)
    if model:
        _audit_model(name, model)
        return
    import polars as pl

    from clfer.audit.images import TINY
    from clfer.audit.report import examples, report
    from clfer.datasets.labels import about
    from clfer.datasets.splits import COLUMNS
    from clfer.faces.packing import SCHEMA
    from clfer.figures import dataset as figures
    from clfer.report.rendering import sentences
    from pipeline import stored

    if not 0.5 <= threshold <= 1:
        raise InputError(f"--threshold: expected 0.5 to 1, found {threshold}")
    split = stored.table(paths.split(name), f"split {name}", COLUMNS)
    faces = stored.array(paths.faces(name), f"align {name}")
    labels = stored.table(paths.labels(name), f"relabel {name}", ("row", "label", "votes"))
    aligned = stored.table(paths.faces(name).with_suffix(".parquet"), f"align {name}", [*SCHEMA])
    described = about(paths.labels(name))
    numbers, near, means = report(split, labels, aligned, faces, threshold, crops)
    document = {
        "dataset": name,
        "protocol": described["protocol"],
        "evidence": json.loads(described["evidence"]),
        **numbers,
    }
    out = paths.audit(name)
    write_json(out, document)
    overview, sheet = out.with_suffix(".png"), out.with_name(f"{name}-pairs.png")
    figures.draw_overview(document, means, f"{name}: {document['protocol']}", overview)
    shown = split.select("row", "face", "published", pl.col("label").cast(pl.String)).iter_rows()
    known = {row: (face, f"{row} {part}: {label}") for row, face, part, label in shown}

    def pair(*rows: int) -> figures.Pair:
        (one, words), (other, more) = (known[row] for row in rows)
        return figures.square(faces[one]), figures.square(faces[other]), f"{words}\n{more}"

    with replacing(sheet) as temporary:
        kinds = examples(split, near).items()
        figures.draw_pairs(
            {kind: [pair(*rows) for rows in some] for kind, some in kinds}, temporary
        )
    _tables(document)
    limits = {"copied": COPIED, "tolerance": ALIKE, "reasons": REASONS, "tiny": TINY}
    leaks = sentences("leakage.txt.j2", leakage=document["leakage"])
    rest = sentences("audit.txt.j2", audit=document, **limits)
    say(
        [document["protocol"], *leaks, *rest], f"audit {name}: {out}, {overview.name}, {sheet.name}"
    )


def _audit_model(name: str, model: str) -> None:
    """Whether a model's answers to the test images depend on the other images of their batch."""
    from clfer.audit.batch_dependence import BATCH, dependence
    from clfer.datasets import labels
    from clfer.inference.engines import open_engine
    from clfer.inference.models import located
    from clfer.scoring.scores import codes
    from pipeline.cell import cached
    from pipeline.stored import tested

    engine = open_engine(located(model, track), None)
    split, faces = cached(name)
    expected = (engine.card.cut.size, engine.card.cut.size, engine.card.cut.channels)
    if faces.shape[1:] != expected:
        raise InputError(
            f"{model}: expected a model for faces of {faces.shape[1:]}, as {name} has them; found "
            f"one for {expected}"
        )
    test = tested(split)
    if labels.classes(split) != tuple(engine.card.classes):
        raise InputError(
            f"{model}: expected a model of the classes of {name}; found {engine.card.classes}"
        )
    rows = split.filter(split="test").sort("row")["face"].to_numpy()
    results = dependence(engine, faces[rows], codes(test, "label"), track=track)
    table(
        f"{len(rows):,} test images alone and in batches of {BATCH}",
        ["order", "accuracy (%)", "alone (%)", "answers changed", "largest difference"],
        [
            [
                one.order,
                f"{100 * one.accuracy:.2f}",
                f"{100 * one.alone:.2f}",
                f"{one.changed:,}",
                f"{one.difference:.1e}",
            ]
            for one in results
        ],
    )
    depends = any(one.depends for one in results)
    gain = 100 * max((one.accuracy - one.alone for one in results), key=abs)
    say(
        [f"by up to {gain:+.2f} points of accuracy"] if depends else [],
        f"{model}: its answers {'depend' if depends else 'do not depend'} on the other images of "
        "their batch",
    )


def _tables(found: dict[str, Any]) -> None:
    parts, ratios = found["leakage"]["images"], found["imbalance"]
    classes = found["faces"]["classes"]
    counts = {name: [part["classes"][name] for part in parts.values()] for name in classes}
    table(
        "images used / published with a label and a face",
        ["class", *parts],
        [
            [short(name), *(f"{n['used']:,} / {n['published']:,}" for n in row)]
            for name, row in {**counts, "all": list(parts.values())}.items()
        ]
        + [["largest : smallest", *(_number(ratios[part]["used"], 1) for part in parts)]],
    )
    kinds = {"=": found["identical"]["between"], "~": found["near"]["between"]}
    table(
        "published images with an identical one (=) or a near duplicate (~) in",
        ["images of", *(f"{sign} {part}" for sign in kinds for part in parts)],
        [[p, *(f"{n:,}" for kind in kinds.values() for n in kind[p].values())] for p in parts],
    )
    near = found["near"]["beyond_identical"]["classes"]
    table(
        "published test images that also stand in train or val",
        ["class", "test images", "identical", "near alone"],
        [
            [short(name), f"{same['of']:,}", f"{same['images']:,}", f"{near[name]:,}"]
            for name, same in found["leakage"]["test_copied_in_train_or_val"]["classes"].items()
        ],
    )
    if found["raters"]:
        table(
            "mean share of the votes in %, by label; bits: mean entropy",
            ["label", *(column[:3] for column in FERPLUS_VOTES), "bits"],
            [
                [
                    short(name),
                    *(_number(share and 100 * share, 0) for share in one["shares"].values()),
                    _number(one["entropy"], 2),
                ]
                for name, one in found["raters"]["classes"].items()
            ],
        )


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
