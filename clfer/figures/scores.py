"""Scores of variants: accuracy over seeds, over numbers of clusters, calibration and ranks."""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from textwrap import fill
from typing import Any, TypedDict

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from clfer.figures import style
from clfer.figures.palette import COLOURS, FAINT, GREY
from clfer.report.numbers import marked
from clfer.scoring.calibration import BINS, expected_calibration_error, reliability
from clfer.scoring.counts import wilson

LETTERS_PER_INCH = 12  # of a bold title
DROP = 0.24  # dots stand this far below the line of their variant, so that neither hides the other

CLUSTERS = (
    "Test accuracy against the number of clusters in CLFM (K_FM, latent semantics of a face) and "
    "in CLBS (K_BS, groups of a batch), each varied alone: means over the seeds, with 95 % "
    "intervals where there are several; the square is the number that the paper found best."
)
MODULES = {"clfm": "$K_{FM}$", "clbs": "$K_{BS}$"}

Judged = tuple[Float[np.ndarray, " N"], Bool[np.ndarray, " N"]]  # top probability, whether right


class Point(TypedDict):
    """One number of clusters. Accuracies are fractions; std and ci95 are None with one seed."""

    module: str  # clfm or clbs
    k: int
    mean: float
    std: float | None
    ci95: list[float] | None
    paper_best: bool


def draw_accuracy(summary: Mapping[str, Any], path: Path) -> None:
    """The datasets of `clfer.scoring.summary.summarise`'s result, one panel each.

    Left, in percent: a dot for every seed, a bar for the mean, a line for its 95 % interval.
    Right, in points: the mean difference to the baseline with its interval over seeds, dashed where
    there is only the interval over images (one seed). Filled: Holm's p is under alpha.
    """
    datasets = summary["datasets"]
    heights = [1.1 + 0.36 * len(one["variants"]) for one in datasets.values()]
    shape: dict[str, Any] = {"width_ratios": (3, 2), "height_ratios": heights}
    with style.page(path, 8.0, sum(heights) + 0.3) as figure:
        grid = figure.subplots(len(datasets), 2, squeeze=False, sharey="row", **shape)
        for (left, right), (name, dataset) in zip(grid, datasets.items(), strict=True):
            title = marked(name, dataset["evidence"], dataset["selected_on"])
            left.set_title(fill(title, 78), fontweight="bold")
            names = list(dataset["variants"])
            looks = style.strokes(names, summary["baseline"])
            for place, variant in enumerate(names):
                accuracy = dataset["variants"][variant]["accuracy"]
                _draw_seeds(left, place, accuracy, looks[variant].colour)
            right.axvline(0, color=GREY, linewidth=1)
            for one in dataset["comparisons"]:
                if one["primary"] and one["difference"] is not None:
                    colour = looks[one["a"]].colour
                    _draw_difference(right, names.index(one["a"]), one, colour, summary["alpha"])
            for axes in (left, right):
                axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
                axes.grid(axis="x")
            style.name_rows(left, names)
            right.tick_params(axis="y", length=0)
            left.set_xlabel("accuracy (%): mean, 95 % interval, seeds below")
            right.set_xlabel(f"difference to {summary['baseline']} (points)")
        foot = f"filled: claimed, p (Holm) < {summary['alpha']}; hollow: no claim; "
        foot += "dashed: one seed, other test images alone"
        figure.supxlabel(foot, x=0.99, ha="right", fontsize=8, color=FAINT)


def _draw_seeds(axes: Axes, place: int, accuracy: Mapping[str, Any], colour: str) -> None:
    """Mean, interval and seeds of one variant."""
    if accuracy["ci95"]:
        low, high = (100 * end for end in accuracy["ci95"])
        axes.hlines(place, low, high, color=colour, linewidth=1.6)
    values = [100 * value for value in accuracy["per_seed"]]
    axes.plot(100 * accuracy["mean"], place, "|", c=colour, ms=8, mew=2.4)
    axes.plot(values, [place + DROP] * len(values), "o", c=colour, ms=4, mew=0, alpha=0.6)


