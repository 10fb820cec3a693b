"""Datasets that users place as folders, through the command line: what they are told."""

import zipfile

import polars as pl
import pytest
from checkouts import done, edit, refused
from test_commands import checkout as checkout

IMAGE = b"no image, but a file of that name"
LISTS = {
    "raf_db": ("basic/EmoLabel/list_patition_label.txt", "train_00001.jpg 5\ntest_0001.jpg 9\n"),
    "affectnet": ("training.csv", "1/a.jpg,1,2,3,4,NULL,0,0,0\n1/b.jpg,1,2\n"),
}
IMAGES = {
    "raf_db": ("basic/Image/aligned/train_00001_aligned.jpg",),
    "affectnet": ("Manually_Annotated_Images/1/a.jpg",),
    "folder": ("train/cat/a.png", "test/cat/b.png", "train/dog/c.png"),
    "sfew": ("Train/Train_Aligned_Faces/Happy/a.png", "Val/Val_Aligned_Faces/Sad/a.png"),
}


def place(folder, path, content=IMAGE):
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content if isinstance(content, bytes) else content.encode())


def left(folder):
    """What a refused command leaves in data/, beside what the user put there."""
    data = folder / "data"
    return [path for path in data.rglob("*") if path.is_file() and "external" not in path.parts]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("raf_db", "list_patition_label.txt;whdeng.cn"),
        ("sfew", "Train/Train_Aligned_Faces/<Class>/*.png;anu.edu.au"),
        ("affectnet", "Manually_Annotated_Images;mohammadmahoor.com"),
        ("folder", "train/<class>/*;params.yaml"),
    ],
)
def test_a_dataset_that_nobody_placed(checkout, name, words):
    line = refused(checkout, "download", name)
    assert f"data/external/{name}: expected" in line
    assert "found no such folder" in line
    assert all(word in line for word in words.split(";"))
    place(checkout / f"data/external/{name}", "all.7z")
    assert "no image but all.7z: unpack it there" in refused(checkout, "download", name)
    assert not (checkout / "data/raw" / name).exists()
    assert left(checkout) == []


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("raf_db", "line 2: expected a label 1 to 7, found '9'"),
        ("affectnet", "line 2: expected 9 columns, found 3"),
    ],
)
def test_a_row_that_is_none(checkout, name, found):
    folder = checkout / f"data/external/{name}"
    path, content = LISTS[name]
    place(folder, path, content)
    place(folder, "validation.csv", "1/c.jpg,1,2,3,4,NULL,0,0,0\n")
    for image in IMAGES[name]:
        place(folder, image)
    done(checkout, "download", name)
    assert f"data/external/{name}/{path} {found}" in refused(checkout, "relabel", name)
    assert not (checkout / f"data/labels/{name}.parquet").exists()


def test_a_class_in_one_split_alone(checkout):
    for image in IMAGES["folder"]:
        place(checkout / "data/external/folder", image)
    assert "images: 3" in done(checkout, "download", "folder")
    assert "found 'dog' only in train" in refused(checkout, "relabel", "folder")
    place(checkout / "data/external/folder", "test/dog/d.png")
    done(checkout, "download", "folder")
    assert "own images of 2 classes" in done(checkout, "relabel", "folder")


def test_a_zip_that_leads_out_leaves_nothing_behind(checkout):
    folder = checkout / "data/external/sfew"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "SFEW.zip", "w") as archive:
        archive.writestr("../../evil.png", IMAGE)
    line = refused(checkout, "download", "sfew")
    assert "SFEW.zip: expected files within one folder, found the member '../../evil.png'" in line
    assert left(checkout) == []
    assert not (checkout / "data/evil.png").exists()


def test_images_stay_where_they_are_and_a_part_of_a_dataset_is_called_so(checkout):
    for image in IMAGES["sfew"]:
        place(checkout / "data/external/sfew", image)
    done(checkout, "download", "sfew")
    assert {path.name for path in left(checkout)} == {"files.parquet", "folder.txt"}
    part = "1 of 958 train and 1 of 436 test images"
    assert part in done(checkout, "relabel", "sfew")
    about = pl.read_parquet_metadata(checkout / "data/labels/sfew.parquet")
    assert about["protocol"] == f"SFEW 2.0, aligned faces, tested on Val: {part}"


def test_a_misspelt_choice(checkout):
    edit(checkout, ("images: aligned", "images: alligned"))
    place(checkout / "data/raw/raf_db", "files.parquet")
    line = refused(checkout, "relabel", "raf_db")
    assert "datasets.raf_db.labels.images: input should be 'aligned' or 'original'" in line
