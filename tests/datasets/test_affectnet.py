"""AffectNet in both of its forms, whole and broken."""

import numpy as np
import polars as pl
import pytest
from image_trees import array, has, labelled, noise, plant, refused, zipped

from clfer.datasets import affectnet
from clfer.datasets.expressions import AFFECTNET

HEADER = (
    "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,"
    "valence,arousal\n"
)
IMAGES = "deep/Manually_Annotated_Images"
# 68 points of which five are known by hand: the eyes' rings lie around (40, 50) and (80, 52).
POINTS = [(10.0 + i, 90.0) for i in range(68)]
POINTS[36:42] = [(38, 50), (39, 49), (41, 49), (42, 50), (41, 51), (39, 51)]
POINTS[42:48] = [(78, 52), (79, 51), (81, 51), (82, 52), (81, 53), (79, 53)]
POINTS[30], POINTS[48], POINTS[54] = (60, 70), (45, 95), (75, 96)
FIVE = [40, 50, 80, 52, 60, 70, 45, 95, 75, 96]
FLAT = [float(number) for point in POINTS for number in point]
MARKS = ";".join(map(str, FLAT))
TRAINING = [("1/a.jpg", 0), ("1/b.JPG", 1), ("2/c d.png", 6), ("2/é.jpg", 7), ("3/n.jpg", 10)]
VALIDATION = [("1/v.jpg", 3), ("9/w.bmp", 4)]


def row(path, code, box="1,2,30,40", marks=MARKS):
    return f"{path},{box},{marks},{code},0.1,-0.2\n"


LISTS = {
    "training.csv": HEADER + "".join(row(*r) for r in TRAINING),
    "a/b/validation.csv": "".join(row(*r) for r in VALIDATION),  # some have no header
}
PLANTED = {f"{IMAGES}/{p}": n for n, (p, _) in enumerate([*TRAINING, *VALIDATION])}
WHOLE = LISTS | PLANTED


def both(files, tmp_path, classes=8):
    there = plant(tmp_path / "AffectNet", files)
    return labelled(affectnet, there, tmp_path / "raw", classes=classes)


def test_the_lists_with_eight_classes(tmp_path):
    table, remarks = both(WHOLE, tmp_path)
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
    counts = "4 of 287,651 train and 2 of 4,000 test images"
    assert remarks == [
        "rows of no class, left out: 1 not a face (10)",
        f"not the published numbers: {counts}; scores do not compare",
    ]
    assert affectnet.protocol(affectnet.Labels(classes=8), table) == (
        f"AffectNet-8, tested on validation, incomplete copy: {counts}"
    )


def test_seven_classes_have_no_contempt(tmp_path):
    table, remarks = both(WHOLE, tmp_path, classes=7)
    assert table["label"].to_list() == ["neutral", "happiness", "anger", "surprise", "fear"]
    assert table.schema["label"] == pl.Enum(AFFECTNET[:7])
    assert "rows of no class, left out: 1 contempt (7), 1 not a face (10)" in remarks
    assert not has(remarks, "without a label row")


def test_other_columns_and_images_labelled_by_machine_which_are_left_alone(tmp_path):
    text = ',expression,SUBDIRECTORY_FILEPATH,note\r\n0,6,"1\\a.jpg",x\r\n1,0,1/b.jpg,\r\n'
    machine = {"Automatically_Annotated_Images/1/a.jpg": 90, "automatic.csv": "x"}
    table, remarks = both({**WHOLE, **machine, "training.csv": text}, tmp_path)
    assert not has(remarks, "Automatically")
    assert table.filter(usage="training").select("name", "label", "landmarks", "box").rows() == [
        (f"{IMAGES}/1/a.jpg", "anger", None, None),
        (f"{IMAGES}/1/b.JPG", "neutral", None, None),
    ]


def test_a_face_without_landmarks_or_box_and_dropped_rows_with_nonsense(tmp_path):
    rows = [
        row("1/a.jpg", 0, marks="NULL"),
        row("1/b.jpg", 0, marks=""),
        row("2/c d.png", 0, box="-1,-1,-1,-1"),
        row("2/é.jpg", 0, box="5,5,0,0"),
        row("3/n.jpg", 8, box="NULL,NULL,NULL,NULL", marks="what"),
    ]
    table, _ = both({**WHOLE, "training.csv": "".join(rows)}, tmp_path)
    assert table["landmarks"].to_list()[:4] == [None, None, FIVE, FIVE]
    assert table["box"].to_list()[:4] == [[1, 2, 30, 40], [1, 2, 30, 40], None, None]


CODES = {"train_set/10": "0", "train_set/9": 7, "val_set/10": np.int64(1), "val_set/3": [2]}


def arrays(marks=FLAT):
    """The newer form, of CODES."""
    files = {}
    for seed, (name, code) in enumerate(CODES.items()):
        part, number = name.split("/")
        files[f"{part}/images/{number}.jpg"] = seed
        contents = {"exp": code, "val": "0.3", "aro": "0.3", "lnd": marks}
        for ending, content in contents.items():
            files[f"{part}/annotations/{number}_{ending}.npy"] = array(content)
    return files