def _draw_difference(
    axes: Axes, place: int, one: Mapping[str, Any], colour: str, alpha: float
) -> None:
    """One mean difference with its interval."""
    if bounds := one["ci95"] or one["ci95_images"]:
        line = "solid" if one["ci95"] else "dashed"
        axes.hlines(place, 100 * bounds[0], 100 * bounds[1], color=colour, ls=line, lw=1.6)
    claimed = one["p_holm"] is not None and one["p_holm"] < alpha
    inside = colour if claimed else "white"
    axes.plot(100 * one["difference"], place, "D", c=colour, mfc=inside, ms=6, mew=1.4)


def draw_clusters(points: Sequence[Point], title: str, path: Path) -> None:
    """Accuracy against the number of clusters, a panel for each module (Fig. 8)."""
    with style.page(path, style.WIDTH, 2.9) as figure:
        style.heading(figure, title)
        grid = figure.subplots(1, 2, sharey=True)
        for axes, (module, name) in zip(grid, MODULES.items(), strict=True):
            chosen = sorted((p for p in points if p["module"] == module), key=itemgetter("k"))
            numbers = [one["k"] for one in chosen]
            axes.plot(numbers, [100 * one["mean"] for one in chosen], c=COLOURS[0], lw=1.2)
            for one in chosen:
                low, high = one["ci95"] or (one["mean"], one["mean"])
                axes.vlines(one["k"], 100 * low, 100 * high, color=COLOURS[0], lw=1.2)
                axes.plot(one["k"], 100 * one["mean"], **_mark(one["paper_best"]))
            axes.set_xlabel(name, parse_math=True)
            axes.set_xticks(numbers)
            axes.margins(x=0.08)
            axes.grid(axis="y")
        grid[0].set_ylabel("test accuracy (%)")
        names = {False: "mean, 95 % interval", True: "the paper's best K"}
        keys = [Line2D([], [], label=name, **_mark(best)) for best, name in names.items()]
        figure.legend(handles=keys, loc="outside lower center", ncols=2)


def _mark(best: bool) -> dict[str, Any]:
    shape, inside = ("s", COLOURS[0]) if best else ("o", "white")
    return {"ls": "", "c": COLOURS[0], "marker": shape, "mfc": inside, "ms": 6}


