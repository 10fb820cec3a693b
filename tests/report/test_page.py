"""The page: whole, readable by machines, and true to what it is made of; what it says of how far a
dataset's results can be trusted.
"""

import base64
import io
import re
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from markup import Element, read
from materials import (
    CLASSES,
    RECIPE,
    audit,
    card,
    cards,
    figure,
    full,
    paper_table,
    picture,
    summary,
    with_classes,
)
from PIL import Image

from clfer.report.contents import Code, Contents, Picture
from clfer.report.page import DatasetPart, outcome, page, statements, tags

HOSTILE = "<script>alert('&\"1\"')</script>"
ROOT = read(page(full()))


def test_nothing_is_loaded_from_anywhere() -> None:
    assert not list(ROOT.every("script", "link", "iframe", "object", "base"))
    targets = [one.attributes.get("src") or one.attributes.get("href") for one in ROOT.every()]
    assert all(one.startswith(("#", "data:image/")) for one in targets if one is not None)
    (style,) = ROOT.every("style")
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
    (contents,), (main,) = ROOT.every("nav"), ROOT.every("main")
    named = [one.attributes["href"].removeprefix("#") for one in contents.every("a")]
    assert named == [one.attributes["id"] for one in main.every("section")]
    ids = [one.attributes["id"] for one in ROOT.every() if "id" in one.attributes]
    assert len(ids) == len(set(ids))
    levels = [int(one.tag[1]) for one in ROOT.every("h1", "h2", "h3", "h4")]
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_tables_are_whole_and_scroll_in_their_own_box() -> None:
    every = list(ROOT.every("table"))
    assert len(every) > 8
    assert every == [table for box in ROOT.classed("scroll") for table in box.every("table")]
    for table in every:
        parts = [one.tag for one in table.children if isinstance(one, Element)]
        assert parts[:2] == ["caption", "thead"]
        assert len({len([*row.every("th", "td")]) for row in table.every("tr")}) == 1
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


warnings, safeguards, limitations, what_was_done = (
    partial(statements, matter)
    for matter in ("warnings", "safeguards", "limitations", "what_was_done")
)


def part(**more: Any) -> DatasetPart:
    return DatasetPart("faces", full(**more))


def alone(**more: Any) -> DatasetPart:
    """Of the summary alone."""
    return DatasetPart("faces", Contents(summary=summary(**more), code=full().code))


def one(sentences: list[str], words: str) -> str:
    """The only sentence with these words."""
    (sentence,) = [sentence for sentence in sentences if words in sentence]
    return sentence


def none(sentences: list[str], words: str) -> bool:
    return not [sentence for sentence in sentences if words in sentence]


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        ({}, "trained from scratch at 64 px for 9 epochs in batches of 16 on 80 images. It was"),
        ({"labelled_fraction": 0.102, "unlabelled": "drop"}, "10.2 % with their label and the ot"),
        ({"labelled_fraction": 0.1, "unlabelled": "keep"}, "the others seen without a label. It"),
        ({"scarce_class": "fear", "scarce_kept": 0.1}, ", 10 % of those labelled fear kept. It"),
    ],
)
def test_what_was_done(recipe: dict[str, Any], words: str) -> None:
    given = {cell: card(*cell[1:], **recipe) for cell in cards()}
    assert words in what_was_done(part(cards=given))[0]


def test_one_model_chosen_on_test_is_enough() -> None:
    assert "accuracy on the 27 validation images" in one(safeguards(part()), "epoch")
    assert tags(part().results, part().selected_on) == []
    watched = part()
    watched.variants["ours"]["optimistic"] = {"gap": 0.1}  # `train.watch_test`
    assert "every epoch for the record, and chose nothing" in one(safeguards(watched), "epoch")
    given = cards()
    given["faces", "ours", 1]["provenance"]["selected_on"] = "test"
    for dataset in (part(cards=given), alone(selected_on="test")):
        one(warnings(dataset), "Optimistic")
        assert none(safeguards(dataset), "training never opens")
        assert tags(dataset.results, dataset.selected_on) == ["optimistic: chosen on test"]
    drawn = alone(selected_on="test", evidence=False)
    assert [text[:10] for text in warnings(drawn)] == ["Not eviden", "Optimistic"]
    assert len(tags(drawn.results, drawn.selected_on)) == 2


