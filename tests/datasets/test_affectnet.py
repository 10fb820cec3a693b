"""AffectNet in both of its forms, whole and broken."""

import numpy as np
import polars as pl
import pytest
from image_trees import array, fetched, has, labelled, noise, plant, zipped

from clfer.datasets import affectnet
from clfer.datasets.expressions import AFFECTNET
from clfer.errors import InputError

HEADER = (
    "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,"
    "valence,arousal\n"
)
IMAGES = "Manually_Annotated_Images"
# 68 points of which five are known by hand: the eyes' rings lie around (40, 50) and (80, 52).
POINTS = [(10.0 + i, 90.0) for i in range(68)]
POINTS[36:42] = [(38, 50), (39, 49), (41, 49), (42, 50), (41, 51), (39, 51)]
POINTS[42:48] = [(78, 52), (79, 51), (81, 51), (82, 52), (81, 53), (79, 53)]
POINTS[30], POINTS[48], POINTS[54] = (60, 70), (45, 95), (75, 96)
FIVE = [40, 50, 80, 52, 60, 70, 45, 95, 75, 96]
FLAT = [float(number) for point in POINTS for number in point]
MARKS = ";".join(map(str, FLAT))


def row(path, code, box="1,2,30,40", marks=MARKS):
    return f"{path},{box},{marks},{code},0.1,-0.2\n"


TRAINING = [("1/a.jpg", 0), ("1/b.JPG", 1), ("2/c d.png", 6), ("2/é.jpg", 7), ("3/n.jpg", 10)]
VALIDATION = [("1/v.jpg", 3), ("9/w.bmp", 4)]


def lists(header=HEADER):
    return {
        "training.csv": header + "".join(row(*r) for r in TRAINING),
        "validation.csv": header + "".join(row(*r) for r in VALIDATION),
    }


def planted():
    return {f"{IMAGES}/{p}": n for n, (p, _) in enumerate([*TRAINING, *VALIDATION])}


def whole():
    return {**lists(), **planted()}


@pytest.fixture
def there(tmp_path):
    return tmp_path / "AffectNet"


def both(there, tmp_path, classes=8):
    return labelled(affectnet, there, tmp_path / "raw", classes=classes)


def test_the_lists_with_eight_classes(there, tmp_path):
    table, remarks = both(plant(there, whole()), tmp_path)
    assert table.select("name", "usage", "label").rows() == [
        (f"{IMAGES}/1/a.jpg", "training", "neutral"),
        (f"{IMAGES}/1/b.JPG", "training", "happiness"),
        (f"{IMAGES}/2/c d.png", "training", "anger"),
        (f"{IMAGES}/2/é.jpg", "training", "contempt"),
        (f"{IMAGES}/1/v.jpg", "validation", "surprise"),
        (f"{IMAGES}/9/w.bmp", "validation", "fear"),
    ]
    assert table.schema["label"] == pl.Enum(AFFECTNET)
    assert table["landmarks"].to_list() == [FIVE] * 6
    assert table["box"].to_list() == [[1, 2, 30, 40]] * 6
    assert np.array_equal(affectnet.pictures(tmp_path / "raw", tmp_path)(table)[5], noise(6))
    assert remarks == [
        "rows of no class, left out: 1 not a face (10)",
        "not the published numbers: 4 of 287,651 train and 2 of 4,000 test images; "
        "scores do not compare",
    ]
    assert affectnet.protocol(affectnet.Labels(classes=8), table) == (
        "AffectNet-8, tested on validation, incomplete copy: 4 of 287,651 train and 2 of 4,000 "
        "test images"
    )


def test_seven_classes_have_no_contempt(there, tmp_path):
    table, remarks = both(plant(there, whole()), tmp_path, classes=7)
    assert table["label"].to_list() == ["neutral", "happiness", "anger", "surprise", "fear"]
    assert table.schema["label"] == pl.Enum(AFFECTNET[:7])
    assert "rows of no class, left out: 1 contempt (7), 1 not a face (10)" in remarks
    assert not has(remarks, "without a label row")


