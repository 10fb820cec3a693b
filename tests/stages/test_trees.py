"""Datasets that users place as folders, through the command line: what they are told."""

import zipfile

import numpy as np
import polars as pl
import pytest
from checkouts import done, edit, refused
from PIL import Image
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
        ("folder", "<class>/*;images.csv;params.yaml"),
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


OWN = "own images of 3 classes, tested on a part drawn from them (20 % by seed 0)"


@pytest.fixture
def own(checkout):
    """Forty small pictures in a folder for each class, of which two are copies of others, and
    which differ by where they are bright.
    """
    chance = np.random.default_rng(0)
    for place, name in enumerate(("sad", "happy", "bored")):
        for number in range(40):
            picture = chance.integers(0, 120, (50, 40, 3), dtype=np.uint8)
            picture[15 * place : 15 * place + 15] += 100
            path = checkout / f"data/external/folder/{name}/{number:02}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(path)
        for number in (3, 4):
            copy = path.with_name(f"{number:02} again.png")
            copy.write_bytes(path.with_name(f"{number:02}.png").read_bytes())
    return checkout


def test_a_stranger_puts_pictures_into_a_folder_for_each_class(own):
    done(own, "download", "folder")
    said = done(own, "relabel", "folder")
    assert OWN in said
    assert "no test images of their own" in said
    line = refused(own, "align", "folder")
    assert "found no connection" in line
    assert line.endswith("set datasets.folder.faces.detector to none")
    without_detector(own)
    assert "126 whole" in done(own, "align", "folder")
    done(own, "split", "folder")
    split = pl.read_parquet(own / "data/splits/folder.parquet")
    assert set(split.filter(split="test")["label"].value_counts()["count"]) <= {8, 9, 10}
    assert split["unique"].all()
    assert split.group_by("group").agg(pl.col("split").n_unique())["split"].to_list() == [1] * 120


def test_a_list_with_a_wrong_line_leaves_nothing(own):
    path = own / "data/external/folder/images.csv"
    path.write_text("path,label\nsad/00.png,sad\nhappy/99.png,happy\n")
    done(own, "download", "folder")
    line = refused(own, "relabel", "folder")
    assert "data/external/folder/images.csv line 3: expected the path of an image" in line
    assert not (own / "data/labels/folder.parquet").exists()


@pytest.mark.slow
def test_own_pictures_are_learned_and_their_test_part_is_named_beside_the_scores(own):
    without_detector(own)
    edit(own, ("  - demo\n", "  - folder\n"), ("  - ours\n", ""), ("  - 1\n  - 2\n", ""))
    edit(own, ("  recipe:\n", "  recipe: laptop\n"), ("  epochs:\n", "  epochs: 5\n"))
    for stage in ("download", "relabel", "align", "split"):
        done(own, stage, "folder")
    for stage in ("train", "evaluate"):
        done(own, stage, "folder", "baseline", "0")
    done(own, "significance")
    assert pl.read_json(own / "results/folder/baseline/0/scores.json")["accuracy"][0] > 0.6
    for page in ("metrics/summary.md", "results/folder/baseline/0/model_card.md"):
        assert OWN in (own / page).read_text()


def without_detector(folder):
    text = (folder / "params.yaml").read_text()
    head, rest = text.split("  folder:\n    source:", 1)
    rest = rest.replace("detector: yunet", "detector: none", 1)
    (folder / "params.yaml").write_text(f"{head}  folder:\n    source:{rest}")
