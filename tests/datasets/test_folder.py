"""The user's own images, as people put them into folders."""

import unicodedata

import numpy as np
import pytest
from image_trees import has, labelled, noise, plant, refused, zipped

from clfer.datasets import folder
from clfer.datasets import labels as columns

TREE = {
    "train/cat/a.png": 1,
    "train/cat/deep/er/b.JPG": 2,
    "train/dog/c.png": 3,
    "test/cat/d.png": 4,
    "test/dog/e.png": 5,
}


def both(files, tmp_path):
    return labelled(folder, plant(tmp_path / "my pictures ü", files), tmp_path / "raw")


def test_folders_are_classes_in_the_order_of_their_names(tmp_path):
    table, remarks = both(TREE, tmp_path)
    assert table.select("name", "usage", "label").rows() == [
        ("test/cat/d.png", "test", "cat"),
        ("test/dog/e.png", "test", "dog"),
        ("train/cat/a.png", "train", "cat"),
        ("train/cat/deep/er/b.JPG", "train", "cat"),
        ("train/dog/c.png", "train", "dog"),
    ]
    assert remarks == ["classes: cat, dog"]
    assert np.array_equal(folder.pictures(tmp_path / "raw", tmp_path)(table)[2], noise(1))
    assert folder.protocol(folder.Labels(), table) == "own images of 2 classes"


@pytest.mark.parametrize(
    "names",
    [("train", "test", "val"), ("TRAINING", "Testing", "Valid"), ("Train", "test", "validation")],
)
def test_splits_as_people_call_them(tmp_path, names):
    files = {f"one down/{split}/{name}/a.png": 1 for split in names for name in ("b", "a")}
    table, _ = both(files, tmp_path)
    assert len(table) == 6
    usage = dict(zip(names, ("train", "test", "val"), strict=True))
    for name, found in table.select("name", "usage").rows():
        assert found == usage[name.split("/")[1]]


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (("Wut", "Ekel", "Freude", "3_Trauer"), ("Freude", "3_Trauer", "Wut", "Ekel")),
        (("happy", "sad", "bored"), ("bored", "happy", "sad")),  # one is no expression
        (("happy", "joy", "anger"), ("anger", "happy", "joy")),  # two are the same one
    ],
)
def test_expressions_stand_in_the_usual_order_and_keep_their_names(tmp_path, names, order):
    files = {f"{split}/{name}/a.png": 1 for split in ("train", "test") for name in names}
    assert columns.classes(both(files, tmp_path)[0]) == order


def test_a_class_is_the_same_whatever_its_case_and_accents_are_made_of(tmp_path):
    files = {
        "train/Überraschung/a.png": 1,
        f"test/{unicodedata.normalize('NFD', 'überraschung')}/b.png": 2,
        "train/驚き/a.png": 3,
        "test/驚き/a.png": 3,
    }
    table, _ = both(files, tmp_path)
    assert columns.classes(table) == ("Überraschung", "驚き")
    assert sorted(table["label"]) == ["Überraschung", "Überraschung", "驚き", "驚き"]


def test_zips_of_everything_of_a_split_and_of_a_class(tmp_path):
    there = tmp_path / "there"
    zipped(there / "train.zip", {"train/cat/a.png": 1, "train/dog/b.png": 2})
    zipped(there / "test/Cat.zip", {"c.png": 3})
    zipped(there / "test/dog.zip", {"dog/d.png": 4})
    table, _ = labelled(folder, there, tmp_path / "raw")
    assert table.select("name", "usage", "label").rows() == [
        ("test/Cat.zip/c.png", "test", "cat"),
        ("test/dog.zip/dog/d.png", "test", "dog"),
        ("train.zip/train/cat/a.png", "train", "cat"),
        ("train.zip/train/dog/b.png", "train", "dog"),
    ]
    zipped(tmp_path / "one/all.zip", {f"all/{path}": seed for path, seed in TREE.items()})
    assert len(labelled(folder, tmp_path / "one", tmp_path / "other")[0]) == 5


def test_what_lies_elsewhere_is_counted(tmp_path):
    extra = {"train/loose.png": 1, "cover.png": 1, "train/cat/notes.txt": "x", "test/.x.png": 1}
    table, remarks = both(TREE | extra, tmp_path)
    assert len(table) == 5
    assert has(remarks, "images in no class of a split, left out: 2 (first: cover.png)")


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (
            TREE | {"train/bird/x.png": 9},
            "found 'bird' only in train; put images of it into test/b",
        ),
        (TREE | {"val/dog/x.png": 9}, "found 'cat' only in train, test; put images of it into val"),
        ({"train/a/a.png": 1, "test/a/a.png": 1}, "found a single class (a); put them there, or"),
        ({"happy/a.png": 1, "sad/b.png": 2}, "2 images, none of them in a class of train or of te"),
        ({"train/happy/a.png": 1}, "1 images, none of them in a class of test (first: train/happy"),
    ],
)
def test_classes_and_splits_that_are_missing_are_named(tmp_path, files, found):
    there = plant(tmp_path / "there", files)
    error = refused(folder, there, tmp_path / "raw")
    assert error.startswith(f"{there}: expected ")
    assert found in error