def draw_reliability(variants: Mapping[str, Sequence[Judged]], title: str, path: Path) -> None:
    """Accuracy against confidence, one panel for each variant, from all its seeds' predictions.

    variants: of each, one pair a seed. A dot is the accuracy of the predictions in a bin of
    confidence, at their mean confidence, with Wilson's 95 % interval; the predictions of one image
    by S seeds count as one image there. Below, the share of the predictions in each bin. `ECE` is
    the mean of the seeds' expected calibration errors, in points.
    """
    columns = min(3, len(variants))
    rows = -(-len(variants) // columns)
    width = 2.9 * max(columns, 2)
    with style.page(path, width, 3.3 * rows + 0.9) as figure:
        style.heading(figure, fill(title, int(width * LETTERS_PER_INCH)))
        grid = figure.add_gridspec(2 * rows, columns, height_ratios=(4, 1) * rows)
        for place, (name, seeds) in enumerate(variants.items()):
            row, column = divmod(place, columns)
            diagram = figure.add_subplot(grid[2 * row, column])
            histogram = figure.add_subplot(grid[2 * row + 1, column], sharex=diagram)
            errors = [expected_calibration_error(*seed) for seed in seeds]
            diagram.set_title(f"{name}: ECE {100 * np.mean(errors):.1f} points")
            _draw_bins(diagram, histogram, seeds)
            histogram.set_xlabel("confidence (%)")
            if column == 0:
                diagram.set_ylabel("accuracy (%)")
                histogram.set_ylabel("share (%)")
        foot = "on the dashed line: as right as it is sure; below it: too sure, above: too unsure"
        figure.supxlabel(foot, x=0.99, ha="right", fontsize=8, color=FAINT)


def _draw_bins(diagram: Axes, histogram: Axes, seeds: Sequence[Judged]) -> None:
    """One variant's diagram, and below it where its predictions are."""
    confidence, right = (np.concatenate(parts) for parts in zip(*seeds, strict=True))
    bins = reliability(confidence, right, BINS)
    diagram.plot([0, 100], [0, 100], color=GREY, linestyle="dashed", linewidth=1)
    images, sure, accuracy = (column[bins.images > 0] for column in bins)
    counts = zip(accuracy * images / len(seeds), images / len(seeds), strict=True)
    low, high = 100 * np.array([wilson(float(k), float(n)) for k, n in counts]).T
    diagram.vlines(100 * sure, low, high, color=COLOURS[0], linewidth=1.2)
    diagram.scatter(100 * sure, 100 * accuracy, s=16, color=COLOURS[0], zorder=3, clip_on=False)
    diagram.set(xlim=(0, 100), ylim=(0, 100))
    diagram.tick_params(labelbottom=False)
    diagram.grid()
    shares = 100 * bins.images / bins.images.sum()
    left, step = 100 * np.arange(BINS) / BINS, 100 / BINS
    histogram.bar(left, shares, step, align="edge", color=GREY, edgecolor="white")
    histogram.set_ylim(0)
    histogram.set_xticks([0, 25, 50, 75, 100])


def draw_transduction(document: Mapping[str, Any], path: Path) -> None:
    """What `clfer experiment transduction` writes: accuracy by order of the test images and size
    of the batch, a dot for each variant with its 95 % interval over seeds.
    """
    variants, bounds = document["variants"], document["ci95"]
    orders = [name for name in next(iter(variants.values())) if name != "honest"]
    rows = [("honest", ""), *((o, b) for o in orders for b in next(iter(variants.values()))[o])]
    with style.page(path, style.WIDTH, 1.2 + 0.28 * len(rows)) as figure:
        axes = figure.subplots()
        for place, name in enumerate(variants):
            shift = (place - (len(variants) - 1) / 2) * 0.6 / len(variants)
            for row, (order, batch) in enumerate(rows):
                value, ends = (
                    (found[name][order] if order == "honest" else found[name][order][batch])
                    for found in (variants, bounds)
                )
                colour = COLOURS[place % len(COLOURS)]
                height, label = row + shift, {"label": name} if row == 0 else {}
                if ends:
                    axes.plot([100 * end for end in ends], [height] * 2, color=colour)
                axes.plot(100 * value, height, "o", color=colour, markersize=4, **label)
        axes.set_yticks(range(len(rows)), [f"{o}, {b}" if b else o for o, b in rows])
        axes.invert_yaxis()
        axes.grid(axis="x")
        axes.set_xlabel("test accuracy (%)")
        axes.set_title("What the classes of the other images in a batch are worth")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=len(variants))


def draw_ranks(document: Mapping[str, Any], path: Path) -> None:
    """The result of `clfer.scoring.ranks.mean_ranks` on one line (Demšar 2006). Names that no
    critical difference parts are joined by a bar.
    """
    ranks, critical = document["ranks"], document["critical"]
    with style.page(path, style.WIDTH, 1.0 + 0.25 * len(ranks)) as figure:
        axes = figure.subplots()
        for place, (name, rank) in enumerate(ranks.items()):
            axes.plot([rank, rank], [0, -1 - place], color=GREY, linewidth=0.8)
            axes.plot(rank, 0, "o", color=COLOURS[0])
            axes.annotate(f" {name} ({rank:.2f})", (rank, -1 - place), va="center")
        if critical:
            for height, ends in enumerate(_joined(list(ranks.values()), critical), start=1):
                axes.plot(ends, [height / 4] * 2, color=COLOURS[1], linewidth=3)
            axes.set_title(f"critical difference {critical:.2f}")
        axes.set_xlim(0.8, len(ranks) + 1.5)
        axes.set_xticks(range(1, len(ranks) + 1))
        axes.set_xlabel(f"mean rank over {', '.join(document['datasets'])}; 1 is the best")
        axes.spines["left"].set_visible(False)
        axes.set_yticks([])


def _joined(ranks: Sequence[float], critical: float) -> list[tuple[float, float]]:
    """The longest stretches of ascending ranks that are less than `critical` apart."""
    found: list[tuple[float, float]] = []
    for first in ranks:
        last = max(one for one in ranks if one - first < critical)
        if last > first and not (found and found[-1][1] >= last):
            found.append((first, last))
    return found
