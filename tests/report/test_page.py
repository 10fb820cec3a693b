"""The page: whole, readable by machines, and true to what it is made of."""

import base64
import io
import re
from itertools import pairwise

from markup import Element, read
from materials import CLASSES, figure, full, paper_table, picture, summary, with_classes
from PIL import Image

from clfer.report.contents import Code, Contents, Picture
from clfer.report.page import page

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
    drawn = (figure()[0], Picture(svg, "svg+xml"))
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
