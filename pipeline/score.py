"""Tool score: predictions made elsewhere, judged as our own are."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clfer.errors import InputError
from clfer.files import sha256, write_json, write_text
from pipeline import options, params, paths
from pipeline.console import page, say

if TYPE_CHECKING:
    from clfer.scoring.answers import Read, Truth
    from clfer.scoring.pairs import Entry

Files = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE...",
        help="CSV, Parquet, JSON or NPZ, or folders of them: row, name or file of each image; "
        "label, or probability_CLASS for each class.",
    ),
]


def score(
    files: Files,
    dataset: Annotated[
        str | None,
        typer.Option(metavar="DATASET", help=f"{options.LISTED}.", autocompletion=options.DATASETS),
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(help="Once for each file, in order; a repeated name is another seed."),
    ] = None,
    mapping: Annotated[
        Path | None,
        typer.Option(help="CSV or JSON: the files' name of a class, and ours."),
    ] = None,
    baseline: Annotated[
        str | None, typer.Option(help="Compare every name with this one only; default: all pairs.")
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(help="Difference that does not matter; default significance.margin."),
    ] = None,
    orders: Annotated[
        bool,
        typer.Option(
            "--orders", help="Two files of one model: do its answers depend on the batch?"
        ),
    ] = False,
    ranks: Annotated[
        bool,
        typer.Option(
            "--ranks", help="FILES are what --json wrote of several datasets: mean ranks."
        ),
    ] = False,
    claims: Annotated[bool, typer.Option("--claims", help="Add published accuracies.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write a page of HTML.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write the numbers.")] = None,
    md: Annotated[Path | None, typer.Option(help="Write a page of Markdown.")] = None,
    draw: Annotated[Path | None, typer.Option(help="--ranks: draw them (.png, .svg).")] = None,
) -> None:
    """Score files of predictions on a dataset's test images, and compare them.

    Files named alike but for a number at the end are seeds of one. A file that answers some of the
    test images, or knows some of the classes, is scored on these, and its name says so.
    """
    written = {"--html": html, "--json": json, "--md": md, "--draw": draw}
    unused = {"--html": html} if ranks else written if orders else {"--draw": draw}
    if absent := [option for option, path in unused.items() if path]:
        how = "with --ranks" if ranks else "with --orders" if orders else "without --ranks"
        raise InputError(f"{absent[0]}: expected none {how}, found one; leave it out")
    if ranks:
        options.check_own(written.items(), files)
        _ranks(files, json, md, draw)
        return
    if dataset is None:
        raise InputError("--dataset: expected the dataset that the files are about, found none")
    params.check_there("datasets", dataset)
    from clfer.report import score_sheet
    from clfer.scoring import answers, prediction_files
    from pipeline.experiment import prepare

    files = prediction_files.listed(files)
    options.check_own(written.items(), [*files, *([mapping] if mapping else [])])
    prepare(dataset)
    truth = _truth(dataset)
    meaning = prediction_files.mapping(mapping) if mapping else {}
    names = prediction_files.named(files, name or [])
    found = [answers.read(one, truth, meaning) for one in files]
    if orders:
        _orders(found)
        return
    document = _document(truth, names, found, baseline, margin, claims)
    shown = score_sheet.markdown(document)
    if json:
        write_json(json, document)
    if html:
        write_text(html, score_sheet.html(document))
    if md:
        write_text(md, shown)
    page(shown)
    if there := [str(one) for one in written.values() if one]:
        say([], f"written: {', '.join(there)}")


def _truth(dataset: str) -> Truth:
    from clfer.scoring.answers import Truth
    from pipeline import stored

    images = stored.tested(stored.table(paths.split(dataset), f"split {dataset}"))
    rows = stored.table(paths.labels(dataset), f"relabel {dataset}", ("row", "name"), alone=True)
    return Truth(dataset, images, rows)


def _document(
    truth: Truth,
    names: list[tuple[str, int]],
    found: list[Read],
    baseline: str | None,
    margin: float | None,
    claims: bool,
) -> dict[str, Any]:
    from clfer.datasets import labels
    from clfer.paper.published import published
    from clfer.scoring import pairs
    from clfer.scoring.raters import beside_panels
    from clfer.scoring.summary import Significance
    from pipeline.stored import protocol

    settings = params.settings(Significance, "significance")
    margin = settings.margin if margin is None else margin
    if not 0 < margin < 1:
        raise InputError(f"--margin: expected a fraction of 1, such as 0.01; found {margin}")
    entries, read = _entries(truth, names, found)
    if baseline is not None:
        full = {one.name.partition(" (")[0]: one.name for one in entries}
        full |= {one.name: one.name for one in entries}
        options.check_among("--baseline", baseline, [*full])
        baseline = full[baseline]
    people, votes = _people(truth), _votes(truth)
    about = labels.about(paths.split(truth.dataset))
    called, evidence = protocol(about, params.block("split", "duplicates"), "val")
    del called["selected_on"]
    files = {}
    for one in entries:
        files[one.name] = {**pairs.scores(one), "read": read[one.name]}
        if people is not None:
            files[one.name]["people"] = pairs.by_group(one, people)
        if votes is not None:
            files[one.name]["raters"] = beside_panels(one, votes)
    document = {
        "dataset": truth.dataset,
        "protocol": called,
        "evidence": evidence,
        "test_images": len(truth.images),
        "classes": list(truth.classes),
        "alpha": settings.alpha,
        "margin": margin,
        "baseline": baseline,
        "files": files,
        "comparisons": pairs.compare(entries, baseline, margin),
        "command": shlex.join(["clfer", *sys.argv[1:]]),
    }
    if claims:
        document["claims"] = [one._asdict() for one in published(truth.dataset)]
    return document


def _entries(
    truth: Truth, names: list[tuple[str, int]], found: list[Read]
) -> tuple[list[Entry], dict[str, dict[str, Any]]]:
    """The files by name and seed, and what is to be said of each file."""
    from clfer.scoring.pairs import Entry

    together: dict[str, dict[int, Read]] = {}
    for (name, seed), one in zip(names, found, strict=True):
        together.setdefault(name, {})[seed] = one
    entries, read = [], {}
    for name, seeds in together.items():
        first = next(iter(seeds.values()))
        for one in seeds.values():
            if not one.predictions["row"].equals(first.predictions["row"]):
                raise InputError(
                    f"{one.path}: expected the images of {first.path}, whose name it has as "
                    "another seed; found others; name them by --name"
                )
        coverage = first.coverage(truth)
        shown = f"{name} ({coverage})" if coverage else name
        tables = {seed: seeds[seed].predictions for seed in sorted(seeds)}
        entries.append(Entry(shown, tables, any(one.labels_only for one in seeds.values())))
        read[shown] = {
            one.path.as_posix(): {
                "sha256": sha256(one.path),
                "missing": one.missing,
                "beside": one.beside,
                "unknown": one.unknown,
                "first_unknown": one.first_unknown,
            }
            for one in seeds.values()
        }
    return entries, read


def _people(truth: Truth) -> Any:
    """Who is shown on the images, where the dataset says it."""
    if truth.dataset != "raf_db" or not paths.raw("raf_db").exists():
        return None
    from clfer.datasets import raf_db

    found = raf_db.people(paths.raw("raf_db"), truth.rows)
    return None if found["gender"].null_count() == len(found) else found


def _votes(truth: Truth) -> Any:
    """The votes of the images, where the dataset keeps them."""
    from pipeline import stored

    path, stage = paths.labels(truth.dataset), f"relabel {truth.dataset}"
    found = stored.table(path, stage, ("row", "votes"), alone=True).drop_nulls()
    return None if found.is_empty() else found


def _orders(found: list[Read]) -> None:
    """Whether two files of one model differ, and what that was worth."""
    from clfer.report.numbers import count, percent, probability
    from clfer.scoring.pairs import changed

    if len(found) != 2:
        raise InputError(f"--orders: expected two files of one model, found {len(found)}")
    a, b = found
    one = changed(a.predictions, b.predictions)
    first, second = one["accuracy"]
    largest = "" if a.labels_only or b.labels_only else f", a probability by {one['largest']:.3g}"
    same = one["changed"] == 0 and (not largest or one["largest"] <= 1e-3)
    lines = [
        f"{count(one['images'])} images, {count(one['changed'])} with another answer{largest}",
        f"accuracy {percent(first)} % in {a.path}, {percent(second)} % in {b.path}",
        f"{one['only_a_right']} right only there, {one['only_b_right']} only here, "
        f"{probability(one['p'])} (exact McNemar)",
    ]
    word = "do not depend" if same else "depend"
    say(lines, f"The answers {word} on the order or the batch.")


def _ranks(files: list[Path], json: Path | None, md: Path | None, draw: Path | None) -> None:
    """Mean ranks of the names in several documents."""
    from clfer.report import score_sheet
    from clfer.scoring.ranks import mean_ranks
    from pipeline import stored

    accuracy, alpha = {}, 0.05
    for path in files:
        found = stored.document(path, "score --json")
        try:
            scores = {name: one["accuracy"]["value"] for name, one in found["files"].items()}
            dataset, alpha = found["dataset"], found["alpha"]
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path}: expected what `clfer score --json` wrote") from error
        if dataset in accuracy:
            raise InputError(f"{path}: expected another dataset, found {dataset} again")
        accuracy[dataset] = scores
    document = mean_ranks(accuracy, alpha) | {"command": shlex.join(["clfer", *sys.argv[1:]])}
    shown = score_sheet.ranked(document)
    if json:
        write_json(json, document)
    if md:
        write_text(md, shown)
    if draw:
        from clfer.figures.scores import draw_ranks

        draw_ranks(document, draw)
    page(shown)
