"""Models beside panels of raters, of a dataset that keeps every vote.

Some of an image's raters are a panel, which answers what most of it say; the others judge the panel
and a model alike: an answer is right where most of the judges say it. Of m columns with equally
many votes each counts 1 / m. Averaged over every choice of the panel, so that nothing is drawn.

Notation: N images, K columns of votes, S models of one name.
"""

from itertools import product
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float, Int, UInt8
from scipy.special import comb

from clfer.datasets.expressions import FERPLUS_VOTES
from clfer.scoring.pairs import Entry, bootstrap


def beside_panels(entry: Entry, votes: pl.DataFrame) -> list[dict[str, Any]]:
    """A name beside panels of one rater and more, up to half of an image's raters.

    votes: `row` and `votes` (Array(UInt8, K), in the order of FERPLUS_VOTES) of rated images. Of
    those of the name, the ones count that have the usual number of raters.

    size:       raters in the panel
    images:     that count
    panel:      share of them about which the panel is right
    model:      the same of the name, the mean over its seeds
    difference: of these, with `ci95` for other test images, from resampled groups of copies
    """
    tables = [one.join(votes, on="row").sort("row") for one in entry.seeds.values()]
    if (first := tables[0]).is_empty():
        return []
    counts = first["votes"].to_numpy()
    raters = counts.sum(axis=1, dtype=int)
    usual = int(np.bincount(raters).argmax())
    kept = raters == usual
    group = first["group"].to_numpy()[kept]
    said = np.stack([_columns(one["predicted"])[kept] for one in tables])
    found = []
    for size in range(1, usual // 2 + 1):
        panel, judges = panels(counts[kept], size)
        model = judges[np.arange(len(judges)), said].mean(axis=0)
        found.append(
            {
                "size": size,
                "images": int(kept.sum()),
                "panel": float(panel.mean()),
                "model": float(model.mean()),
                "difference": float((model - panel).mean()),
                "ci95": list(bootstrap(model - panel, group)),
            }
        )
    return found


def panels(
    votes: UInt8[np.ndarray, "N K"] | Int[np.ndarray, "N K"], size: int
) -> tuple[Float[np.ndarray, " N"], Float[np.ndarray, "N K"]]:
    """How often a panel of `size` raters of each image is right, and how often each column is what
    most of the others say. There are more raters than `size`.
    """
    distinct, number = np.unique(votes, axis=0, return_inverse=True)
    right, said = zip(*(_over_panels(one.astype(int), size) for one in distinct), strict=True)
    return np.array(right)[number], np.stack(said)[number]


def _over_panels(votes: Int[np.ndarray, " K"], size: int) -> tuple[float, Float[np.ndarray, " K"]]:
    """The two of one image: a panel is known by its votes, and how many raters' choices give it."""
    named = np.flatnonzero(votes)
    splits = np.array([*product(*(range(count + 1) for count in votes[named]))])
    panel = np.zeros((len(splits), len(votes)), int)
    panel[:, named] = splits
    panel = panel[panel.sum(axis=1) == size]
    weight = comb(votes, panel).prod(axis=1)
    weight /= weight.sum()
    answer, judges = _leading(panel), _leading(votes - panel)
    return float(weight @ (answer * judges).sum(axis=1)), weight @ judges


def _leading(votes: Int[np.ndarray, "M K"]) -> Float[np.ndarray, "M K"]:
    """The share of each column in the lead."""
    leads = votes == votes.max(axis=1, keepdims=True)
    shares: Float[np.ndarray, "M K"] = leads / leads.sum(axis=1, keepdims=True)
    return shares


def _columns(names: pl.Series) -> Int[np.ndarray, " N"]:
    place = {name: column for column, name in enumerate(FERPLUS_VOTES)}
    return names.cast(pl.String).replace_strict(place, return_dtype=pl.Int64).to_numpy()
