"""RAF-DB from trees as its readme describes them, whole and broken."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from image_trees import encoded, fetched, has, labelled, noise, plant, zipped

from clfer.datasets import raf_db
from clfer.datasets.expressions import RAF_DB
from clfer.errors import InputError
from clfer.pictures import UnreadableError

LIST = "basic/EmoLabel/list_patition_label.txt"
ALIGNED = "basic/Image/aligned"
CODES = {"train_00001": 5, "train_00002": 1, "train_00003": 7, "test_0001": 4, "test_0002": 2}
POINTS = "60.5\t52.25\n30\t50\n46 64\n58\t80\n33.5\t79\n1\n0\n3\n"


def listed(codes=CODES, ending=".jpg"):
    return "".join(f"{name}{ending} {code}\n" for name, code in codes.items())


def whole(codes=CODES):
    """A complete copy, aligned and original."""
    files = {LIST: listed(codes)}
    for seed, name in enumerate(codes):
        files[f"{ALIGNED}/{name}_aligned.jpg"] = encoded(seed)  # as PNG, to compare pixels
        files[f"basic/Image/original/{name}.jpg"] = encoded(100 + seed)
        files[f"basic/Annotation/manual/{name}_manu_attri.txt"] = POINTS
        files[f"basic/Annotation/boundingbox/{name}_boundingbox.txt"] = "20 10 70.5 90\n"
        files[f"basic/Annotation/auto/{name}_auto_attri.txt"] = "1 2\n"
    return files


@pytest.fixture
def there(tmp_path):
    return tmp_path / "RAF DB ü"


def both(there, tmp_path, images="aligned"):
    return labelled(raf_db, there, tmp_path / "raw", images=images)


def plain(table):
    return list(zip(table["name"], table["usage"], table["label"], strict=True))


def test_the_official_tree(there, tmp_path):
    table, remarks = both(plant(there, whole()), tmp_path)
    assert plain(table) == [
        (f"{ALIGNED}/{name}_aligned.jpg", name.partition("_")[0], RAF_DB[code - 1])
        for name, code in CODES.items()
    ]
    assert table["landmarks"].null_count() == table["box"].null_count() == 5
    assert table.schema["label"] == pl.Enum(RAF_DB)
    found = raf_db.pictures(tmp_path / "raw", tmp_path)(table)
    for row in range(5):
        assert np.array_equal(found[row], noise(row))
    assert remarks == [
        "not the published numbers: 3 of 12,271 train and 2 of 3,068 test images; "
        "scores do not compare"
    ]
    assert raf_db.protocol(raf_db.Labels(images="aligned"), table) == (
        "RAF-DB, aligned images, incomplete copy: 3 of 12,271 train and 2 of 3,068 test images"
    )


def test_original_images_have_landmarks_left_before_right_and_a_box(there, tmp_path):
    files = whole()
    del files["basic/Annotation/manual/test_0001_manu_attri.txt"]
    del files["basic/Annotation/boundingbox/train_00002_boundingbox.txt"]
    table, _ = both(plant(there, files), tmp_path, images="original")
    assert table["name"][0] == "basic/Image/original/train_00001.jpg"
    expected = [30, 50, 60.5, 52.25, 46, 64, 33.5, 79, 58, 80]
    assert table["landmarks"].to_list() == [expected, expected, expected, None, expected]
    box = [20, 10, 50.5, 80]
    assert table["box"].to_list() == [box, None, box, box, box]
    assert np.array_equal(raf_db.pictures(tmp_path / "raw", tmp_path)(table)[4], noise(104))


def test_zips_as_they_are_handed_out(there, tmp_path):
    files = whole()
    plant(there, {LIST: files[LIST]})
    for place, folder in (
        ("basic/Image", "aligned"),
        ("basic/Image", "original"),
        ("basic/Annotation", "manual"),
        ("basic/Annotation", "boundingbox"),
    ):
        inside = {
            path.removeprefix(f"{place}/"): content
            for path, content in files.items()
            if path.startswith(f"{place}/{folder}/")
        }
        zipped(there / place / f"{folder}.zip", inside)
    table, _ = both(there, tmp_path)
    assert table["name"][0] == f"{ALIGNED}.zip/aligned/train_00001_aligned.jpg"
    assert table["name"].null_count() == 0
    original, _ = both(there, tmp_path, images="original")
    assert original["landmarks"].null_count() == original["box"].null_count() == 0
    assert np.array_equal(raf_db.pictures(tmp_path / "raw", tmp_path)(original)[1], noise(101))


@pytest.mark.parametrize("name", ["list_partition_label.txt", "sub/LIST_Patition_Label.TXT"])
@pytest.mark.parametrize("ending", [".jpg", "_aligned.jpg", ".JPG"])
def test_the_list_under_either_name_anywhere(there, tmp_path, name, ending):
    files = whole()
    del files[LIST]
    table, _ = both(plant(there, {**files, name: listed(ending=ending)}), tmp_path)
    assert table["name"].null_count() == 0
    assert table["label"].to_list() == [RAF_DB[code - 1] for code in CODES.values()]


def test_upper_case_endings_windows_lines_and_a_byte_order_mark(there, tmp_path):
    plant(there, {LIST: ("\ufeff" + listed()).replace("\n", "\r\n").encode()})
    plant(there, {f"Image/{name}_ALIGNED.JPG": 1 for name in CODES})
    table, _ = both(there, tmp_path)
    assert table["name"].null_count() == 0


def test_compound_expressions_beside_the_basic_ones_are_left_alone(there, tmp_path):
    other = {
        "compound/EmoLabel/list_patition_label.txt": "train_0001.jpg 11\n",
        "compound/Image/aligned/train_00001_aligned.jpg": 77,
        "compound/Annotation/manual/train_00001_manu_attri.txt": "nonsense",
    }
    table, _ = both(plant(there, {**whole(), **other}), tmp_path)
    assert len(table) == 5
    assert np.array_equal(raf_db.pictures(tmp_path / "raw", tmp_path)(table)[0], noise(0))


def test_extra_missing_and_repeated_rows_are_counted_with_the_first(there, tmp_path):
    files = whole()
    del files[f"{ALIGNED}/train_00002_aligned.jpg"]
    files[f"{ALIGNED}/train_00009_aligned.jpg"] = 9
    files[f"{ALIGNED}/test_0009_aligned.jpg"] = 9
    files["copy/aligned/more/train_00001_aligned.jpg"] = 50
    files["readme.txt"] = "words"
    files[LIST] += "train_00001.jpg 5\ntrain_00003.jpg 7\ntest_0001.jpg 2\n"
    lines = fetched(raf_db, plant(there, files), tmp_path / "raw")
    assert has(lines, "images: 12, ")
    assert has(lines, f"labels: {LIST}")
    assert has(lines, "neither images nor labels, ignored: 6 (first: basic/Annotation/auto/test_")
    table, remarks = both(there, tmp_path)
    assert table["name"].to_list() == [
        f"{ALIGNED}/train_00001_aligned.jpg",
        None,
        *(f"{ALIGNED}/{name}_aligned.jpg" for name in ("train_00003", "test_0001", "test_0002")),
    ]
    assert table["label"].to_list() == ["sadness", "surprise", "neutral", None, "fear"]
    assert has(remarks, "label rows without an image: 1 (first: train_00002.jpg)")
    assert has(remarks, "images without a label row, left out: 2", "test_0009_aligned.jpg")
    assert has(remarks, "label rows that repeat another: 2 (first: train_00001.jpg)")
    assert has(remarks, "rows of different labels, left without one: 1 (first: test_0001.jpg)")
    assert has(remarks, "the name of another one, left out: 1 (first: copy/aligned/more/train")
    with pytest.raises(UnreadableError, match="no file"):
        raf_db.pictures(tmp_path / "raw", tmp_path)(table)[1]
    assert raf_db.protocol(raf_db.Labels(images="aligned"), table).endswith(
        "incomplete copy: 2 of 12,271 train and 1 of 3,068 test images"
    )


def table_of(train, test):
    usage = ["train"] * train + ["test"] * test
    return pl.DataFrame({"usage": usage, "label": "fear", "name": "a.jpg"})


def test_the_protocol_of_a_whole_and_of_a_swollen_copy():
    labels = raf_db.Labels(images="aligned")
    assert raf_db.protocol(labels, table_of(12_271, 3_068)) == "RAF-DB, aligned images"
    assert raf_db.protocol(labels, table_of(12_272, 3_068)) == (
        "RAF-DB, aligned images, other copy: 12,272 of 12,271 train and 3,068 of 3,068 test images"
    )


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ("train_00001.jpg 5\ntrain_00002.jpg\n", "line 2: expected an image's name and a label"),
        ("train_00001.jpg 5\n\ntrain_00002.jpg 8\n", "line 3: expected a label 1 to 7, found '8'"),
        ("train_00001.jpg 0\n", "line 1: expected a label 1 to 7, found '0'"),
        ("train_00001.jpg -1\n", "line 1: expected a label 1 to 7, found '-1'"),
        ("train_00001.jpg four\n", "line 1: expected a label 1 to 7, found 'four'"),
        ("train_00001.jpg 5 6 \n", "line 1: expected an image's name and a label, found 'train_"),
        ("img_1.jpg 5\n", "line 1: expected a name train_... or test_..., found 'img_1.jpg'"),
        ("train_00001.jpg " + "9" * 60_000 + "\n", "line 1: expected a label 1 to 7, found '9999"),
        ("x" * 70_000, "line 1: expected a row of a list, found a line longer than"),
        ("", "line 1: expected an image's name and a label, found an empty list"),
    ],
)
def test_a_row_that_is_none_names_the_users_file_and_its_line(there, tmp_path, rows, found):
    fetched(raf_db, plant(there, {**whole(), LIST: rows}), tmp_path / "raw")
    with pytest.raises(InputError) as told:
        raf_db.label(tmp_path / "raw", raf_db.Labels(images="aligned"))
    assert f"{there / LIST} {found}" in str(told.value)
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 1_000


@pytest.mark.parametrize(
    ("note", "content", "expected"),
    [
        ("manual/train_00001_manu_attri", "1 2\n3 4\n5\n", "five lines of x and y, found 5 numb"),
        ("manual/train_00001_manu_attri", "a b\n" * 5, "five lines of x and y, found 0 numbers"),
        ("manual/train_00001_manu_attri", "nan nan\n" * 5, "five lines of x and y, found 0"),
        ("boundingbox/train_00001_boundingbox", "5 5 1 9", "a box, found '5 5 1 9'"),
        (
            "boundingbox/train_00001_boundingbox",
            "5 5 9",
            "a box, found '5 5 9'",
        ),
    ],
)
def test_an_annotation_that_is_none_is_named(there, tmp_path, note, content, expected):
    plant(there, {**whole(), f"basic/Annotation/{note}.txt": content})
    fetched(raf_db, there, tmp_path / "raw")
    with pytest.raises(InputError, match=rf"{note}\.txt: expected .*{expected}"):
        raf_db.label(tmp_path / "raw", raf_db.Labels(images="original"))


def test_two_lists_that_differ_and_two_that_do_not(there, tmp_path):
    files = {**whole(), "list_partition_label.txt": listed()}
    assert len(both(plant(there, files), tmp_path)[0]) == 5
    plant(there, {"list_partition_label.txt": "train_00001.jpg 1\n"})
    fetched(raf_db, there, tmp_path / "raw")
    expected = f"expected one list_patition_label.txt, found {LIST} and list_partition_label.txt"
    with pytest.raises(InputError, match=expected):
        raf_db.label(tmp_path / "raw", raf_db.Labels(images="aligned"))


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({}, "an empty folder"),
        ({LIST: listed()}, "1 files, none of them an image"),
        ({"raf-basic.rar": "x", LIST: listed()}, "no image but raf-basic.rar: unpack it there"),
        ({"x/RAF.7z": "x"}, "no image but x/RAF.7z: unpack it there"),
        ({f"{ALIGNED}/train_00001_aligned.jpg": 1}, "1 images but no list_patition_label.txt"),
        ({LIST: listed(), "a.jpg": 1}, "1 images, none called train_... or test_..."),
    ],
)
def test_what_is_missing_is_said_with_where_to_get_it(there, tmp_path, files, found):
    there.mkdir()
    with pytest.raises(InputError) as told:
        fetched(raf_db, plant(there, files), tmp_path / "raw")
    assert str(told.value) == (
        f"{there}: expected RAF-DB there as basic/EmoLabel/list_patition_label.txt and "
        "basic/Image/aligned/train_00001_aligned.jpg and so on (or "
        f"basic/Image/original/train_00001.jpg), also in archives; found {found}"
        + (", a .rar is not read" if "rar" in found else "")
        + (", a .7z is not read" if ".7z" in found else "")
        + (" (first: basic/EmoLabel/list_patition_label.txt)" if "none of them" in found else "")
        + "; request it at http://www.whdeng.cn/RAF/model1.html and put it there"
    )
    assert list((tmp_path / "raw").rglob("*")) == []


def test_no_folder_at_all(tmp_path):
    with pytest.raises(InputError, match="found no such folder; request it at"):
        fetched(raf_db, tmp_path / "nowhere", tmp_path / "raw")


def test_the_other_images_than_asked_for(there, tmp_path):
    files = {path: content for path, content in whole().items() if "aligned" not in path}
    fetched(raf_db, plant(there, files), tmp_path / "raw")
    with pytest.raises(InputError, match=r"aligned images in .*, found 5 that are original"):
        raf_db.label(tmp_path / "raw", raf_db.Labels(images="aligned"))


def test_the_folder_in_the_params_is_below_the_checkout(tmp_path):
    plant(tmp_path / "data/external/raf_db", whole())
    source = raf_db.Source(folder=Path("data/external/raf_db"), url=None, sha256=None)
    (tmp_path / "raw").mkdir()
    raf_db.fetch(source, tmp_path, tmp_path / "raw", lambda items, _: items)
    table, _ = raf_db.label(tmp_path / "raw", raf_db.Labels(images="aligned"))
    assert np.array_equal(raf_db.pictures(tmp_path / "raw", tmp_path)(table)[2], noise(2))
    assert (tmp_path / "raw/folder.txt").read_text() == "data/external/raf_db\n"