@pytest.mark.parametrize("marks", [FLAT, POINTS, [*map(str, FLAT)], np.asfortranarray(POINTS)])
def test_the_newer_form_however_its_arrays_are_made(tmp_path, marks):
    files = arrays(marks)
    val = {path: files.pop(path) for path in [*files] if path.startswith("val_set")}
    zipped(tmp_path / "AffectNet/val_set.zip", val)
    one_down = {f"one down/{path}": file for path, file in files.items()}
    table, remarks = both(one_down, tmp_path)
    assert table["usage"].to_list() == ["training"] * 2 + ["validation"] * 2
    assert table["label"].to_list() == ["neutral", "contempt", "happiness", "sadness"]
    names = [name.rpartition("/")[2] for name in table["name"]]
    assert names == ["10.jpg", "9.jpg", "10.jpg", "3.jpg"]
    assert table["landmarks"].to_list() == [FIVE] * 4
    assert table["box"].null_count() == 4
    assert len(remarks) == 1


def test_arrays_without_image_images_without_array_and_without_landmarks(tmp_path):
    files = arrays()
    del files["train_set/images/9.jpg"]
    del files["val_set/annotations/3_exp.npy"]
    del files["val_set/annotations/10_lnd.npy"]
    table, remarks = both(files, tmp_path)
    assert table["name"].to_list() == ["train_set/images/10.jpg", None, "val_set/images/10.jpg"]
    assert table["landmarks"].to_list() == [FIVE, FIVE, None]
    assert has(remarks, "label rows without an image: 1 (first: train_set/annotations/9_exp.npy)")
    assert has(remarks, "images without a label row, left out: 1 (first: val_set/images/3.jpg)")


def training(*rows):
    """Lists of which training.csv has these rows."""
    return {**PLANTED, "validation.csv": HEADER, "lists/training.csv": "".join(rows)}


def exp(content):
    return {**arrays(), "train_set/annotations/10_exp.npy": content}


GOOD = row("1/a.jpg", 0)
LIST, EXP = "/lists/training.csv line", "/train_set/annotations/10_exp.npy: expected"
CODE, POINTS_68 = "an expression 0 to 10, found", "expected 68 landmarks x, y, x, y and so on,"
ASK = "request it at https://mohammadmahoor.com/pages/databases/affectnet/ and put it there"
UNLETTERED = array("3")[:-4] + b"\xff\xff\xff\x7f"  # numpy raises a SystemError
PICKLED = array(np.array([{}]), allow_pickle=True)


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (training(HEADER, GOOD, "1/b.jpg,1,2,3\n"), f"{LIST} 3: expected 9 columns, found 4"),
        (training(HEADER, GOOD, "\n", row("1/b.jpg", 11)), f"{LIST} 4: expected {CODE} '11'"),
        (training(GOOD, row("1/b.jpg", "1.0")), f"{LIST} 2: expected {CODE} '1.0'"),
        (training(row("", 1)), f"{LIST} 1: expected the path of an image in the first column"),
        (training(row("1/b", 1, "1,x,3,4")), f"{LIST} 1: expected a number as face_y, found 'x'"),
        (training(row("1/b", 1, "1,2,inf,4")), f"{LIST} 1: expected a number as face_width"),
        (training(row("1/b", 1, marks=MARKS + "x")), f"{LIST} 1: {POINTS_68} found 135 numbers"),
        (training(HEADER), f"; found lists without a row; {ASK}"),
        ({**PLANTED, "training.csv": HEADER}, ": expected training.csv and validation.csv, found"),
        (exp(array("happy")), f"{EXP} {CODE} happy"),
        (exp(array(1.5)), f"{EXP} {CODE} 1.5"),
        (exp(array(np.zeros(0))), f"{EXP} {CODE} nothing"),
        (exp(PICKLED), f"{EXP} a plain .npy of numbers, found Object arrays"),
        (exp(UNLETTERED), f"{EXP} a plain .npy of numbers, found invalid maximum character"),
        (exp(array(1)[:-1]), f"{EXP} a plain .npy of numbers, found EOF: reading array data"),
        (arrays(FLAT[:-1]), f"_lnd.npy: {POINTS_68} found 135 numbers"),
        (arrays([float("nan")] * 136), f"_lnd.npy: {POINTS_68} found 0 numbers"),
        (PLANTED, ": expected AffectNet there as training.csv, validation.csv and Manually"),
        (PLANTED, f"; found 7 images but neither training.csv nor *_exp.npy; {ASK}"),
        ({**LISTS, "Automatically_Annotated/a.jpg": 1}, "; found 1 images, none where they belong"),
    ],
)
def test_files_that_are_wrong_or_missing_are_named(tmp_path, files, found):
    there = plant(tmp_path / "there", files)
    line = refused(affectnet, there, tmp_path / "raw", classes=8)
    assert line.startswith(str(there))
    assert found in line
