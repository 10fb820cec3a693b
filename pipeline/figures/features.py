"""The figure of features over the epochs, from runs/*/features.safetensors."""

from typing import NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Float, Int
from safetensors import SafetensorError
from safetensors.numpy import load_file

from clfer.datasets import labels
from clfer.errors import InputError
from clfer.figures import embedding
from pipeline import paths, stored
from pipeline.console import track
from pipeline.figures.request import Drawing, Request, shared, trained

MOMENTS = 4


class Recorded(NamedTuple):
    """What a run kept: indices of faces, and their representations by epoch."""

    face: Int[np.ndarray, " N"]
    epochs: dict[int, Float[np.ndarray, "N D"]]


def tsne(request: Request) -> Drawing:
    """Validation faces in the plane at some moments of training, a row for each variant."""
    cells, notes = trained(request, ("baseline", "ours"))
    seed = shared(cells)
    found = {name: _recorded(request, name, seed) for name in cells}
    label, classes = _labels(request.dataset, found)
    moments = {
        name: embedding.spread_epochs(list(one.epochs), MOMENTS) for name, one in found.items()
    }
    panels = [(name, epoch) for name, epochs in moments.items() for epoch in epochs]
    planes: dict[str, dict[int, Float[np.ndarray, "N 2"]]] = {name: {} for name in cells}
    alike: dict[str, dict[int, float]] = {name: {} for name in cells}
    for name, epoch in track(panels, "t-SNE"):
        points = found[name].epochs[epoch].astype(np.float32)
        planes[name][epoch] = embedding.tsne(points, seed)
        alike[name][epoch] = embedding.neighbour_agreement(points, label)
    return Drawing(
        title="Features over training",
        caption=embedding.CAPTION,
        draw=lambda title, path: embedding.draw(planes, alike, label, classes, title, path),
        variants=list(cells),
        seeds=[seed],
        notes=[*notes, f"{len(label):,} validation faces"],
    )


def _recorded(request: Request, variant: str, seed: int) -> Recorded:
    path = request.run(variant, seed) / paths.FEATURES
    again = f"`clfer train {request.dataset} {variant} {seed} --fresh`"
    if not path.exists():
        raise InputError(f"{path} is missing, the run is of before these were kept; {again} does")
    try:
        kept = load_file(path)
        face = kept.pop("face")
    except (SafetensorError, KeyError) as error:
        raise InputError(f"{path}: expected features by epoch, found {error}; {again}") from error
    return Recorded(face, {int(name.removeprefix("epoch_")): kept[name] for name in sorted(kept)})


def _labels(
    dataset: str, found: dict[str, Recorded]
) -> tuple[Int[np.ndarray, " N"], tuple[str, ...]]:
    """The class of each recorded face, and the classes' names.

    Raises InputError where the runs are of another split than there is now.
    """
    split = stored.table(paths.split(dataset), f"split {dataset}")
    validation = split.filter(pl.col("split") == "val")
    places = validation.select("face", label=pl.col("label").to_physical().cast(pl.Int64))
    faces = next(iter(found.values())).face
    joined = pl.DataFrame({"face": faces}).join(
        places.with_columns(pl.col("face").cast(pl.Int64)),
        on="face",
        how="left",
        maintain_order="left",
    )
    same = all(np.array_equal(one.face, faces) for one in found.values())
    if not same or joined["label"].null_count():
        raise InputError(
            f"runs/{dataset}/*/{paths.FEATURES}: expected the same validation faces of "
            f"{paths.split(dataset)} in all of them, found others; train {', '.join(found)} again"
        )
    return joined["label"].to_numpy(), labels.classes(split)
