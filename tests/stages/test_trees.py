"""Datasets that users place as folders, through the command line: what they are told."""

import zipfile

import polars as pl
import pytest
from checkouts import done, refused
from test_commands import checkout as checkout

IMAGE = b"no image, but a file of that name"
LIST = "basic/EmoLabel/list_patition_label.txt"
SFEW = ("Train/Train_Aligned_Faces/Happy/a.png", "Val/Val_Aligned_Faces/Sad/a.png")


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


def test_a_row_that_is_none(checkout):
    folder = checkout / "data/external/raf_db"
    place(folder, LIST, "train_00001.jpg 5\ntest_0001.jpg 9\n")
    place(folder, "basic/Image/aligned/train_00001_aligned.jpg")
    done(checkout, "download", "raf_db")
    line = refused(checkout, "relabel", "raf_db")
    assert f"data/external/raf_db/{LIST} line 2: expected a label 1 to 7, found '9'" in line
    assert not (checkout / "data/labels/raf_db.parquet").exists()


def test_a_zip_that_leads_out_leaves_nothing_behind(checkout):
    folder = checkout / "data/external/sfew"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "SFEW.zip", "w") as archive:
        archive.writestr("../../evil.png", IMAGE)
    line = refused(checkout, "download", "sfew")
    assert (
        "SFEW.zip: expected plain files within one folder, found the member '../../evil.png'"
        in line
    )
    assert left(checkout) == []
    assert not (checkout / "data/evil.png").exists()


def test_images_stay_where_they_are_and_a_part_of_a_dataset_is_called_so(checkout):
    for image in SFEW:
        place(checkout / "data/external/sfew", image)
    done(checkout, "download", "sfew")
    assert {path.name for path in left(checkout)} == {"files.parquet", "folder.txt"}
    part = "1 of 958 train and 1 of 436 test images"
    assert part in done(checkout, "relabel", "sfew")
    about = pl.read_parquet_metadata(checkout / "data/labels/sfew.parquet")
    assert about["protocol"] == f"SFEW 2.0, aligned faces, tested on Val: {part}"
