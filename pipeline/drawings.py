"""The figures of the paper, as `clfer figure` draws them from trained runs."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Float, Int
from safetensors import SafetensorError
from safetensors.numpy import load_file

from clfer.datasets import labels
from clfer.errors import InputError
from clfer.figures import confusion, curves, features, scores
from pipeline import paths, stored
from pipeline.console import track
from pipeline.params import block as block_of

BLOCK = 2  # the one that the paper's losses act on (alpha_2, beta_2)
MOMENTS = 4  # epochs of t-SNE


class Request(NamedTuple):
    """The runs to draw, VARIANT/SEED below `folder`, seeds by variant; None where the figure shall
    choose.
    """

    dataset: str
    folder: Path
    cells: dict[str, list[int]]
    images: int | None
    block: int | None
    row: int | None

    def histories(self) -> dict[str, list[pl.DataFrame]]:
        tables: dict[str, list[pl.DataFrame]] = {name: [] for name in self.cells}
        for name, seeds in self.cells.items():
            for seed in seeds:
                path = self.folder / name / str(seed) / paths.HISTORY
                tables[name].append(stored.table(path, f"train {self.dataset} {name} {seed}"))
        return tables

    def validation(self) -> pl.DataFrame:
        from pipeline.cell import cached

        return cached(self.dataset)[0].filter(pl.col("split") == "val").sort("row")

    def seen(self, images: pl.DataFrame) -> tuple[Float[np.ndarray, "F S S 3"], dict[str, Any]]:
        """The images as the networks see them, and the features by block of each variant."""
        import torch

        from clfer.explanation import denormalised
        from clfer.faces.views import central
        from clfer.model.bundle import load
        from pipeline.cell import cached

        faces, blocks = torch.from_numpy(cached(self.dataset)[1][images["face"].to_numpy()]), {}
        for name, (seed,) in self.cells.items():
            network, card = load(self.folder / name / str(seed) / paths.MODEL)
            with torch.no_grad():
                pixels = central(faces, card.view)
                blocks[name] = network.features(pixels)
        return denormalised(pixels).numpy(), blocks


class Drawing(NamedTuple):
    """A figure that can be drawn with a title to a path, and what is said of it."""

    title: str
    caption: str
    draw: Callable[[str, Path], None]
    notes: Sequence[str] = ()
    made_from: tuple[list[str], list[int]] | None = None  # variants, seeds; default: as requested


def trained(
    dataset: str, folder: Path, given: list[str], usual: list[str], seed: int | None
) -> tuple[dict[str, list[int]], list[str]]:
    """The seeds of each variant asked for, else of the `usual` ones that there are, and a note on
    those that there are not.

    Raises InputError naming the command that trains what was asked for and is missing.
    """
    cells, notes = {}, []
    for name in given or usual:
        done = (folder / name).glob(f"*/{paths.MODEL}")
        seeds = sorted(int(path.parent.name) for path in done if path.parent.name.isdigit())
        if chosen := [one for one in seeds if seed in (None, one)]:
            cells[name] = chosen
        else:
            command = f"`clfer train {dataset} {name} {seed or 0}`"
            notes.append(f"without {name}, which is not trained: {command}")
    for name in given or ([] if cells else usual):
        if name not in cells:
            block_of("variants", name)
            path = folder / name / str(seed or 0) / paths.MODEL
            paths.existing(path, f"train {dataset} {name} {seed or 0}")
    return cells, notes


def shared(cells: dict[str, list[int]]) -> dict[str, list[int]]:
    """Of each variant the first seed that all were trained with."""
    if common := set.intersection(*map(set, cells.values())):
        return {name: [min(common)] for name in cells}
    seeds = (f"{name} {', '.join(map(str, seeds))}" for name, seeds in cells.items())
    raise InputError(
        f"runs: expected a seed that all variants were trained with; found {'; '.join(seeds)}"
    )


def _loss(asked: Request) -> Drawing:
    draw = partial(curves.draw_loss, asked.histories())
    return Drawing("Training and validation loss", curves.LOSS, draw)


def _learning_intensity(asked: Request) -> Drawing:
    histories, block = asked.histories(), asked.block or BLOCK
    shallow = len(curves.block_columns(next(iter(histories.values()))[0])) - 1
    if block > shallow:
        raise InputError(f"--block: expected a shallow block, 1 to {shallow}; found {block}")
    old = [
        f"{name} {seed}"
        for name, seeds in asked.cells.items()
        for seed, history in zip(seeds, histories[name], strict=True)
        if not curves.group_columns(history, block)
    ]
    draw = partial(curves.draw_intensity, histories, None if old else block)
    if not old:
        caption = curves.INTENSITY + curves.INTENSITY_OF_GROUPS.format(block=block)
        return Drawing("Learning intensity", caption, draw)
    note = (
        f"without semantic groups, which {len(old)} of the runs did not record; train again, "
        f"such as `clfer train {asked.dataset} {old[0]} --fresh`"
    )
    return Drawing("Learning intensity", curves.INTENSITY, draw, [note])


def _confusion(asked: Request) -> Drawing:
    counts: dict[str, Any] = dict.fromkeys(asked.cells, 0)
    classes = set()
    for name, seeds in asked.cells.items():
        for seed in seeds:
            path = paths.results(asked.dataset, name, seed) / "scores.json"
            scores = stored.document(path, f"evaluate {asked.dataset} {name} {seed}")
            classes.add(tuple(scores["classes"]))
            if len(classes) > 1:
                raise InputError(
                    f"{path}: expected the same classes in all variants, found others; train and "
                    "evaluate anew"
                )
            counts[name] += np.array(scores["confusion"])
    numbers = {name: len(seeds) for name, seeds in asked.cells.items()}
    draw = partial(confusion.draw_several, counts, numbers, classes.pop())
    return Drawing("Confusion matrices", confusion.CAPTION, draw)


def _k(asked: Request) -> Drawing:
    path = paths.table(asked.dataset, "figure8")
    command = f"experiment figure8 --dataset {asked.dataset}"
    table = stored.document(path, command)
    if not (points := table.get("points")):
        raise InputError(f"{path}: expected its points, found none; `clfer {command}` writes them")
    draw = partial(scores.draw_clusters, points)
    made_from = (table.get("variants", []), table.get("seeds", []))
    return Drawing("Number of clusters", scores.CLUSTERS, draw, made_from=made_from)


def _feature_maps(asked: Request) -> Drawing:
    from clfer.explanation import activations, enlarged, stretched

    chosen, maps, levels = features.examples(asked.validation(), asked.images), {}, {}
    faces, blocks = asked.seen(chosen)
    for name, found in blocks.items():
        means = activations(found)
        shown = [enlarged(stretched(one), faces.shape[1]).numpy() for one in means]
        maps[name] = np.stack(shown, axis=1)
        levels[name] = np.array([float(one.mean()) for one in means])
    words = list(map(str, chosen["label"]))
    draw = partial(features.draw_feature_maps, faces, words, maps, levels)
    notes = [f"rows {', '.join(map(str, chosen['row']))}"]
    return Drawing("Feature maps", features.FEATURE_MAPS, draw, notes)


def _semantic_groups(asked: Request) -> Drawing:
    from clfer.explanation import enlarged, grouped, stretched

    block, images, maps, sizes = asked.block or 1, asked.validation(), {}, {}
    row = images["row"][0] if asked.row is None else asked.row
    chosen = images.filter(images["row"] == row)
    if chosen.is_empty():
        raise InputError(
            f"--row: expected the row of a validation image in {paths.split(asked.dataset)}, "
            f"such as {images['row'][0]}; found {row}"
        )
    faces, blocks = asked.seen(chosen)
    for name, found in blocks.items():
        if block > len(found):
            raise InputError(f"--block: expected 1 to {len(found)}; found {block}")
        channels, sizes[name] = grouped(found, block, features.CHANNELS)
        maps[name] = enlarged(stretched(channels), faces.shape[1]).numpy()
    caption = features.SEMANTIC_GROUPS.format(block=block)
    draw = partial(features.draw_semantic_groups, faces[0], maps, sizes)
    notes = [f"row {row}, labelled {chosen['label'][0]}"]
    return Drawing(f"Semantic groups of block {block}", caption, draw, notes)


def _tsne(asked: Request) -> Drawing:
    planes: dict[str, dict[int, Any]] = {name: {} for name in asked.cells}
    alike: dict[str, dict[int, float]] = {name: {} for name in asked.cells}
    recorded = {name: _recorded(asked, name, seed) for name, (seed,) in asked.cells.items()}
    faces = {name: kept.pop("face").tolist() for name, kept in recorded.items()}
    label, classes = _labels(asked, faces)
    for name, kept in recorded.items():
        epochs = {int(key.removeprefix("epoch_")): key for key in kept}
        places = np.linspace(0, len(epochs) - 1, min(MOMENTS, len(epochs))).round().astype(int)
        for epoch in track(np.array(sorted(epochs))[places].tolist(), f"t-SNE of {name}"):
            points = kept[epochs[epoch]].astype(np.float32)
            planes[name][epoch] = features.tsne(points, asked.cells[name][0])
            alike[name][epoch] = features.neighbour_agreement(points, label)
    draw = partial(features.draw_tsne, planes, alike, label, classes)
    notes = [f"{len(label):,} validation faces"]
    return Drawing("Features over training", features.TSNE, draw, notes)


def _recorded(asked: Request, variant: str, seed: int) -> dict[str, Any]:
    """What a run kept: indices of faces as `face`, and their representations by epoch."""
    path = asked.folder / variant / str(seed) / paths.FEATURES
    again = f"`clfer train {asked.dataset} {variant} {seed} --fresh`"
    if not path.exists():
        raise InputError(f"{path} is missing, the run is of before these were kept; {again} does")
    try:
        kept = load_file(path)
        kept["face"]
    except (SafetensorError, KeyError) as error:
        raise InputError(f"{path}: expected features by epoch, found {error}; {again}") from error
    return kept


def _labels(
    asked: Request, faces: dict[str, list[int]]
) -> tuple[Int[np.ndarray, " N"], tuple[str, ...]]:
    """The class of each recorded face, and the classes' names.

    Raises InputError where the runs are of another split than there is now.
    """
    validation = asked.validation()
    codes = pl.col("label").to_physical().cast(pl.Int64)
    label_of = dict(validation.select("face", codes).iter_rows())
    first, *others = faces.values()
    if any(one != first for one in others) or not {*first} <= {*label_of}:
        raise InputError(
            f"runs/{asked.dataset}/*/{paths.FEATURES}: expected the same validation faces of "
            f"{paths.split(asked.dataset)} in all of them, found others; train {', '.join(faces)} "
            "again"
        )
    return np.array([label_of[face] for face in first]), labels.classes(validation)


DRAWINGS: dict[str, Callable[[Request], Drawing]] = {
    "learning_intensity": _learning_intensity,
    "loss": _loss,
    "confusion": _confusion,
    "k": _k,
    "feature_maps": _feature_maps,
    "semantic_groups": _semantic_groups,
    "tsne": _tsne,
}
