"""SFEW 2.0 from trees of its folders, whole and broken."""

import numpy as np
import pytest
from image_trees import fetched, has, labelled, noise, plant, zipped

from clfer.datasets import sfew
from clfer.datasets.expressions import SFEW
from clfer.errors import InputError

CLASSES = ("Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")


def images(place, seed=0, ending="png"):
    return {f"{place}/{name}/Film {name}_01.{ending}": seed + n for n, name in enumerate(CLASSES)}


def whole(val="Val_Aligned_Faces"):
    return {
        **images("Train/Train_Aligned_Faces"),
        **images(f"Val/{val}", 50),
        "Test/Test_Aligned_Faces/a.png": 99,
    }


@pytest.fixture
def there(tmp_path):
    return tmp_path / "SFEW 2.0"


def both(there, tmp_path):
    return labelled(sfew, there, tmp_path / "raw")


@pytest.mark.parametrize(
    "val", ["Val_Aligned_Faces", "Val_Aligned_Faces_new", "Val_Aligned_Faces_new/Val_Aligned_Faces"]
)
def test_the_official_tree(there, tmp_path, val):
    table, remarks = both(plant(there, whole(val)), tmp_path)
    assert table["usage"].to_list() == ["Train"] * 7 + ["Val"] * 7
    assert tuple(table["label"]) == SFEW * 2
    assert table["name"][0] == "Train/Train_Aligned_Faces/Angry/Film Angry_01.png"
    found = sfew.pictures(tmp_path / "raw", tmp_path)(table)
    assert np.array_equal(found[6], noise(6))
    assert np.array_equal(found[7], noise(50))
    assert remarks == [
        "not the published numbers: 7 of 958 train and 7 of 436 test images; scores do not compare"
    ]
    assert sfew.protocol(sfew.Labels(), table) == (
        "SFEW 2.0, aligned faces, tested on Val: 7 of 958 train and 7 of 436 test images"
    )


def test_whole_frames_beside_aligned_faces_are_left_out(there, tmp_path):
    files = {**whole(), **images("Train/Train_Images", 20, "jpg"), **images("Val/Val", 30, "PNG")}
    table, remarks = both(plant(there, files), tmp_path)
    assert len(table) == 14
    assert all("Aligned" in name for name in table["name"])
    assert has(remarks, "Train: unaligned images, left out: 7 (first: Train/Train_Images/Angry/")
    assert has(remarks, "Val: unaligned images, left out: 7")


def test_whole_frames_alone_are_called_so(there, tmp_path):
    files = {**images("Train"), **images("Val", 30)}
    table, _ = both(plant(there, files), tmp_path)
    assert len(table) == 14
    assert sfew.protocol(sfew.Labels(), table).startswith("SFEW 2.0, whole frames, tested on Val")


def test_faces_here_and_frames_there_do_not_mix(there, tmp_path):
    fetched(
        sfew, plant(there, {**images("Train/Train_Aligned_Faces"), **images("Val")}), tmp_path / "r"
    )
    with pytest.raises(InputError, match=r"only whole frames in Val .*put Val/Val_Aligned_Faces"):
        sfew.label(tmp_path / "r", sfew.Labels())


def test_the_newer_faces_of_val_are_taken(there, tmp_path):
    files = {**whole(), **images("Val/Val_Aligned_Faces_new", 70)}
    table, remarks = both(plant(there, files), tmp_path)
    found = sfew.pictures(tmp_path / "raw", tmp_path)(table)
    assert np.array_equal(found[7], noise(70))
    assert has(remarks, "Val: faces not in _new, left out: 7")


def test_the_zips_that_are_handed_out(there, tmp_path):
    zipped(there / "Train_Aligned_Faces.zip", images("Train_Aligned_Faces"))
    zipped(there / "Val_Aligned_Faces_new.zip", images("Val_Aligned_Faces", 50))
    zipped(there / "Test_Aligned_Faces.zip", {"Test_Aligned_Faces/a.png": 1})
    table, remarks = both(there, tmp_path)
    assert table["usage"].to_list() == ["Train"] * 7 + ["Val"] * 7
    assert np.array_equal(sfew.pictures(tmp_path / "raw", tmp_path)(table)[13], noise(56))
    assert len(remarks) == 1


def test_other_folders_and_other_languages(there, tmp_path):
    files = {path.replace("Angry", "wütend"): content for path, content in whole().items()}
    files["Train/Train_Aligned_Faces/Unsure/a.png"] = 1
    files["Train/Train_Aligned_Faces/Contempt/a.png"] = 1
    files["cover.jpg"] = 1
    table, remarks = both(plant(there, files), tmp_path)
    assert set(table["label"]) == set(SFEW)
    assert has(remarks, "images in no folder of an expression, left out: 3")


def test_a_class_without_an_image_is_said(there, tmp_path):
    files = {path: content for path, content in whole().items() if "Fear" not in path}
    _, remarks = both(plant(there, files), tmp_path)
    assert has(remarks, "classes without an image: 1 (first: fear)")


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"a/b.png": 1}, "1 images (first: a/b.png), none of them in Train"),
        (images("Train/Train_Aligned_Faces"), "none of them in Val in a folder named like an exp"),
        ({"SFEW.7z": "x"}, "no image but SFEW.7z: unpack it there"),
        ({}, "an empty folder"),
    ],
)
def test_what_is_missing_is_said_with_where_to_get_it(there, tmp_path, files, found):
    there.mkdir()
    with pytest.raises(InputError) as told:
        fetched(sfew, plant(there, files), tmp_path / "raw")
    assert str(told.value).startswith(f"{there}: expected SFEW 2.0 there as Train/Train_Aligned")
    assert found in str(told.value)
    assert "request it at https://users.cecs.anu.edu.au/~few_group/AFEW.html" in str(told.value)