@pytest.mark.parametrize("place", ["", "Manually_Annotated_file_lists/", "a/b/"])
@pytest.mark.parametrize("header", [HEADER, ""])
def test_lists_with_and_without_a_header_and_images_at_any_depth(there, tmp_path, place, header):
    files = {f"{place}{name}": text for name, text in lists(header).items()}
    files |= {f"deep/Manually_Annotated/{path}": n for path, n in planted().items()}
    table, _ = both(plant(there, files), tmp_path)
    assert len(table) == 6
    assert table["name"].null_count() == 0
    assert table["landmarks"].to_list() == [FIVE] * 6


def test_columns_in_another_order_with_others_between(there, tmp_path):
    files = whole()
    files["training.csv"] = (
        ",expression,SUBDIRECTORY_FILEPATH,note\r\n" + '0,6,"1\\a.jpg",x\r\n1,0,1/b.jpg,\r\n'
    )
    table, _ = both(plant(there, files), tmp_path)
    assert table.filter(usage="training").select("name", "label", "landmarks", "box").rows() == [
        (f"{IMAGES}/1/a.jpg", "anger", None, None),
        (f"{IMAGES}/1/b.JPG", "neutral", None, None),
    ]


def test_images_labelled_by_machine_are_left_alone(there, tmp_path):
    files = {**whole(), "Automatically_Annotated_Images/1/a.jpg": 90, "automatic.csv": "x"}
    table, remarks = both(plant(there, files), tmp_path)
    assert np.array_equal(table["name"][0], f"{IMAGES}/1/a.jpg")
    assert not has(remarks, "Automatically")


def test_a_face_without_landmarks_or_box_and_dropped_rows_with_nonsense(there, tmp_path):
    rows = [
        row("1/a.jpg", 0, marks="NULL"),
        row("1/b.jpg", 0, marks=""),
        row("2/c d.png", 0, box="-1,-1,-1,-1"),
        row("2/é.jpg", 0, box="5,5,0,0"),
        row("3/n.jpg", 8, box="NULL,NULL,NULL,NULL", marks="what"),
    ]
    table, _ = both(plant(there, {**whole(), "training.csv": "".join(rows)}), tmp_path)
    assert table["landmarks"].to_list()[:4] == [None, None, FIVE, FIVE]
    assert table["box"].to_list()[:4] == [[1, 2, 30, 40], [1, 2, 30, 40], None, None]


def test_extra_missing_and_repeated_rows(there, tmp_path):
    files = whole()
    del files[f"{IMAGES}/1/b.JPG"]
    files[f"{IMAGES}/7/extra.jpg"] = 70
    files["training.csv"] += row("1/a.jpg", 0) + row("2/c d.png", 2) + row("1/v.jpg", 3)
    table, remarks = both(plant(there, files), tmp_path)
    assert table.filter(usage="training").select("name", "label").rows() == [
        (f"{IMAGES}/1/a.jpg", "neutral"),
        (None, "happiness"),
        (f"{IMAGES}/2/c d.png", None),
        (f"{IMAGES}/2/é.jpg", "contempt"),
        (f"{IMAGES}/1/v.jpg", "surprise"),  # the split sees that validation has it too
    ]
    assert has(remarks, "label rows without an image: 1 (first: 1/b.JPG)")
    assert has(remarks, f"images without a label row, left out: 1 (first: {IMAGES}/7/extra.jpg)")
    assert has(remarks, "label rows that repeat another: 1 (first: 1/a.jpg)")
    assert has(remarks, "rows of different labels, left without one: 1 (first: 2/c d.png)")


GOOD = row("1/a.jpg", 0)
LANDMARKS = "expected 68 landmarks x, y, x, y and so on, found"


