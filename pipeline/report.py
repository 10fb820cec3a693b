"""Tool report: everything that came out, in one page for people who ran nothing."""

import hashlib
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from clfer.errors import InputError
from clfer.files import replacing, sha256
from clfer.report import contents as parts
from clfer.report.contents import Code, Contents, Picture, check, picture
from clfer.report.numbers import plural
from pipeline import paths
from pipeline.console import say
from pipeline.params import PARAMS, everything

VECTOR_BYTES = 300_000  # a larger SVG draws slowly, and its PNG is smaller
LOCK = Path("dvc.lock")
PREPARING = ("download", "relabel", "align", "split")  # stages before training
# keys of experiments that have a page of their own: comparison, transduction
PAGES = {"comparisons", "draws"}
# of all files that differ from the commit, these can change a result
CODE = ("clfer", "pipeline", "dvc.yaml", "requirements.lock")


def report(
    out: Annotated[Path, typer.Option(help="The page to write.", dir_okay=False)] = paths.REPORT,
) -> None:
    """Write one HTML page: what was run, the results, whether they can be trusted.

    It takes metrics/summary.json and, if they exist, the audits of the splits, the models, plots/,
    tables/ and figures/; results of other runs are left out or marked. The page needs no other file
    and no network.
    """
    from clfer.report.page import page

    contents = _contents()
    text = page(contents)
    with replacing(out) as temporary:
        temporary.write_text(text, encoding="utf-8")
    shown = {name: getattr(contents, f"{name}s") for name in ("plot", "table", "figure")}
    shown = {"dataset": contents.summary["datasets"], "model": contents.cards, **shown}
    lines = [
        ", ".join(plural(len(some), name) for name, some in shown.items()),
        *contents.mismatches,
        f"{len(text.encode()) / 1e6:.1f} MB; opens in any browser, without a network",
    ]
    say(lines, f"report: {out}")


def _contents() -> Contents:
    """Every file that the page shows; only the summary has to be there."""
    from clfer.report.provenance import as_run, mismatches, options
    from pipeline import stored

    found = stored.document(paths.SUMMARY, "significance")
    summary = check(parts.Summary, found, paths.SUMMARY, "run `dvc repro`")
    named, datasets, params = summary["sources"], summary["datasets"], everything()
    there = {path: sha256(Path(path)) for path in named if Path(path).is_file()}
    changed = sorted(path for path, sha in there.items() if sha != named[path])
    unchanged = [Path(path) for path in sorted(there) if path not in changed]
    models = {
        (name, variant, seed): paths.run(name, variant, seed) / paths.MODEL
        for name, dataset in datasets.items()
        for variant, one in dataset["variants"].items()
        for seed in one["seeds"]
    }
    cards = {cell: _card(path, cell) for cell, path in models.items() if path in unchanged}
    prepared = {name: _prepared(name) for name in datasets}
    used = as_run(params, summary, cards, prepared.values())
    tables, captions = (
        [
            (path, stored.document(path, stage))
            for name in datasets
            for path in sorted((folder / name).glob("*.json"))
        ]
        for folder, stage in ((paths.TABLES, "experiment"), (paths.FIGURES, "figure"))
    )
    return Contents(
        summary=summary,
        code=Code(
            commit=commit(),
            changed=changed_code(),
            options=options(committed() or params, used),
            unrecorded=[name for name, known in prepared.items() if not known],
        ),
        mismatches=mismatches(summary, changed, cards, params, used),
        unchanged=len(unchanged),
        audits={
            name: stored.document(audit, f"split {name}")
            for name in datasets
            if (split := paths.split(name)) in unchanged
            and (audit := split.with_suffix(".json")).is_file()
        },
        cards=cards,
        plots={
            path.stem: picture(path.read_bytes(), path)
            for path in unchanged
            if path.is_relative_to(paths.PLOTS)
        },
        tables=[
            check(parts.Table, about, path, "let `clfer experiment` write it again")
            for path, about in tables
            if not PAGES & about.keys()
        ],
        figures=[_figure(path, about) for path, about in captions],
    )


def _prepared(dataset: str) -> dict[str, Any]:
    """The settings with which DVC prepared a dataset's images, by key; empty where dvc.lock does
    not name the split that is there.
    """
    split = paths.split(dataset)
    if not (LOCK.is_file() and split.is_file()):
        return {}
    stages = YAML(typ="safe", pure=True).load(LOCK).get("stages", {})
    locked = [stages.get(f"{stage}@{dataset}", {}) for stage in PREPARING]
    hashes = {out["path"]: out["md5"] for stage in locked for out in stage.get("outs", ())}
    if hashes.get(split.as_posix()) != hashlib.md5(split.read_bytes()).hexdigest():
        return {}
    return {k: v for one in locked if one for k, v in one["params"]["params.yaml"].items()}


def _card(path: Path, cell: parts.Cell) -> Mapping[str, Any]:
    from safetensors import SafetensorError, safe_open

    from clfer.model.bundle import METADATA

    try:
        with safe_open(path, framework="numpy") as file:
            card: Mapping[str, Any] = json.loads(file.metadata()[METADATA])
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: expected a model with its card, found none; "
            f"`clfer train {' '.join(map(str, cell))}` writes it"
        ) from error
    return card


def _figure(path: Path, caption: dict[str, Any]) -> tuple[dict[str, Any], Picture]:
    """The figure beside its caption: the SVG unless it is large."""
    about = check(parts.Caption, caption, path, "let `clfer figure` draw it again")
    vector, raster = (path.with_suffix(ending) for ending in (".svg", ".png"))
    small = vector.is_file() and vector.stat().st_size <= VECTOR_BYTES
    shown = vector if small or not raster.is_file() else raster
    if not shown.is_file():
        raise InputError(f"{path} has no {raster.name} beside it; let `clfer figure` draw it")
    return about, picture(shown.read_bytes(), shown)


def commit() -> str | None:
    """The short name of the commit checked out; None without Git or a commit."""
    said = _git("rev-parse", "--short", "HEAD")
    return said.strip() if said else None


def changed_code() -> list[str]:
    """The code that is not as in the commit, new files included."""
    said = _git("status", "--porcelain", "-z", "--no-renames", "--", *CODE) or ""
    return sorted(entry[3:] for entry in said.split("\0") if entry)


def committed() -> Mapping[str, Any] | None:
    """params.yaml as it stands in the commit; None where that has none."""
    said = _git("show", f"HEAD:./{PARAMS}")
    try:
        found = YAML(typ="safe", pure=True).load(said) if said else None
    except YAMLError:
        return None
    return found if isinstance(found, dict) else None


def _git(*arguments: str) -> str | None:
    """What it prints of the checkout's own repository, not of one that the checkout lies in; None
    where it fails or is not installed.
    """
    own = {**os.environ, "GIT_CEILING_DIRECTORIES": str(Path.cwd().parent)}
    how: Any = {"encoding": "utf-8", "errors": "surrogateescape", "env": own}
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=True, **how)
    except (OSError, subprocess.CalledProcessError):
        return None
    return str(done.stdout)
