"""A dataset at a glance: classes by split, mean faces, votes, and sheets of its pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter
from PIL import Image, ImageDraw

from clfer.figures import style
from clfer.figures.palette import BLACK, COLOURS, FAINT, GREY
from clfer.pictures import Pictures, UnreadableError
from clfer.report.numbers import NOT_EVIDENCE

IN_A_ROW = 9  # mean faces
SIDE = 96  # of a picture on a sheet, in pixels
LABEL, GAP, HEADING = 28, 8, 22  # two lines above a pair of pictures, space, a line above pairs
COLUMNS, ROWS = 6, 8  # pairs

Pair = tuple[Image.Image, Image.Image, str]  # and the lines above them


def draw_overview(
    found: Mapping[str, Any], means: UInt8[np.ndarray, "M S S C"], title: str, path: Path
) -> None:
    """Draw the results of `clfer.audit.report.report`, with "evidence" beside them.

    Bars are images used, outlines those published with a label and a face. Below them the mean
    faces; where there are votes, those for the images of each label, and how many agree.
    """
    statistics, raters = found["faces"], found["raters"]
    names = list(statistics["classes"])
    rows = -(-len(means) // IN_A_ROW)
    bars = max(0.27 * len(names) + 0.95, 2.0)
    heights = [bars, 1.5 * rows] + ([bars + 0.4] if raters else [])
    with style.page(path, 10.0, sum(heights) + 0.4) as figure:
        style.heading(figure, title if found["evidence"] else f"{title} ({NOT_EVIDENCE})", size=11)
        parts = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
        shown = {k: one for k, one in found["leakage"]["images"].items() if one["published"]}
        grid = style.panels(parts[0], len(shown), len(shown), sharey=True)
        for axes, (part, counts) in zip(grid, shown.items(), strict=True):
            _draw_classes(axes, part, counts, found["imbalance"][part]["used"])
        keys = grid[0].get_legend_handles_labels()
        parts[0].legend(*keys, loc="outside upper right", ncols=2, fontsize=8)
        images = [one["images"] for one in (statistics["all"], *statistics["classes"].values())]
        grid = style.panels(parts[1], len(means), -(-len(means) // rows))
        for axes, mean, name, count in zip(grid, means, ["all", *names], images, strict=True):
            style.picture(axes, mean if count else np.full_like(mean, 255))
            words = fill(name, 17, max_lines=2, placeholder="…")
            number = f"{count:,}" if count else "no image"
            axes.set_title(f"{words}\n{number}", fontsize=8, loc="center")
        parts[1].supylabel("mean face (images)", fontsize=9, color=FAINT)
        if raters:
            left, right = parts[2].subplots(1, 2, width_ratios=(5, 3))
            _draw_votes(left, raters["classes"])
            _draw_agreement(right, raters["top_vote"])


def _draw_classes(axes: Axes, part: str, counts: Mapping[str, Any], ratio: float | None) -> None:
    """A bar for each class of a split."""
    names, numbers = list(counts["classes"]), counts["classes"].values()
    used, published = ([one[kind] for one in numbers] for kind in ("used", "published"))
    axes.barh(names, used, height=0.7, color=COLOURS[0], label="used")
    outline: dict[str, Any] = {"facecolor": "none", "edgecolor": BLACK, "linewidth": 0.8}
    bars = axes.barh(names, published, height=0.7, label="published with a label", **outline)
    words = [f"{n:,} ({100 * n / max(counts['used'], 1):.1f} %)" for n in used]
    axes.bar_label(bars, words, padding=3, fontsize=7)
    axes.set_title(f"{part}: {counts['used']:,} images")
    axes.set_xlabel(f"images (largest : smallest = {ratio:.1f})" if ratio else "images")
    axes.margins(x=0.42)  # for the numbers at the bars
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.grid(axis="x")
    style.name_rows(axes, names)


def _draw_votes(axes: Axes, classes: Mapping[str, Any]) -> None:
    """What raters take for what: the mean share of every column in the votes of each label."""
    columns = list(next(iter(classes.values()))["shares"])
    percent = 100 * np.array([[*one["shares"].values()] for one in classes.values()], float)
    percent = np.nan_to_num(percent)  # of a class without images

    def text(row: int, column: int) -> str:
        return style.whole(percent[row, column]) if percent[row, column] >= 0.5 else ""

    style.heat_map(axes, percent, columns, [], 8, text)
    style.name_rows(axes, list(classes))
    axes.set_aspect("auto")
    axes.set(xlabel="vote", ylabel="label")
    axes.set_title("what raters say of the images of each label (% of the votes)")


def _draw_agreement(axes: Axes, sizes: Sequence[Mapping[str, int]]) -> None:
    """How many images got how many equal votes, with and without a label."""
    keys = ("votes", "images", "labelled")
    number, images, labelled = (np.array([one[key] for one in sizes]) for key in keys)
    share, kept = images / images.sum(), labelled / images.sum()
    axes.bar(number, kept, color=COLOURS[0], label="with a label")
    hatched: dict[str, Any] = {"color": "white", "edgecolor": GREY, "hatch": "////"}
    rest = axes.bar(number, share - kept, bottom=kept, label="without", **hatched)
    axes.bar_label(rest, [style.whole(100 * one) if one else "" for one in share], fontsize=8)
    axes.set_title("how many raters agree on an image")
    axes.set(xlabel="votes for its strongest column", ylabel="% of the rated images")
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=""))
    axes.set_xticks(number)
    axes.grid(axis="y")
    axes.set_ylim(0, 1.3 * share.max())  # room for the legend, wherever the bars are high
    axes.legend(loc="upper left", fontsize=8)


def worst(table: pl.LazyFrame) -> pl.DataFrame:
    """As many rows as a sheet has room for, of the table of `clfer.faces.packing.pack`.

    First the faces that were located, the least sure ones first. The last quarter, or what is left
    over, is for images of which only the centre or the box was taken: some show no face.
    """
    room = COLUMNS * ROWS
    faces = table.filter(pl.col("face").is_not_null())
    guessed = pl.col("outcome").is_in(["centre", "box"])
    sort = (
        faces.filter(~guessed).sort("score", "row"),
        faces.filter(guessed).sort(pl.col("outcome") == "box", "row"),
    )
    located, others = pl.collect_all(one.head(room).select("row") for one in sort)
    others = others.head(max(room // 4, room - len(located)))
    rows = pl.concat([located.head(room - len(others)), others])
    chosen = table.filter(pl.col("row").is_in(rows["row"].implode())).collect(engine="streaming")
    return rows.join(chosen, on="row", how="left", maintain_order="left")


def draw_contact_sheet(
    pictures: Pictures, shown: pl.DataFrame, faces: UInt8[np.ndarray, "N S S C"], path: Path
) -> None:
    """Picture and face side by side for the rows `shown`, of which `pictures` has one each;
    landmarks are marked in the picture.
    """
    pairs = []
    for place, row in enumerate(shown.iter_rows(named=True)):
        score = "" if row["score"] is None else f" {row['score']:.2f}"
        words = f"{row['row']} {row['outcome']}{score}"
        pairs.append((_marked(pictures, place, row["points"]), square(faces[row["face"]]), words))
    _draw_sheet({"": pairs}, path)


def draw_pairs(sections: Mapping[str, Sequence[Pair]], path: Path) -> None:
    """Pairs of pictures under the headings of `sections`; empty ones are left out."""
    _draw_sheet(
        {name: pairs for name, pairs in sections.items() if pairs} or {"no pairs": []}, path
    )


def square(face: UInt8[np.ndarray, "S S C"]) -> Image.Image:
    """A face as large as a sheet has it."""
    return Image.fromarray(face.squeeze()).convert("RGB").resize((SIDE, SIDE))


def _draw_sheet(sections: Mapping[str, Sequence[Pair]], path: Path) -> None:
    width, height = 2 * SIDE + GAP, SIDE + LABEL + GAP
    lines = {name: -(-len(pairs) // COLUMNS) for name, pairs in sections.items()}
    below = sum(HEADING * bool(name) + height * count for name, count in lines.items())
    sheet = Image.new("RGB", (COLUMNS * width + GAP, below + GAP), "white")
    draw = ImageDraw.Draw(sheet)
    y = GAP
    for name, pairs in sections.items():
        draw.text((GAP, y), name, fill="black", font_size=14)
        y += HEADING * bool(name)
        for place, (one, other, words) in enumerate(pairs):
            left, top = GAP + place % COLUMNS * width, y + place // COLUMNS * height
            draw.text((left, top + LABEL - 2), words, fill="black", anchor="ld")
            sheet.paste(one, (left, top + LABEL))
            sheet.paste(other, (left + SIDE, top + LABEL))
        y += lines[name] * height
    sheet.save(path)


def _marked(pictures: Pictures, place: int, points: list[float] | None) -> Image.Image:
    """The picture within a square, with the landmarks that the face was aligned by."""
    frame = Image.new("RGB", (SIDE, SIDE), (225, 225, 225))
    try:
        image = Image.fromarray(pictures[place]).convert("RGB")
    except UnreadableError:
        return frame
    scale = SIDE / max(image.size)
    small = image.resize([max(1, round(side * scale)) for side in image.size])
    left, top = ((SIDE - side) // 2 for side in small.size)
    frame.paste(small, (left, top))
    draw = ImageDraw.Draw(frame)
    for x, y in np.reshape(points or [], (-1, 2)) * scale + (left, top):
        draw.circle((x, y), 1.5, fill=(230, 30, 30))
    return frame
