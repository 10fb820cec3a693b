"""The page: whole, readable by machines, and true to what it is made of."""

import base64
import io
import re
from itertools import pairwise

import pytest
from markup import Element, read
from materials import CLASSES, figure, full, paper_table, picture, summary, with_classes
from PIL import Image

from clfer.paper.published import PAPER
from clfer.report.material import Code, Figure, Material, Picture
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


def test_a_grid_without_baseline_or_with_other_seeds_says_so() -> None:
    found = summary(variants=("msr", "ours"))
    answer = read(page(full(summary=found, cards={}))).section("answer")
    assert "no run of baseline" in answer.text
    assert not answer.classed("badge")


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


def test_scores_beside_the_headline_and_by_class() -> None:
    root = read(page(full()))
    share, plain = "62.50 ± 2.50", "0.625 ± 0.025"
    beside = ["ours", plain, share, share, plain, plain]  # kappa, top two, ECE, NLL, KL
    assert beside in [row for table in tables(root.section("numbers")) for row in table]
    recall = tables(root.section("classes"))[0]
    assert recall[1] == ["neutral", "20", *[f"{share} [51.25, 73.75]"] * 2]


def test_published_numbers_and_the_papers_rule() -> None:
    found = summary()
    dataset = found["datasets"]["faces"]
    other = {
        "variant": "ours",
        "name": "SCN",
        "year": 2020,
        "network": "ResNet-18",
        "pretrained": None,
        "accuracy": 0.8801,
        "protocol": "unknown",
        "difference": -0.0612,
        "ci95": [-0.1, 0.02],
        "p": None,
        "test": "descriptive",
        "covers": "seeds and images",
        "differs": ["8 classes, ours 3", "other images"],
        "verdict": "Not shown, for there are many.",
    }
    own = {"name": PAPER, "p": 0.0004, "differs": [], "verdict": "Ours is lower."}
    dataset["published"] = [{**other, **own}, other]
    rule = {"competitor": "RUL", "accuracy": 0.8875, "mean": 0.8933, "std": 0.0011}
    dataset["paper_rule"] = [
        {"whose": "the paper's", **rule, "threshold": 0.89, "holds": True},
        {"whose": "ours", **rule, "threshold": 0.8, "holds": False},
    ]
    numbers = read(page(full(summary=found))).section("numbers")
    assert "Ours is lower." in numbers.text
    assert "Not shown" not in numbers.text
    cells = tables(numbers)
    distance, alike = "-6.12 -10.00 to +2.00", "8 classes, ours 3; other images"
    assert cells[-2][1][3:] == [distance, "p < 0.001", "unknown", "–"]
    scn = ["ours", "SCN 2020, ResNet-18", "88.01", distance, "–", "unknown", alike]
    assert cells[-2][2] == scn
    assert ["the paper's", "RUL", "88.75", "89.33 ± 0.11", "89.00", "yes"] in cells[-1]
    assert cells[-1][-1][-1] == "no"


def test_what_choosing_on_the_test_images_adds() -> None:
    found = summary(selected_on="test")
    spread = {"mean": 0.75, "std": 0.01, "ci95": None, "per_seed": [0.75] * 3}
    found["datasets"]["faces"]["variants"]["ours"]["optimistic"] = {
        "seeds": [0, 1, 2],
        "val_epochs": [4, 5, 6],
        "test_epochs": [7, 8, 9],
        "accuracy": spread,
        "honest": {**spread, "mean": 0.725},
        "gap": 0.025,
    }
    cells = tables(read(page(full(summary=found))).section("numbers"))
    row = ["ours", "75.00 ± 1.00", "72.50 ± 1.00", "+2.50", "7, 8, 9", "4, 5, 6"]
    assert row in [one for table in cells for one in table]


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
        Material(
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
    root = read(page(Material(summary=summary(), code=BARE)))
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


def test_tables_and_figures_as_they_were_written() -> None:
    root = read(page(full(tables=[paper_table(evidence=False)], figures=[figure(evidence=False)])))
    table = root.section("tables")
    assert tables(table)[0][1:] == [["baseline", "87.63", "82.40"], ["ours", "89.50", "80.91"]]
    for words in ("Table IV: the modules", "One seed.", "From scratch.", "clfer experiment table4"):
        assert words in table.text
    assert len(table.classed("mark")) == len(root.section("figures").classed("mark")) == 1
    assert "Variants: baseline, ours. Seeds: 0." in root.section("figures").text


def test_how_to_run_it_again() -> None:
    options = ["-S 'run.datasets=[faces]'", "-S train.epochs=8"]
    code = Code("abc1234", ["clfer/datasets/splits.py"], options)
    again = read(page(full(code=code))).section("again")
    (commands,) = again.every("pre")
    lines = [line.strip() for line in "".join(next(commands.every("code")).children).splitlines()]
    assert lines[0] == "git checkout abc1234"
    assert lines[-4:] == ["dvc exp run \\", f"{options[0]} \\", options[1], "clfer report"]
    assert "clfer/datasets/splits.py" in again.classed("warning")[0].text
    plain = read(page(full(code=BARE))).section("again")
    assert "make repro" in plain.text
    assert "git" not in next(plain.every("pre")).text
    assert not plain.classed("warning")
