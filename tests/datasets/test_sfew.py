"""SFEW 2.0 from trees of its folders, whole and broken."""

import numpy as np
from image_trees import has, labelled, noise, plant, refused, zipped

from clfer.datasets import sfew
from clfer.datasets.expressions import SFEW

CLASSES = ("Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")


def images(place, seed=0, ending="png"):
    return {f"{place}/{name}/Film {name}_01.{ending}": seed + n for n, name in enumerate(CLASSES)}


def whole():
    test = {"Test/Test_Aligned_Faces/a.png": 99}
    return images("Train/Train_Aligned_Faces") | images("Val/Val_Aligned_Faces", 50) | test


def both(files, tmp_path):
    return labelled(sfew, plant(tmp_path / "SFEW 2.0", files), tmp_path / "raw")


def test_the_official_tree(tmp_path):
    table, remarks = both(whole(), tmp_path)
    assert table["usage"].to_list() == ["Train"] * 7 + ["Val"] * 7
    assert tuple(table["label"]) == SFEW * 2
    assert table["name"][0] == "Train/Train_Aligned_Faces/Angry/Film Angry_01.png"
    found = sfew.pictures(tmp_path / "raw", tmp_path)(table)
    assert np.array_equal(found[6], noise(6))
    assert np.array_equal(found[7], noise(50))
    counts = "7 of 958 train and 7 of 436 test images"
    assert remarks == [f"not the published numbers: {counts}; scores do not compare"]
    protocol = sfew.protocol(sfew.Labels(), table)
    assert protocol == f"SFEW 2.0, aligned faces, tested on Val: {counts}"


def test_whole_frames_beside_aligned_faces_are_left_out(tmp_path):
    frames = images("Train/Train_Images", 20, "jpg") | images("Val/Val", 30, "PNG")
    table, remarks = both(whole() | frames, tmp_path)
    assert len(table) == 14
    assert all("Aligned" in name for name in table["name"])
    assert has(remarks, "Train: unaligned images, left out: 7 (first: Train/Train_Images/Angry/")
    assert has(remarks, "Val: unaligned images, left out: 7")


def test_whole_frames_alone_are_called_so_and_do_not_mix_with_faces(tmp_path):
    table, _ = both(images("Train") | images("Val", 30), tmp_path)
    assert len(table) == 14
    assert sfew.protocol(sfew.Labels(), table).startswith("SFEW 2.0, whole frames, tested on Val")
    there = plant(tmp_path / "SFEW 2.0", images("Train/Train_Aligned_Faces"))
    line = refused(sfew, there, tmp_path / "raw")
    assert "found only whole frames in Val (Val/" in line
    assert "put Val/Val_Aligned_Faces there" in line


def test_the_newer_faces_of_val_are_taken(tmp_path):
    table, remarks = both(whole() | images("Val/Val_Aligned_Faces_new", 70), tmp_path)
    found = sfew.pictures(tmp_path / "raw", tmp_path)(table)
    assert np.array_equal(found[7], noise(70))
    assert has(remarks, "Val: faces not in _new, left out: 7")


def test_the_zips_that_are_handed_out(tmp_path):
    there = tmp_path / "SFEW 2.0"
    zipped(there / "Train_Aligned_Faces.zip", images("Train_Aligned_Faces"))
    zipped(there / "Train/Val_Aligned_Faces_new.zip", images("Val_Aligned_Faces", 50))
    zipped(there / "Test_Aligned_Faces.zip", {"Test_Aligned_Faces/a.png": 1})
    table, remarks = both({}, tmp_path)
    assert table["usage"].to_list() == ["Val"] * 7 + ["Train"] * 7  # the innermost folder counts
    assert np.array_equal(sfew.pictures(tmp_path / "raw", tmp_path)(table)[6], noise(56))
    assert len(remarks) == 1


def test_other_folders_other_languages_and_a_class_without_an_image(tmp_path):
    files = {path.replace("Angry", "wütend"): content for path, content in whole().items()}
    files = {path: content for path, content in files.items() if "Fear" not in path}
    files["Train/Train_Aligned_Faces/Unsure/a.png"] = 1
    files["Train/Train_Aligned_Faces/Contempt/a.png"] = 1
    files["cover.jpg"] = 1
    table, remarks = both(files, tmp_path)
    assert set(table["label"]) == {*SFEW} - {"fear"}
    assert has(remarks, "images in no folder of an expression, left out: 3")
    assert has(remarks, "classes without an image: 1 (first: fear)")


def test_what_is_missing_is_named_with_where_to_get_it(tmp_path):
    there, raw = plant(tmp_path / "there", {"a/b.png": 1}), tmp_path / "raw"
    line = refused(sfew, there, raw)
    assert line.startswith(f"{there}: expected SFEW 2.0 there as Train/Train_Aligned")
    assert "found 1 images (first: a/b.png), none of them in Train in a folder named like" in line
    assert "; request it at https://users.cecs.anu.edu.au/~few_group/AFEW.html" in line
    plant(there, images("Train/Train_Aligned_Faces"))
    assert "none of them in Val in a folder named like an expression" in refused(sfew, there, raw)
