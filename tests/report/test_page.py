"""The page: whole, readable by machines, and true to what it is made of."""

import base64
import io
import re
from itertools import pairwise

import pytest
from markup import Element, read
from materials import CLASSES, figure, full, paper_table, picture, summary, with_classes
from PIL import Image

from clfer.report.contents import Code, Contents, Figure, Picture
from clfer.report.page import page
from clfer.report.verdicts import DRAWN

BARE = Code(None, [], [])
HOSTILE = "<script>alert('&\"1\"')</script>"


def tables(root: Element) -> list[list[list[str]]]:
    """The text of each cell of each table."""
    return [
        [[cell.text for cell in row.every("th", "td")] for row in table.every("tr")]
        for table in root.every("table")
    ]


def test_nothing_is_loaded_from_anywhere() -> None:
    root = read(page(full()))
    assert not list(root.every("script", "link", "iframe", "object", "base"))
    targets = [one.attributes.get("src") or one.attributes.get("href") for one in root.every()]
    assert all(one.startswith(("#", "data:image/")) for one in targets if one is not None)
    (style,) = root.every("style")
    assert "url(" not in style.text
    assert "@import" not in style.text


def test_images_are_inside_and_described() -> None:
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"/>'
    drawn = Figure(figure().about, Picture(svg, "svg+xml"))
    images = list(read(page(full(figures=[figure(), drawn]))).every("img"))
    assert len(images) == 5
    for one in images:
        assert len(one.attributes["alt"]) > 10
    *pictures, vector = [re.split("[:;,]", one.attributes["src"]) for one in images]
    assert [one[1] for one in pictures] == ["image/png"] * 4
    for one in pictures:
        with Image.open(io.BytesIO(base64.b64decode(one[3]))) as opened:
            assert opened.size == (8, 4)
    assert vector[1] == "image/svg+xml"
    assert base64.b64decode(vector[3]) == svg


def test_every_number_of_the_headline_stands_there() -> None:
    found = summary()
    rows = tables(read(page(full(summary=found))).section("numbers"))
    all_images, unique = ({row[0]: row for row in rows[place]} for place in (0, 1))
    dataset = found["datasets"]["faces"]
    for name, variant in dataset["variants"].items():
        for place, metric in enumerate(("accuracy", "uar", "macro_f1"), 2):
            for row, one in (
                (all_images[name], variant),
                (unique[name], variant["duplicate_free"]),
            ):
                spread = one[metric]
                low, high = spread["ci95"]
                words = f"{100 * spread['mean']:.2f} ± {100 * spread['std']:.2f} "
                words += f"[{100 * low:.2f}, {100 * high:.2f}]"
                assert row[place] == words
    (primary,) = [one for one in dataset["comparisons"] if one["primary"]]
    low, high = (100 * end for end in primary["ci95"])
    cells = all_images["ours"][5:]
    assert cells[0] == f"{100 * primary['difference']:+.2f} {low:+.2f} to {high:+.2f}"
    assert float(cells[1].removeprefix("p = ")) == pytest.approx(primary["p_holm"], abs=0.005)
    assert [row[1] for row in rows[1][1:]] == ["55", "55"]


def test_the_answer_comes_first_and_is_the_verdict() -> None:
    found = summary()
    root = read(page(full(summary=found)))
    (main,) = root.every("main")
    first = next(main.every("section"))
    assert first.attributes["id"] == "answer"
    verdicts = [one["verdict"] for one in found["datasets"]["faces"]["comparisons"]]
    assert verdicts[0] in first.text.replace("\u00a0", " ")
    rest = root.section("numbers").text.replace("\u00a0", " ")
    assert all(one in rest for one in verdicts[1:])


@pytest.mark.parametrize(
    ("p", "difference", "word"),
    [
        (0.01, 0.02, "better"),
        (0.01, -0.02, "worse"),
        (0.2, 0.02, "no claim"),
        (None, 0.1, "no test"),
    ],
)
def test_what_a_comparison_came_to(p: float | None, difference: float, word: str) -> None:
    found = summary()
    found["datasets"]["faces"]["comparisons"][0] |= {"p_holm": p, "difference": difference}
    (badge,) = read(page(full(summary=found))).classed("badge")
    assert badge.text == word


def test_one_seed_has_an_asterisk_and_no_claim() -> None:
    found = summary(seeds=1)
    root = read(page(full(summary=found, cards={})))
    accuracy = found["datasets"]["faces"]["variants"]["ours"]["accuracy"]
    row = {row[0]: row for row in tables(root.section("numbers"))[0]}["ours"]
    low, high = (100 * end for end in accuracy["ci95"])
    assert row[2] == f"{100 * accuracy['mean']:.2f} * [{low:.2f}, {high:.2f}]"
    assert row[6] == "–"
    assert root.classed("badge")[0].text == "no test"


