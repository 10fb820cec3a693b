"""The user's own images, as people put them into folders."""

import unicodedata
from collections import Counter
from functools import partial

import image_trees
import numpy as np
import pytest
from image_trees import has, noise, plant, zipped

from clfer.datasets import folder
from clfer.datasets import labels as columns

CHOSEN = folder.Labels(test=0.25, seed=7)
labelled = partial(image_trees.labelled, **CHOSEN.model_dump())
refused = partial(image_trees.refused, **CHOSEN.model_dump())
DRAWN = "own images of 2 classes, tested on a part drawn from them (25 % by seed 7)"
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
    assert folder.protocol(CHOSEN, table) == "own images of 2 classes"


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
            "found 'bird' only in train; add images of it to test or",
        ),
        (
            TREE | {"train/\x1b[31mred/x.png": 9},
            r"expected classes whose names can be printed, found '\x1b[31mred'; rename it",
        ),
        (TREE | {"val/dog/x.png": 9}, "found 'cat' only in train, test; add images of it to val"),
        ({"train/a/a.png": 1, "test/a/a.png": 1}, "found a single class (a); put them there, or"),
        ({"test/happy/a.png": 1, "b.png": 2}, "none of them in a class to train on (first: b.png)"),
        (
            {"happy/a.png": 1, "happy/b.png": 2},
            "none of them in a class to train on (first: happy/",
        ),
        ({"tests/cat/a.png": 1, "trains/cat/b.png": 2}, "none of them in a class to train on"),
        ({f"{i}/{n}.png": i + n for i in (0, 5) for n in range(i)}, "to train on"),
        (
            {f"{c}/{n}.png": n % 2 for c in "ab" for n in range(9)},
            "draw a test part of them; found 2",
        ),
    ],
)
def test_classes_and_splits_that_are_missing_are_named(tmp_path, files, found):
    there = plant(tmp_path / "there", files)
    error = refused(folder, there, tmp_path / "raw")
    assert error.startswith(f"{there}: expected ")
    assert found in error


@pytest.mark.parametrize("top", ["", "one/down/", "train/", "all.zip/"])
def test_a_test_part_is_drawn_by_class_and_no_copy_crosses(tmp_path, top):
    """Of 60 images, of which each third one has a copy in its class."""
    files = {}
    for name, count in (("cat", 40), ("dog", 20)):
        for place in range(count):
            seed = place + 100 * len(name) * (name == "dog")
            files[f"{name}/{place}.png"] = seed
            if place % 3 == 0:
                files[f"{name}/{place} again.png"] = seed
    there = tmp_path / "there"
    if top.endswith(".zip/"):
        zipped(there / top.strip("/"), {f"all/{path}": seed for path, seed in files.items()})
    else:
        plant(there, {f"{top}{path}": seed for path, seed in files.items()})
    table, remarks = labelled(folder, there, tmp_path / "raw")
    parts = {}
    for name, usage, label in table.select("name", "usage", "label").rows():
        assert name.split("/")[-2] == label
        parts.setdefault(files["/".join(name.split("/")[-2:])], set()).add((usage, label))
    assert len(table) == len(files)
    assert all(len(one) == 1 for one in parts.values())
    images = Counter(place for one in parts.values() for place in one)
    assert images == {
        ("train", "cat"): 30,
        ("drawn test", "cat"): 10,
        ("train", "dog"): 15,
        ("drawn test", "dog"): 5,
    }
    assert folder.protocol(CHOSEN, table) == DRAWN
    drawn = len(table.filter(usage="drawn test"))
    assert has(remarks, f"no test images of their own: {drawn} are drawn, 25 % by seed 7 of each")
    again, _ = labelled(folder, there, tmp_path / "raw")
    assert again.equals(table)
    other, _ = image_trees.labelled(folder, there, tmp_path / "raw", test=0.25, seed=8)
    assert not other.equals(table)


def test_val_stays_where_no_test_is_given(tmp_path):
    places = [(part, name, n) for part in ("train", "val") for name in "ab" for n in range(4)]
    files = {f"{part}/{name}/{n}.png": seed for seed, (part, name, n) in enumerate(places)}
    table, _ = both(files, tmp_path)
    assert dict(Counter(table["usage"])) == {"drawn test": 2, "train": 6, "val": 8}


LISTED = "\ufeffPath,label,Split\n"
PICTURES = {f"photos/{name}.png": seed for seed, name in enumerate("abcde")}