@pytest.mark.parametrize(
    ("text", "line", "found"),
    [
        (HEADER + GOOD + "1/b.jpg,1,2,3\n", 3, "expected 9 columns, found 4"),
        (
            HEADER + GOOD + "\n" + row("1/b.jpg", 11),
            4,
            "expected an expression 0 to 10, found '11'",
        ),
        (GOOD + row("1/b.jpg", "happy"), 2, "expected an expression 0 to 10, found 'happy'"),
        (GOOD + row("1/b.jpg", ""), 2, "expected an expression 0 to 10, found ''"),
        (GOOD + row("1/b.jpg", "1.0"), 2, "expected an expression 0 to 10, found '1.0'"),
        (row("", 1), 1, "expected the path of an image in the first column, found none"),
        (row("1/b.jpg", 1, box="1,x,3,4"), 1, "expected a number as face_y, found 'x'"),
        (row("1/b.jpg", 1, box="1,2,inf,4"), 1, "expected a number as face_width, found 'inf'"),
        (
            row("1/b.jpg", 1, marks="1;2;3"),
            1,
            f"{LANDMARKS} 3",
        ),
        (
            row("1/b.jpg", 1, marks=MARKS + "x"),
            1,
            f"{LANDMARKS} 135",
        ),
        (
            GOOD + '1/b.jpg,"' + "9" * 10**6 + '"\n',
            2,
            "expected a row of a list, found a line long",
        ),
        (GOOD + "\0\n", 2, "expected 9 columns, found 1"),
    ],
)
def test_a_row_that_is_none_names_the_users_file_and_its_line(there, tmp_path, text, line, found):
    files = {**whole(), "lists/training.csv": text}
    del files["training.csv"]
    fetched(affectnet, plant(there, files), tmp_path / "raw")
    with pytest.raises(InputError) as told:
        affectnet.label(tmp_path / "raw", affectnet.Labels(classes=8))
    assert f"{there}/lists/training.csv line {line}: {found}" in str(told.value)
    assert len(str(told.value)) < 500


def test_a_list_that_is_missing_or_empty(there, tmp_path):
    files = whole()
    del files["validation.csv"]
    fetched(affectnet, plant(there, files), tmp_path / "raw")
    with pytest.raises(InputError, match=r"expected training.csv and .*, found no validation\.csv"):
        affectnet.label(tmp_path / "raw", affectnet.Labels(classes=7))
    plant(there, {"training.csv": HEADER, "validation.csv": HEADER})
    fetched(affectnet, there, tmp_path / "raw")
    with pytest.raises(InputError, match="found lists without a row; request it at"):
        affectnet.label(tmp_path / "raw", affectnet.Labels(classes=7))


def arrays(codes, marks=None):
    """The newer form: usage_id -> code; landmarks of all of them."""
    files = {}
    for seed, (name, code) in enumerate(codes.items()):
        part, number = name.split("/")
        files[f"{part}/images/{number}.jpg"] = seed
        files[f"{part}/annotations/{number}_exp.npy"] = array(code)
        files[f"{part}/annotations/{number}_val.npy"] = array("0.3")
        files[f"{part}/annotations/{number}_aro.npy"] = array("0.3")
        files[f"{part}/annotations/{number}_lnd.npy"] = array(FLAT if marks is None else marks)
    return files


CODES = {"train_set/10": "0", "train_set/9": 7, "val_set/10": np.int64(1), "val_set/3": [2]}


@pytest.mark.parametrize("zip_it", [False, True])
def test_the_newer_form(there, tmp_path, zip_it):
    files = arrays(CODES)
    if zip_it:
        zipped(there / "train_set.zip", {k: v for k, v in files.items() if k.startswith("train")})
        zipped(there / "val.zip", {k: v for k, v in files.items() if k.startswith("val")})
    else:
        plant(there, {f"one down/{path}": content for path, content in files.items()})
    table, remarks = both(there, tmp_path)
    assert table["usage"].to_list() == ["training"] * 2 + ["validation"] * 2
    assert table["label"].to_list() == ["neutral", "contempt", "happiness", "sadness"]
    assert [name.rpartition("/")[2] for name in table["name"]] == [
        "10.jpg",
        "9.jpg",
        "10.jpg",
        "3.jpg",
    ]
    assert table["landmarks"].to_list() == [FIVE] * 4
    assert table["box"].null_count() == 4
    assert len(remarks) == 1
    seven, remarks = both(there, tmp_path, classes=7)
    assert seven["label"].to_list() == ["neutral", "happiness", "sadness"]
    assert "rows of no class, left out: 1 contempt (7)" in remarks


