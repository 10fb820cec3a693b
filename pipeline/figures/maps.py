"""Figures of what the blocks of trained networks respond to, on validation faces."""

import numpy as np
import polars as pl
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from clfer.errors import InputError
from clfer.explanation.attention import denormalised, enlarged, stretched
from clfer.explanation.layers import activations, grouped
from clfer.faces.preprocessing import View
from clfer.faces.views import central
from clfer.figures import maps
from clfer.model.bundle import load
from clfer.model.network import Network
from pipeline import paths
from pipeline.cell import cached
from pipeline.figures.request import Drawing, Request, shared, trained

Pair = tuple[Network, View]


def feature_maps(request: Request) -> Drawing:
    """Mean absolute activation of every block of the variants, on the same few faces."""
    cells, notes = trained(request, ("baseline", "msr", "ours"))
    seed = shared(cells)
    networks = {name: _network(request, name, seed) for name in cells}
    images, stored = _validation(request.dataset)
    chosen = maps.examples(images, request.images)
    shown, levels = {}, {}
    for name, pair in networks.items():
        pixels, features = _features(pair, stored, chosen)
        found = activations(features)
        side = pixels.shape[-1]
        shown[name] = torch.stack([enlarged(stretched(one), side) for one in found], 1).numpy()
        levels[name] = np.array([float(one.mean()) for one in found])
    face, words = denormalised(pixels).numpy(), chosen["label"].cast(pl.String).to_list()
    return Drawing(
        title="Feature maps",
        caption=maps.FEATURE_MAPS,
        draw=lambda title, path: maps.draw_feature_maps(face, words, shown, levels, title, path),
        variants=list(cells),
        seeds=[seed],
        notes=[*notes, f"rows {', '.join(map(str, chosen['row']))}"],
    )


def semantic_groups(request: Request) -> Drawing:
    """The strongest channels of each semantic group of one block, on one face."""
    cells, notes = trained(request, ("baseline", "ours"))
    seed, block = shared(cells), request.block or 1
    networks = {name: _network(request, name, seed) for name in cells}
    images, stored = _validation(request.dataset)
    chosen = _row(images, request)
    shown, sizes = {}, {}
    for name, pair in networks.items():
        pixels, features = _features(pair, stored, chosen)
        if block > len(features):
            raise InputError(f"--block: expected 1 to {len(features)}; found {block}")
        channels, sizes[name] = grouped(features, block, maps.CHANNELS)
        shown[name] = enlarged(stretched(channels), pixels.shape[-1]).numpy()
    face, (row, label) = denormalised(pixels).numpy()[0], chosen.select("row", "label").row(0)
    return Drawing(
        title=f"Semantic groups of block {block}",
        caption=maps.SEMANTIC_GROUPS.format(block=block),
        draw=lambda title, path: maps.draw_semantic_groups(face, shown, sizes, title, path),
        variants=list(cells),
        seeds=[seed],
        notes=[*notes, f"row {row}, labelled {label}"],
    )


def _network(request: Request, variant: str, seed: int) -> Pair:
    network, card = load(request.run(variant, seed) / paths.MODEL)
    return network, card.view


def _validation(dataset: str) -> tuple[pl.DataFrame, UInt8[np.ndarray, "N S S C"]]:
    """The rows of the validation images, and all stored faces."""
    split, stored = cached(dataset)
    return split.filter(pl.col("split") == "val").sort("row"), stored


def _row(images: pl.DataFrame, request: Request) -> pl.DataFrame:
    """The validation image that was asked for, or the first."""
    if request.row is None:
        return images.head(1)
    found = images.filter(pl.col("row") == request.row)
    if found.is_empty():
        raise InputError(
            f"--row: expected the row of a validation image in {paths.split(request.dataset)}, "
            f"such as {images['row'][0]}; found {request.row}"
        )
    return found


@torch.no_grad()
def _features(
    pair: Pair, stored: UInt8[np.ndarray, "N S S C"], images: pl.DataFrame
) -> tuple[Float[Tensor, "B 3 H W"], list[Float[Tensor, "B _ _ _"]]]:
    """What the network sees of the images, and what its blocks make of it."""
    network, view = pair
    pixels = central(torch.from_numpy(stored[images["face"].to_numpy()]), view)
    return pixels, network.features(pixels)
