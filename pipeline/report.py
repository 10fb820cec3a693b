"""Tool report: all that was found, in one page for people who ran nothing."""

import json
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from safetensors import SafetensorError, safe_open

from clfer.errors import InputError
from clfer.files import replacing
from clfer.model.card import METADATA
from clfer.report.material import (
    Cell,
    Code,
    Figure,
    Material,
    Picture,
    checked_figure,
    checked_picture,
    checked_summary,
    checked_table,
)
from clfer.report.numbers import plural
from clfer.report.page import page
from clfer.report.rerun import as_run, options, recipe
from pipeline import checkout, paths
from pipeline.console import say
from pipeline.params import everything

VECTOR_BYTES = 300_000  # a larger SVG draws slowly, and its PNG is smaller


def report(
    out: Annotated[Path, typer.Option(help="The page to write.", dir_okay=False)] = paths.REPORT,
) -> None:
    """Write one HTML page of what was run, what was found and whether it can be trusted.

    From metrics/summary.json, and where they are, the audits of the splits, the models, plots/,
    tables/ and figures/. The page needs no other file and no network.
    """
    material = _material()
    text = page(material)
    with replacing(out) as temporary:
        temporary.write_text(text, encoding="utf-8")
    parts = {
        "dataset": material.summary["datasets"],
        "model": material.cards,
        "plot": material.plots,
        "table": material.tables,
        "figure": material.figures,
    }
    lines = [
        ", ".join(plural(len(found), name) for name, found in parts.items()),
        f"{len(text.encode()) / 1e6:.1f} MB; opens in any browser, without a network",
    ]
    say(lines, f"report: {out}")


def _material() -> Material:
    """Every file that the page shows; only the summary has to be there."""
    found = _json(paths.existing(paths.SUMMARY, "significance"))
    summary = checked_summary(found, paths.SUMMARY)
    params = everything()
    datasets = summary["datasets"]
    audits = {name: paths.split(name).with_suffix(".json") for name in datasets}
    cards = dict(_cards(datasets))
    asked = {
        (dataset, variant): recipe(params, dataset, variant)
        for dataset, found in datasets.items()
        for variant in found["variants"]
    }
    before = checkout.committed() or params
    return Material(
        summary=summary,
        code=Code(
            commit=checkout.commit(),
            changed=checkout.changed(),
            options=options(before, as_run(params, summary, cards)),
        ),
        audits={name: _json(path) for name, path in audits.items() if path.is_file()},
        cards=cards,
        recipes={key: found for key, found in asked.items() if found},
        plots={path.stem: _picture(path) for path in sorted(paths.PLOTS.glob("*.png"))},
        tables=list(chain.from_iterable(_tables(name) for name in datasets)),
        figures=list(chain.from_iterable(_figures(name) for name in datasets)),
    )


def _cards(datasets: Mapping[str, Any]) -> Iterator[tuple[Cell, Mapping[str, Any]]]:
    """The card of every model of the grid that is there."""
    for dataset, found in datasets.items():
        for variant, one in found["variants"].items():
            for seed in one["seeds"]:
                path = paths.run(dataset, variant, seed) / "model.safetensors"
                if path.is_file():
                    yield (dataset, variant, seed), _card(path, f"{dataset} {variant} {seed}")


def _card(path: Path, cell: str) -> Mapping[str, Any]:
    try:
        with safe_open(path, framework="numpy") as file:
            card: Mapping[str, Any] = json.loads(file.metadata()[METADATA])
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: expected a model with its card, found none; `clfer train {cell}` writes it"
        ) from error
    return card


def _tables(dataset: str) -> Iterator[Mapping[str, Any]]:
    for path in sorted((paths.TABLES / dataset).glob("*.json")):
        yield checked_table(_json(path), path)


def _figures(dataset: str) -> Iterator[Figure]:
    for path in sorted((paths.FIGURES / dataset).glob("*.json")):
        about = checked_figure(_json(path), path)
        vector, raster = (path.with_suffix(ending) for ending in (".svg", ".png"))
        small = vector.is_file() and vector.stat().st_size <= VECTOR_BYTES
        shown = vector if small or not raster.is_file() else raster
        if not shown.is_file():
            raise InputError(f"{path} has no {raster.name} beside it; let `clfer figure` draw it")
        yield Figure(about, _picture(shown))


def _picture(path: Path) -> Picture:
    kind: Literal["png", "svg+xml"] = "svg+xml" if path.suffix == ".svg" else "png"
    return Picture(checked_picture(path.read_bytes(), path), kind)


def _json(path: Path) -> Any:
    """What a file holds; InputError where that is no JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path}: expected JSON, found something else ({reason}); run `dvc repro` to have it "
            "written again"
        ) from error