def test_contents_lead_to_every_section() -> None:
    root = read(page(full()))
    (contents,) = root.every("nav")
    named = [one.attributes["href"].removeprefix("#") for one in contents.every("a")]
    (main,) = root.every("main")
    assert named == [one.attributes["id"] for one in main.every("section")]
    ids = [one.attributes["id"] for one in root.every() if "id" in one.attributes]
    assert len(ids) == len(set(ids))
    levels = [int(one.tag[1]) for one in root.every("h1", "h2", "h3", "h4")]
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_tables_are_whole_and_scroll_in_their_own_box() -> None:
    root = read(page(full()))
    every = list(root.every("table"))
    assert len(every) > 8
    assert every == [table for box in root.classed("scroll") for table in box.every("table")]
    for table, cells in zip(every, tables(root), strict=True):
        assert [one.tag for one in table.children if isinstance(one, Element)][:2] == [
            "caption",
            "thead",
        ]
        assert len({len(row) for row in cells}) == 1
        assert {one.attributes.get("scope") for one in table.every("th")} == {"col", "row"}


def test_a_confusion_matrix_in_words() -> None:
    root = read(page(full(summary=with_classes(summary())))).section("classes")
    matrices = root.classed("heat")
    assert len(matrices) == 2
    rows = [[cell.text for cell in row.every("th", "td")] for row in matrices[1].every("tr")]
    assert rows[0][1:] == list(CLASSES)
    # ours: 10 on the diagonal and 3 elsewhere, of 16 a row; the last class has no image
    assert rows[1] == ["neutral", "62 % 10", "19 % 3", "19 % 3"]
    assert rows[3] == ["anger", "0 % 0", "0 % 0", "0 % 0"]
    shades = [one.attributes["style"] for one in matrices[1].every("td")]
    assert shades[:2] == ["--share:62.5%", "--share:18.8%"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, []),
        ({"selected_on": "test"}, ["Optimistic"]),
        ({"evidence": False}, ["Not evidence"]),
        ({"evidence": False, "selected_on": "test"}, ["Not evidence", "Optimistic"]),
    ],
)
def test_a_box_warns_of_numbers_that_are_none(settings: dict, words: list[str]) -> None:
    root = read(page(full(summary=summary(**settings), cards={})))
    for section in ("answer", "trust"):
        boxes = [one.text for one in root.section(section).classed("warning")]
        assert len(boxes) == len(words)
        assert all(box.startswith(word) for box, word in zip(boxes, words, strict=True))
    headings = list(root.section("numbers").every("h3"))
    assert [len(one.classed("mark")) for one in headings] == [len(words)]
    assert DRAWN not in root.text  # the box says it once


def test_hostile_names_are_words() -> None:
    classes = (HOSTILE, *CLASSES[1:])
    found = with_classes(summary(HOSTILE, classes=classes, variants=("baseline", HOSTILE)))
    found["datasets"][HOSTILE]["note"] = HOSTILE
    about = {"title": HOSTILE, "dataset": HOSTILE}
    made = page(
        Contents(
            summary=found,
            code=Code("abc", [HOSTILE], [HOSTILE]),
            plots={"accuracy": picture(), f"history-{HOSTILE}": picture()},
            tables=[
                paper_table(**about, columns=[HOSTILE], rows=[[HOSTILE]], notes=[f"`{HOSTILE}`"])
            ],
            figures=[figure(**about, caption=HOSTILE)],
        )
    )
    root = read(made)
    assert not list(root.every("script"))
    names = {name for one in root.every() for name in one.attributes}
    assert not [name for name in names if name.startswith("on")]
    plain = re.sub(r"\s", "", HOSTILE)
    for section in ("answer", "numbers", "classes", "tables", "figures", "again"):
        assert plain in re.sub(r"\s", "", root.section(section).text)


def test_only_the_summary_is_needed() -> None:
    root = read(page(Contents(summary=summary(), code=BARE)))
    missing = {
        section: " ".join(one.text for one in root.section(section).classed("missing"))
        for section in ("runs", "data", "classes", "curves", "tables", "figures")
    }
    assert "dvc repro" in missing["runs"]
    assert "clfer split faces" in missing["data"]
    assert "clfer significance" in missing["curves"]
    assert "clfer experiment table4 --dataset faces" in missing["tables"]
    assert "clfer figure" in missing["figures"]
    assert not list(root.every("img"))
    assert not read(page(full())).classed("missing")
