"""The images of a dataset one by one: how far raters agree on them, and what the faces are like.

Raters agree with themselves where the same picture was rated twice without anybody knowing. Let p_k
be the chance that a panel of raters labels a picture k. Two panels agree with chance sum p_k^2,
which is what another panel would score. The best a model can do is to say the most likely label
each time, which is right with chance max p_k <= sqrt(sum p_k^2). The same holds of the means, by
Jensen's inequality: on pictures like these no model is expected to be right more often than the
root of the agreement, and one as good as another panel reaches the agreement itself.

N stored faces of side S with C channels, K classes. They can be more than memory holds, so they are
read a block at a time.
"""

from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float, Int, UInt8
from scipy import stats
from sklearn.metrics.cluster import contingency_matrix

from clfer.datasets.expressions import FERPLUS_VOTES
from clfer.datasets.labels import classes

BLOCK = 256  # faces
RGB = np.array([0.299, 0.587, 0.114])  # luma of ITU-R BT.601, as in OpenCV
FAINT = 8.0  # contrast below which a face shows little
TINY = 32  # pixels of the shorter side of a picture
LOST = ("centre", "box")  # outcomes of clfer.faces where a detector found nothing

Stored = UInt8[np.ndarray, "N S S C"]
Means = UInt8[np.ndarray, "M S S C"]


def appearance(
    images: pl.DataFrame, aligned: pl.DataFrame, stored: Stored, block: int = BLOCK
) -> tuple[dict[str, Any], Means]:
    """Statistics of the faces, and M = K + 1 mean faces: of all images, then of each class.

    images:  those with a label and a face, with `face`, an index into `stored`, `published`, and
             of `aligned` the `outcome`, `height` and `width`
    aligned: a row for each image of the dataset, also those without a face

    size:            [S, S, C]
    outcomes:        how faces were cut -> how many of the dataset's images
    rejected:        reason -> how many of those without a face
    lost:            of the images of each published split and of each class those where a detector
                     found nothing; null where there was no detector
    constant, faint: images without any contrast, and with little
    tiny:            images from a picture whose shorter side is below TINY
    all, and name -> the same under "classes": {"images", "brightness", "contrast"}

    An image's brightness is the mean of its grey levels (0 to 255), its contrast their standard
    deviation; of either {"mean", "std"} over the images, both null where there is none. A mean face
    of none is black.
    """
    images = images.sort("face")
    names, face = classes(images), images["face"].to_numpy()
    label = images["label"].to_physical().to_numpy()
    sums = np.zeros((len(names), int(np.prod(stored.shape[1:]))))
    levels = np.zeros((len(face), 2))
    for start in range(0, len(face), block):
        here = slice(start, start + block)
        faces = stored[face[here]]
        sums += np.eye(len(names))[label[here]].T @ faces.reshape(len(faces), -1)
        grey = (faces if faces.shape[-1] == 1 else faces @ RGB).reshape(len(faces), -1)
        levels[here] = np.column_stack([grey.mean(axis=1), grey.std(axis=1)])
    table = pl.DataFrame(levels, ["brightness", "contrast"]).with_columns(images["label"])
    contrast, shorter = table["contrast"], pl.min_horizontal("height", "width")
    statistics = {
        "size": list(stored.shape[1:]),
        "outcomes": _counts(aligned["outcome"]),
        "rejected": _counts(aligned.filter(pl.col("face").is_null())["reason"]),
        "lost": {name: _lost(images, name) for name in ("published", "label")}
        if "detected" in images["outcome"]
        else None,
        "constant": int((contrast == 0).sum()),
        "faint": int(((contrast > 0) & (contrast < FAINT)).sum()),
        "tiny": images.filter(shorter < TINY).height,
        "all": _levels(table),
        "classes": {name: _levels(table.filter(pl.col("label") == name)) for name in names},
    }
    counts = np.bincount(label, minlength=len(names))[:, None]
    means = np.vstack([sums.sum(axis=0), sums]) / np.maximum(np.vstack([counts.sum(), counts]), 1)
    return statistics, np.rint(means).astype(np.uint8).reshape(-1, *stored.shape[1:])


