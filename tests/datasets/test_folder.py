"""The user's own images, as people put them into folders."""

import unicodedata

import numpy as np
import pytest
from image_trees import fetched, has, labelled, noise, plant, zipped

from clfer.datasets import folder
from clfer.datasets import labels as columns
from clfer.errors import InputError

TREE = {
    "train/cat/a.png": 1,
    "train/cat/deep/er/b.JPG": 2,
    "train/dog/c.png": 3,
    "test/cat/d.png": 4,
    "test/dog/e.png": 5,
}


@pytest.fixture
def there(tmp_path):
    return tmp_path / "my pictures ü"


def both(there, tmp_path):
    return labelled(folder, there, tmp_path / "raw")


def test_folders_are_classes_in_the_order_of_their_names(there, tmp_path):
    table, remarks = both(plant(there, TREE), tmp_path)
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


@pytest.mark.parametrize("train", ["train", "Train", "training", "TRAINING"])
@pytest.mark.parametrize("test", ["test", "Testing"])
@pytest.mark.parametrize("val", ["val", "Valid", "validation"])
def test_splits_as_people_call_them(there, tmp_path, train, test, val):
    files = {
        f"{split}/{name}/{split}.png": n
        for n, split in enumerate((train, test, val))
        for name in ("b", "a")
    }
    table, _ = both(plant(there, {f"one down/{k}": v for k, v in files.items()}), tmp_path)
    usage = {train: "train", test: "test", val: "val"}
    assert len(table) == 6
    for name, found in table.select("name", "usage").rows():
        assert found == usage[name.split("/")[1]]


def test_classes_that_are_expressions_stand_in_the_usual_order_and_keep_their_names(
    there, tmp_path
):
    names = ["Wut", "Ekel", "Freude", "Neutral", "3_Trauer"]
    files = {f"{split}/{name}/a.png": 1 for split in ("train", "test") for name in names}
    table, _ = both(plant(there, files), tmp_path)
    assert columns.classes(table) == ("Neutral", "Freude", "3_Trauer", "Wut", "Ekel")


@pytest.mark.parametrize("names", [("happy", "sad", "bored"), ("happy", "joy", "sad")])
def test_classes_of_which_one_is_none_or_two_are_the_same_stand_by_name(there, tmp_path, names):
    files = {f"{split}/{name}/a.png": 1 for split in ("train", "test") for name in names}
    table, _ = both(plant(there, files), tmp_path)
    assert columns.classes(table) == tuple(sorted(names))


def test_a_class_is_the_same_whatever_its_case_and_accents_are_made_of(there, tmp_path):
    files = {
        "train/Überraschung/a.png": 1,
        f"test/{unicodedata.normalize('NFD', 'überraschung')}/b.png": 2,
        "train/驚き/a.png": 3,
        "test/驚き/a.png": 3,
    }
    table, _ = both(plant(there, files), tmp_path)
    assert columns.classes(table) == ("Überraschung", "驚き")
    assert sorted(table["label"]) == ["Überraschung", "Überraschung", "驚き", "驚き"]


def test_zips_of_everything_of_a_split_and_of_a_class(there, tmp_path):
    zipped(there / "train.zip", {"train/cat/a.png": 1, "train/dog/b.png": 2})
    zipped(there / "test/Cat.zip", {"c.png": 3})
    zipped(there / "test/dog.zip", {"dog/d.png": 4})
    table, _ = both(there, tmp_path)
    assert table.select("name", "usage", "label").rows() == [
        ("test/Cat.zip/c.png", "test", "cat"),
        ("test/dog.zip/dog/d.png", "test", "dog"),
        ("train.zip/train/cat/a.png", "train", "cat"),
        ("train.zip/train/dog/b.png", "train", "dog"),
    ]
    (tmp_path / "other").mkdir()
    zipped(tmp_path / "one/all.zip", {f"all/{path}": seed for path, seed in TREE.items()})
    assert len(labelled(folder, tmp_path / "one", tmp_path / "other")[0]) == 5


def test_what_lies_elsewhere_is_counted(there, tmp_path):
    extra = {"train/loose.png": 1, "cover.png": 1, "train/cat/notes.txt": "x", "test/.x.png": 1}
    table, remarks = both(plant(there, {**TREE, **extra}), tmp_path)
    assert len(table) == 5
    assert has(remarks, "images in no class of a split, left out: 2 (first: cover.png)")


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("train/bird/x.png", "found 'bird' only in train; put images of it into test/bird"),
        ("test/Bird/x.png", "found 'Bird' only in test; put images of it into train/Bird"),
        ("val/dog/x.png", "found 'cat' only in train, test; put images of it into val/cat"),
    ],
)
def test_a_class_that_is_not_in_every_split_is_named(there, tmp_path, path, found):
    fetched(folder, plant(there, {**TREE, path: 9}), tmp_path / "raw")
    with pytest.raises(InputError) as told:
        folder.label(tmp_path / "raw", folder.Labels())
    assert found in str(told.value)
    assert str(there) in str(told.value)


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"happy/a.png": 1, "sad/b.png": 2}, "2 images, none of them in a class of train or of te"),
        ({"train/happy/a.png": 1}, "1 images, none of them in a class of test (first: train/happy"),
        ({"train/a.png": 1, "test/b.png": 2}, "none of them in a class of train or of test"),
        ({}, "an empty folder"),
    ],
)
def test_what_is_missing_is_said(there, tmp_path, files, found):
    there.mkdir()
    with pytest.raises(InputError) as told:
        fetched(folder, plant(there, files), tmp_path / "raw")
    assert found in str(told.value)
    assert "expected your images there as train/<class>/* and test/<class>/*" in str(told.value)
    assert "put them there, or name another folder in params.yaml" in str(told.value)


def test_a_single_class_is_none(there, tmp_path):
    fetched(folder, plant(there, {"train/a/a.png": 1, "test/a/a.png": 1}), tmp_path / "raw")
    with pytest.raises(InputError, match=r"found a single class \(a\)"):
        folder.label(tmp_path / "raw", folder.Labels())
