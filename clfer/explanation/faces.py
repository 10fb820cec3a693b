"""Which faces a figure shows, and how they look to the network."""

import polars as pl
import torch
from jaxtyping import Float
from torch import Tensor

from clfer.faces.preprocessing import MEAN, STD


def examples(images: pl.DataFrame, count: int | None) -> pl.DataFrame:
    """The first image of each class in row order, then the second of each, and so on; the first
    `count` of these, or one for each class where that is None. Classes stand in their own order.

    images: columns `row`, `label` (an Enum)
    """
    turn = pl.int_range(pl.len()).over("label").alias("turn")
    ordered = images.sort("row").with_columns(turn).sort("turn", pl.col("label").to_physical())
    chosen = ordered.filter(pl.col("turn") == 0) if count is None else ordered.head(count)
    return chosen.drop("turn")


def seen(images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B H W 3"]:
    """Pixels in [0, 1] of images as the network takes them, the normalisation undone."""
    mean, std = torch.tensor([MEAN, STD], device=images.device).view(2, 3, 1, 1)
    pixels: Tensor = (images * std + mean).clamp(0, 1).permute(0, 2, 3, 1)
    return pixels
