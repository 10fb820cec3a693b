"""RAF-DB from trees as its readme describes them, whole and broken."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from image_trees import encoded, fetched, has, labelled, noise, plant, refused

from clfer.datasets import raf_db
from clfer.datasets.expressions import RAF_DB
from clfer.datasets.raf_db import LISTS
from clfer.progress import silent

LIST = "basic/EmoLabel/list_patition_label.txt"
ALIGNED = "basic/Image/aligned"
CODES = {"train_00001": 5, "train_00002": 1, "train_00003": 7, "test_0001": 4, "test_0002": 2}
POINTS = "60.5\t52.25\n30\t50\n46 64\n58\t80\n33.5\t79\n1\n0\n3\n"


def listed(ending=".jpg"):
    return "".join(f"{name}{ending} {code}\n" for name, code in CODES.items())


def whole():
    """A complete copy, aligned and original."""
    files = {LIST: listed()}
    for seed, name in enumerate(CODES):
        files[f"{ALIGNED}/{name}_aligned.jpg"] = encoded(seed)  # as PNG, to compare pixels
        files[f"basic/Image/original/{name}.jpg"] = encoded(100 + seed)
        files[f"basic/Annotation/manual/{name}_manu_attri.txt"] = POINTS
        files[f"basic/Annotation/boundingbox/{name}_boundingbox.txt"] = "20 10 70.5 90\n"
        files[f"basic/Annotation/auto/{name}_auto_attri.txt"] = "1 2\n"
    return files


def both(files, tmp_path, images="aligned"):
    return labelled(raf_db, plant(tmp_path / "RAF DB ü", files), tmp_path / "raw", images=images)


def test_the_official_tree(tmp_path):
    table, remarks = both(whole(), tmp_path)
    assert table.select("name", "usage", "label").rows() == [
        (f"{ALIGNED}/{name}_aligned.jpg", name.partition("_")[0], RAF_DB[code - 1])
        for name, code in CODES.items()
    ]
    assert table["landmarks"].null_count() == table["box"].null_count() == 5
    assert table.schema["label"] == pl.Enum(RAF_DB)
    found = raf_db.pictures(tmp_path / "raw", tmp_path)(table)
    for row in range(5):
        assert np.array_equal(found[row], noise(row))
    counts = "3 of 12,271 train and 2 of 3,068 test images"
    assert remarks == [f"not the published numbers: {counts}; scores do not compare"]
    assert raf_db.protocol(raf_db.Labels(images="aligned"), table) == (
        f"RAF-DB, aligned images, incomplete copy: {counts}"
    )


def test_original_images_have_landmarks_left_before_right_and_a_box(tmp_path):
    files = whole()
    del files["basic/Annotation/manual/test_0001_manu_attri.txt"]
    del files["basic/Annotation/boundingbox/train_00002_boundingbox.txt"]
    table, _ = both(files, tmp_path, images="original")
    assert table["name"][0] == "basic/Image/original/train_00001.jpg"
    expected = [30, 50, 60.5, 52.25, 46, 64, 33.5, 79, 58, 80]
    assert table["landmarks"].to_list() == [expected, expected, expected, None, expected]
    box = [20, 10, 50.5, 80]
    assert table["box"].to_list() == [box, None, box, box, box]
    assert np.array_equal(raf_db.pictures(tmp_path / "raw", tmp_path)(table)[4], noise(104))


@pytest.mark.parametrize(  # the last as of a zip that was unpacked into a folder of its name
    "name",
    ["list_partition_label.txt", "sub/LIST_Patition_Label.TXT", f"a/{LISTS[0]}/{LISTS[0]}"],
)
def test_the_list_and_the_images_under_other_names_in_other_places(tmp_path, name):
    files = {f"Image/{name}_ALIGNED.JPG": 1 for name in CODES}
    table, _ = both({**files, name: listed("_aligned.jpg")}, tmp_path)
    assert table["name"].null_count() == 0
    assert table["label"].to_list() == [RAF_DB[code - 1] for code in CODES.values()]


def test_compound_expressions_beside_the_basic_ones_are_left_alone(tmp_path):
    other = {
        "compound/EmoLabel/list_patition_label.txt": "train_0001.jpg 11\n",
        "compound/Image/aligned/train_00001_aligned.jpg": 77,
        "compound/Annotation/manual/train_00001_manu_attri.txt": "nonsense",
    }
    table, _ = both({**whole(), **other}, tmp_path)
    assert len(table) == 5
    assert np.array_equal(raf_db.pictures(tmp_path / "raw", tmp_path)(table)[0], noise(0))


def test_extra_missing_and_repeated_rows_are_counted(tmp_path):
    files = whole()
    del files[f"{ALIGNED}/train_00002_aligned.jpg"]
    files |= {f"{ALIGNED}/test_0009_aligned.jpg": 9, "readme.txt": "words"}
    files[LIST] += "train_00001.jpg 5\ntest_0001.jpg 2\n"
    lines = fetched(raf_db, plant(tmp_path / "RAF DB ü", files), tmp_path / "raw")
    assert has(lines, "images: 10, ")
    assert has(lines, f"labels: {LIST}")
    assert has(lines, "neither images nor labels, ignored: 6 (first: basic/Annotation/auto/test_")
    table, remarks = both(files, tmp_path)
    assert table["name"].is_null().to_list() == [False, True, False, False, False]
    assert table["label"].to_list() == ["sadness", "surprise", "neutral", None, "fear"]
    counts = "2 of 12,271 train and 1 of 3,068 test images"
    assert has(remarks, f"not the published numbers: {counts}; scores do not compare")
    assert raf_db.protocol(raf_db.Labels(images="aligned"), table).endswith(f" copy: {counts}")


def test_the_protocol_of_a_whole_and_of_a_swollen_copy():
    labels = raf_db.Labels(images="aligned")
    usage = ["train"] * 12_271 + ["test"] * 3_068
    table = pl.DataFrame({"usage": usage, "label": "fear", "name": "a.jpg"})
    assert raf_db.protocol(labels, table) == "RAF-DB, aligned images"
    assert raf_db.protocol(labels, pl.concat([table, table[:1]])) == (
        "RAF-DB, aligned images, other copy: 12,272 of 12,271 train and 3,068 of 3,068 test images"
    )


MANUAL = "basic/Annotation/manual/train_00001_manu_attri.txt"
BOX = "basic/Annotation/boundingbox/train_00001_boundingbox.txt"
ROW, LABEL = "expected an image's name and a label", "expected a label 1 to 7, found"


@pytest.mark.parametrize(
    ("path", "content", "found"),
    [
        (LIST, "train_00001.jpg 5\ntrain_00002.jpg\n", f"line 2: {ROW}"),
        (LIST, "train_00001.jpg 5\n\ntrain_00002.jpg 8\n", f"line 3: {LABEL} '8'"),
        (LIST, "train_00001.jpg " + "9" * 60_000, f"line 1: {LABEL} '9999"),
        (LIST, "img_1.jpg 5\n", "line 1: expected a name train_... or test_..., found 'img_1.jpg'"),
        (LIST, "", f"line 1: {ROW}, found an empty list"),
        (MANUAL, "1 2\n3 4\n5\n", "expected five lines of x and y, found 5 numbers"),
        (MANUAL, "nan nan\n" * 5, "expected five lines of x and y, found 0"),
        (BOX, "5 5 1 9", "expected left, top, right and bottom of a box, found '5 5 1 9'"),
    ],
)
def test_a_file_that_is_none_is_named_as_the_user_has_it(tmp_path, path, content, found):
    there = plant(tmp_path / "RAF DB ü", {**whole(), path: content})
    line = refused(raf_db, there, tmp_path / "raw", images="original")
    assert line.startswith(f"{there / path}{' ' if path == LIST else ': '}{found}")


def test_two_lists_that_differ_and_two_that_do_not(tmp_path):
    files = {**whole(), "list_partition_label.txt": listed()}
    assert len(both(files, tmp_path)[0]) == 5
    there = plant(tmp_path / "RAF DB ü", {"list_partition_label.txt": "train_00001.jpg 1\n"})
    expected = f"expected one list_patition_label.txt, found {LIST} and list_partition_label.txt"
    assert expected in refused(raf_db, there, tmp_path / "raw", images="aligned")


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (None, "no such folder"),
        ({}, "an empty folder"),
        ({"a.txt": ""}, "1 files, none of them an image (first: a.txt)"),
        ({"x/RAF.7z": "x"}, "no image but x/RAF.7z: unpack it there, a .7z is not read"),
        ({f"{ALIGNED}/train_00001_aligned.jpg": 1}, "1 images but no list_patition_label.txt"),
        ({LIST: listed(), "a.jpg": 1}, "1 images, none called train_... or test_..."),
    ],
)
def test_what_is_missing_is_named_with_where_to_get_it(tmp_path, files, found):
    there, raw = tmp_path / "RAF DB ü", tmp_path / "raw"
    if files is not None:
        plant(there, files)
    assert refused(raf_db, there, raw) == (
        f"{there}: expected RAF-DB there as basic/EmoLabel/list_patition_label.txt and "
        "basic/Image/aligned/train_00001_aligned.jpg and so on (or "
        f"basic/Image/original/train_00001.jpg), also in archives; found {found}; request it at "
        "http://www.whdeng.cn/RAF/model1.html and put it there"
    )
    assert list(raw.rglob("*")) == []


def test_the_other_images_than_asked_for(tmp_path):
    files = {path: file for path, file in whole().items() if "aligned" not in path}
    error = refused(raf_db, plant(tmp_path / "there", files), tmp_path / "raw", images="aligned")
    assert "expected aligned images in " in error
    assert "found 5 that are original" in error


def test_the_folder_in_the_params_is_below_the_checkout(tmp_path):
    raw = tmp_path / "raw"
    plant(tmp_path / "data/external/raf_db", whole())
    source = raf_db.Source(folder=Path("data/external/raf_db"), url=None, sha256=None)
    raf_db.fetch(source, tmp_path, raw, silent)
    table, _ = raf_db.label(raw, raf_db.Labels(images="aligned"))
    assert np.array_equal(raf_db.pictures(raw, tmp_path)(table)[2], noise(2))
    assert (raw / "folder.txt").read_text() == "data/external/raf_db\n"


def test_who_is_shown_is_read_from_the_annotations(tmp_path):
    """Gender, race and age by the readme's codes; null without a file or with another code."""
    files = whole()
    del files["basic/Annotation/manual/train_00002_manu_attri.txt"]
    files["basic/Annotation/manual/test_0001_manu_attri.txt"] = POINTS.replace("1\n0\n3", "0\n2\n7")
    table, _ = both(files, tmp_path)
    found = raf_db.people(tmp_path / "raw", table)
    usual = ("female", "Caucasian", "40 to 69")
    assert found.rows() == [
        (0, *usual),
        (1, None, None, None),
        (2, *usual),
        (3, "male", "Asian", None),
        (4, *usual),
    ]