def test_a_list_says_which_label_and_split(tmp_path):
    rows = "photos/b.png,Joy,test\n\n./photos\\c.png,anger,TRAINING\n"
    rows += '"photos/a.png", joy ,train\nphotos/d.png,Anger,Test\n'
    for top in ("", "inner/"):
        files = {f"{top}{name}": seed for name, seed in PICTURES.items()}
        there = plant(tmp_path / f"list{top}", {**files, f"{top}images.csv": LISTED + rows})
        table, remarks = labelled(folder, there, tmp_path / f"raw{len(top)}")
        assert table.select("name", "usage", "label").rows() == [
            (f"{top}photos/a.png", "train", "joy"),
            (f"{top}photos/b.png", "test", "joy"),
            (f"{top}photos/c.png", "train", "anger"),
            (f"{top}photos/d.png", "test", "anger"),
        ]
        left_out = f"images that are not in images.csv, left out: 1 (first: {top}photos/e.png)"
        assert has(remarks, left_out)
        assert folder.protocol(CHOSEN, table) == "own images of 2 classes"


def test_a_list_in_quotes_names_files_without_regard_to_case_and_accents(tmp_path):
    """As R writes it, of a folder from a Mac, which divides accents from letters."""
    files = {"Joie/e\u0301t\u00e9.PNG": 0, "a.png": 1, "A.png": 2, "b.png": 3}
    places = ("joie/\u00e9te\u0301.png", "joy", "train"), ("a.png", "joy", "test")
    places += ("A.png", "anger", "train"), ("b.png", "anger", "test")
    rows = [('"path"', '"label"', '"split"'), *places]
    lines = "".join(f"{','.join(row)}\n" for row in rows)
    there = plant(tmp_path / "there", {**files, "images.csv": lines})
    table, _ = labelled(folder, there, tmp_path / "raw")
    expected = zip(files, ("joy", "joy", "anger", "anger"), strict=True)
    assert dict(table.select("name", "label").iter_rows()) == dict(expected)


def test_a_list_without_splits_lets_a_test_part_be_drawn_whatever_its_order(tmp_path):
    files = {f"{n}.png": n for n in range(16)}
    rows = [f"{n}.png,{'even' if n % 2 == 0 else 'odd'}\n" for n in range(16)]
    tables = []
    for name, order in (("one", rows), ("other", rows[::-1])):
        there = plant(tmp_path / name, {**files, "images.csv": "path,label\n" + "".join(order)})
        tables.append(labelled(folder, there, tmp_path / f"raw {name}")[0])
    assert tables[0].equals(tables[1])
    assert Counter(tables[0]["usage"]) == {"train": 12, "drawn test": 4}
    assert folder.protocol(CHOSEN, tables[0]) == DRAWN


@pytest.mark.parametrize(
    ("content", "line", "found"),
    [
        ("", 1, "expected the columns path,label or path,label,split, found ''"),
        ("file,label\n", 1, "found 'file,label'"),
        ("path;label\n", 1, "found 'path;label'"),
        ("path,label,age\n", 1, "found 'path,label,age'"),
        ("path,label\n\nphotos/a.png\n", 3, "expected 2 columns, found 1"),
        (
            "path,label\nphotos/z.png,joy\n",
            2,
            "an image, such as photos/a.png, found 'photos/z.png",
        ),
        ("path,label\n/etc/passwd,joy\n", 2, "found '/etc/passwd'"),
        ("path,label\n../../x.png,joy\n", 2, "found '../../x.png'"),
        ("path,label\nphotos/a.png,\n", 2, "expected a label, found none"),
        ("path,label\nphotos/a.png,x\nphotos/./a.png,y\n", 3, "found 'photos/./a.png' again"),
        ("path,label,split\nphotos/a.png,joy,dev\n", 2, "train, val or test as split, found 'dev'"),
        ("path,label,split\nphotos/a.png,joy,\n", 2, "train, val or test as split, found ''"),
        ("path,label\n", None, "found no images to train on"),
        ("path,label,split\nphotos/a.png,joy,test\n", None, "found no images to train on"),
        ("path,label\nphotos/a.png,joy\n", None, "found a single class (joy)"),
    ],
)
def test_a_list_that_is_wrong_is_named_with_its_line(tmp_path, content, line, found):
    there = plant(tmp_path / "there", {**PICTURES, "images.csv": content})
    error = refused(folder, there, tmp_path / "raw")
    assert error.startswith(f"{there / 'images.csv'} line {line}: " if line else f"{there}: ")
    assert found in error