@pytest.mark.parametrize("marks", [POINTS, list(map(str, FLAT)), np.asfortranarray(POINTS)])
def test_landmarks_however_the_array_is_made(there, tmp_path, marks):
    table, _ = both(plant(there, arrays(CODES, marks)), tmp_path)
    assert table["landmarks"].to_list() == [FIVE] * 4


def test_arrays_without_image_images_without_array_and_without_landmarks(there, tmp_path):
    files = arrays(CODES)
    del files["train_set/images/9.jpg"]
    del files["val_set/annotations/3_exp.npy"]
    del files["val_set/annotations/10_lnd.npy"]
    table, remarks = both(plant(there, files), tmp_path)
    assert table["name"].to_list() == ["train_set/images/10.jpg", None, "val_set/images/10.jpg"]
    assert table["landmarks"].to_list() == [FIVE, FIVE, None]
    assert has(remarks, "label rows without an image: 1 (first: train_set/annotations/9_exp.npy)")
    assert has(remarks, "images without a label row, left out: 1 (first: val_set/images/3.jpg)")


def header(text):
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize(
    ("part", "content", "found"),
    [
        ("exp", array("happy"), "an expression 0 to 10, found happy"),
        ("exp", array(11), "an expression 0 to 10, found 11"),
        ("exp", array(-1), "an expression 0 to 10, found -1"),
        ("exp", array(1.5), "an expression 0 to 10, found 1.5"),
        ("exp", array([1, 2]), "an expression 0 to 10, found 1, 2"),
        ("exp", array(np.zeros(0)), "an expression 0 to 10, found nothing"),
        ("exp", array(np.array([{"a": 1}], object), allow_pickle=True), "found Object arrays"),
        ("exp", b"no array", "a plain .npy of numbers, found the magic string"),
        ("exp", b"", "a plain .npy of numbers, found"),
        ("exp", array(1)[:-1], "a plain .npy of numbers, found EOF: reading array data"),
        (
            "lnd",
            header("{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999,)}"),
            "a plain .npy of numbers, found",
        ),
        ("lnd", header("{'descr': '<f8', 'fortran_order': False, 'shape': oops}"), "a plain .npy"),
        ("lnd", array(FLAT[:-1]), "68 landmarks x, y, x, y and so on, found 135 numbers"),
        ("lnd", array([float("nan")] * 136), "68 landmarks x, y, x, y and so on, found 0 numbers"),
    ],
)  # fmt: skip
def test_an_array_that_is_none_is_named(there, tmp_path, part, content, found):
    name = f"train_set/annotations/10_{part}.npy"
    fetched(affectnet, plant(there, {**arrays(CODES), name: content}), tmp_path / "raw")
    with pytest.raises(InputError) as told:
        affectnet.label(tmp_path / "raw", affectnet.Labels(classes=8))
    assert f"{there}/{name}: expected " in str(told.value)
    assert found in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({}, "an empty folder"),
        (lists(), "2 files, none of them an image (first: training.csv)"),
        (planted(), "7 images but neither training.csv nor *_exp.npy"),
        ({"Manually_Annotated.part1.rar": "x", **lists()}, "Manually_Annotated.part1.rar: unpack"),
        ({**lists(), "Automatically_Annotated_Images/1/a.jpg": 1}, "1 images, none where they bel"),
    ],
)
def test_what_is_missing_is_said_with_where_to_get_it(there, tmp_path, files, found):
    there.mkdir()
    with pytest.raises(InputError) as told:
        fetched(affectnet, plant(there, files), tmp_path / "raw")
    assert found in str(told.value)
    assert "expected AffectNet there as training.csv, validation.csv and" in str(told.value)
    assert "https://mohammadmahoor.com/pages/databases/affectnet/" in str(told.value)