def agreement(labels: pl.DataFrame) -> dict[str, Any] | None:
    """Agreement of the raters of each image, from `label` and `votes`; None where no image has any.

    images, labelled: rated ones, and those of them with a label
    top_vote: for each number of votes from 1 to the largest {"votes": that number, "images": those
              whose strongest column got so many, "labelled": those of them with a label}
    entropy:  mean over the rated images, in bits: 0 where all raters agree
    pairs:    see `pair_agreement`, the mean over the images with several raters, null without any
    classes:  name -> {"images": rated ones with this label, "entropy": mean, "shares": column ->
              its mean share of their votes}; null where there is no image
    """
    rated = labels.filter(pl.col("votes").arr.sum() > 0)
    if rated.is_empty():
        return None
    votes = rated["votes"].to_numpy()
    shares = votes / votes.sum(axis=1, keepdims=True, dtype=int)
    columns = list(FERPLUS_VOTES)
    table = pl.DataFrame(shares, columns).with_columns(
        rated["label"], entropy=stats.entropy(shares, axis=1, base=2)
    )
    top, labelled = votes.max(axis=1), rated["label"].is_not_null().to_numpy()
    images, kept = (np.bincount(some, minlength=top.max() + 1) for some in (top, top[labelled]))
    several = votes.sum(axis=1, dtype=int) > 1
    return {
        "images": len(rated),
        "labelled": int(labelled.sum()),
        "top_vote": [
            {"votes": size, "images": int(images[size]), "labelled": int(kept[size])}
            for size in range(1, len(images))
        ],
        "entropy": table["entropy"].mean(),
        "pairs": float(pair_agreement(votes[several]).mean()) if several.any() else None,
        "classes": {
            name: {
                "images": len(mine),
                "entropy": mine["entropy"].mean(),
                "shares": mine.select(columns).mean().row(0, named=True),
            }
            for name in classes(labels)
            for mine in (table.filter(pl.col("label") == name),)
        },
    }


def pair_agreement(
    counts: UInt8[np.ndarray, "R K"] | Int[np.ndarray, "R K"],
) -> Float[np.ndarray, " R"]:
    """Of each row's ratings, at least two, the share of pairs in the same column: the observed
    agreement of Fleiss (1971).
    """
    counts = counts.astype(np.int64)
    size = counts.sum(axis=1)
    share: Float[np.ndarray, " R"] = (counts * (counts - 1)).sum(axis=1) / (size * (size - 1))
    return share


def repeated(images: pl.DataFrame, group: str) -> dict[str, Any]:
    """Agreement of the raters with themselves, over groups of images of the same picture.

    images: `label`, `votes` (null where the dataset has none), and the column `group`, equal for
            images of the same picture

    groups:     with at least two images
    same_label: share of the pairs of a group's images with equal label, averaged over the groups
    ci95:       Wilson's interval of it, a group counting as one trial: rather too wide, since a
                group of several images says more than that
    ceiling:    the root of `same_label`, see above
    votes:      null without votes; else `identical`, the share of groups whose images all have the
                same votes (near 1 means that copies were not rated anew, and that `same_label` says
                nothing), and `distance`, the total variation between the votes of a pair (0 alike
                to 1 disjoint), averaged like `same_label`
    """
    images = images.filter(pl.len().over(group) > 1)
    if images.is_empty():
        return {"groups": 0, "same_label": None, "ci95": None, "ceiling": None, "votes": None}
    labels = images["label"].cast(pl.String).to_numpy()
    same = pair_agreement(contingency_matrix(images[group].to_numpy(), labels))
    trials = stats.binomtest(round(same.sum()), len(same))
    return {
        "groups": len(same),
        "same_label": float(same.mean()),
        "ci95": [float(bound) for bound in trials.proportion_ci(0.95, method="wilson")],
        "ceiling": float(same.mean()) ** 0.5,
        "votes": _votes(images, group),
    }


def _votes(images: pl.DataFrame, group: str) -> dict[str, Any] | None:
    rated = images.filter(pl.col("votes").is_not_null()).select(group, "votes").with_row_index()
    pairs = rated.join(rated, on=group).filter(pl.col("index") < pl.col("index_right"))
    if pairs.is_empty():
        return None
    one, other = (
        votes / np.maximum(votes.sum(axis=1, keepdims=True, dtype=int), 1)
        for votes in (pairs["votes"].to_numpy(), pairs["votes_right"].to_numpy())
    )
    pairs = pairs.select(group, distance=np.abs(one - other).sum(axis=1) / 2)
    groups = pairs.group_by(group).agg(pl.mean("distance"), identical=pl.max("distance") == 0)
    return groups.select(pl.mean("identical", "distance")).row(0, named=True)


def _levels(table: pl.DataFrame) -> dict[str, Any]:
    both = {
        name: {"mean": table[name].mean(), "std": table[name].std(ddof=0)}
        for name in ("brightness", "contrast")
    }
    return {"images": len(table), **both}


def _counts(values: pl.Series) -> dict[str, int]:
    """Largest first; of equals, in the order of their names."""
    counts = values.drop_nulls().value_counts(name="count").sort(values.name)
    return dict(counts.sort("count", descending=True, maintain_order=True).iter_rows())


def _lost(images: pl.DataFrame, column: str) -> dict[str, dict[str, int]]:
    lost = pl.col("outcome").is_in(LOST).sum()
    groups = images.group_by(pl.col(column).cast(pl.String), maintain_order=True)
    return {name: {"images": n, "of": of} for name, n, of in groups.agg(lost, pl.len()).iter_rows()}