@pytest.mark.parametrize(
    ("p", "difference", "word"),
    [
        (0.01, 0.02, "better"),
        (0.01, -0.02, "worse"),
        (0.05, 0.02, "no claim"),
        (None, 0.1, "no test"),
    ],
)
def test_what_a_comparison_came_to(p: float | None, difference: float, word: str) -> None:
    assert outcome({"p_holm": p, "difference": difference}, 0.05) == word


def test_copies_and_what_was_done_about_them() -> None:
    words = one(safeguards(part()), "identical copies")
    assert "4 of 60 test images (6.7 %)" in words
    assert "10 in train or val that are copies of test images" in words
    assert "the 55 test images without a copy" in words
    bare = {"faces": audit(copied=0)}
    assert "No test image has an identical copy" in one(safeguards(part(audits=bare)), "identical")
    assert none(safeguards(alone()), "identical")
    kept = summary(duplicates="keep")
    words = one(warnings(part(summary=kept)), "Leakage")
    assert "4 test images also stood among the training or validation images" in words
    assert warnings(part(summary=kept, audits=bare)) == warnings(part()) == []


def test_seeds() -> None:
    assert "the same 3 seeds (0, 1, 2)" in one(safeguards(part()), "seeds (")
    assert none(limitations(part()), "nothing can be said")
    for count in (1, 2):
        words = one(limitations(alone(seeds=count)), "nothing can be said")
        assert words.startswith(f"With {count} seed")
    assert "covers other test images alone" in one(limitations(alone(seeds=1)), "single run")


def test_models_that_were_made_alike() -> None:
    words = one(safeguards(part()), "models record")
    assert words.startswith("All 6 models record the same settings, the same split (SHA-256 abab")
    own = cards() | {("faces", "ours", s): card("ours", s, labelled_fraction=0.2) for s in range(3)}
    words = one(safeguards(part(cards=own)), "models record")
    assert "same settings" not in words
    assert words.endswith("a variant's own: ours has labelled_fraction 0.2.")
    assert warnings(part(cards=own)) == []
    fewer = cards()
    del fewer["faces", "ours", 1]
    assert none(safeguards(part(cards=fewer)), "models record")
    other = cards() | {("faces", "ours", 2): card("ours", 2, epochs=3)}
    assert "same settings" not in one(safeguards(part(cards=other)), "models record")


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("split_sha256", "on the same split"),
        ("faces_sha256", "on the same faces"),
        ("clfer", "by the same version of clfer"),
        ("recipe", "with the same settings for each seed"),
        ("variant", "with the same settings for each seed"),
    ],
)
def test_models_that_were_not(key: str, words: str) -> None:
    given = cards()
    model = given["faces", "ours", 2]
    if key == "variant":
        model["variant"]["clfm"] = {**model["variant"]["clfm"], "k": 8}
    else:
        model["provenance"][key] = {**RECIPE, "epochs": 3} if key == "recipe" else "x"
    assert warnings(part(cards=given)) == [
        f"The models were not all trained {words}: differences may be due to it."
    ]


def test_runs_that_ended_too_early_rare_classes_and_doubtful_labels() -> None:
    assert none(limitations(part()), "last epoch")
    late = cards() | {("faces", "ours", seed): card("ours", seed, epoch=9) for seed in (0, 2)}
    assert one(limitations(part(cards=late)), "last epoch").startswith("In 2 of 6 runs")
    assert "anger (12)" in one(limitations(part()), "few test images")
    assert none(limitations(part(audits={"faces": audit(contempt=30)})), "few test images")
    assert "2 of 9 groups" in one(limitations(part()), "Labels")
    given = summary()
    protocol = "own images of 3 classes, tested on a part drawn from them (20 % by seed 0)"
    given["datasets"]["faces"]["protocol"]["labels"] = protocol
    assert "person" in one(limitations(part(summary=given)), "drawn")
    assert none(limitations(part()), "drawn")
