"""Datasets that are downloaded, or that users place as folders, through the command line."""

import hashlib
import os
import shutil

import numpy as np
import polars as pl
import pytest
from checkouts import done, edit, refused
from PIL import Image
from serving import file, serving, status
from test_commands import checkout as checkout

NAMES = ("train_00001", "train_00002", "test_0001")
LIST = "train_00001.jpg 5\ntrain_00002.jpg 4\ntest_0001.jpg 6\n"


@pytest.fixture
def site():
    with serving() as site:
        yield site


def packed(folder, kind):
    """A RAF-DB of three images of noise, as an archive."""
    (folder / "tree/basic/EmoLabel").mkdir(parents=True)
    (folder / "tree/basic/Image/aligned").mkdir(parents=True)
    (folder / "tree/basic/EmoLabel/list_patition_label.txt").write_text(LIST)
    for name in NAMES:
        noise = np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)
        Image.fromarray(noise).save(folder / f"tree/basic/Image/aligned/{name}_aligned.jpg")
    archive = shutil.make_archive(folder / "archive", kind, folder / "tree")
    with open(archive, "rb") as packed:
        return packed.read()


def aim(checkout, url, sha256):
    """Name the archive in the params of raf_db."""
    at = "folder: data/external/raf_db, "
    edit(checkout, (f"{at}url: null, sha256: null", f'{at}url: "{url}", sha256: {sha256}'))


def left(checkout):
    """What lies in data/, by its path."""
    data = checkout / "data"
    return sorted(str(p.relative_to(data)) for p in data.rglob("*") if p.is_file())


@pytest.mark.parametrize(("name", "kind"), [("RAF-DB.zip", "zip"), ("RAF-DB.tar.gz", "gztar")])
def test_an_archive_is_downloaded_extracted_and_read(checkout, site, name, kind, tmp_path_factory):
    content = packed(tmp_path_factory.mktemp("packed"), kind)
    url = site.put(f"/{name}", status(404))
    aim(checkout, url, hashlib.sha256(content).hexdigest())
    assert refused(checkout, "download", "raf_db") == (
        f"error: {name}: expected a download from {url}, found HTTP 404; fetch it by hand and put "
        f"it at data/external/raf_db/{name}"
    )
    assert left(checkout) == []

    site.put(f"/{name}", file(content, upto=len(content) // 2), file(content))
    printed = done(checkout, "download", "raf_db").splitlines()
    assert printed[1] == f"  {name}: from {url}, SHA-256 as given"
    assert any(line.startswith("  images: 3, ") for line in printed)

    site.put(f"/{name}", status(404))
    done(checkout, "download", "raf_db")  # what was downloaded stays
    assert len(list((checkout / f"data/raw/raf_db/unpacked/{name}").rglob("*.jpg"))) == 3
    done(checkout, "relabel", "raf_db")
    table = pl.read_parquet(checkout / "data/labels/raf_db.parquet")
    assert set(table.select("usage", "label").iter_rows()) == {
        ("train", "sadness"),
        ("train", "happiness"),
        ("test", "anger"),
    }


def test_other_bytes_than_given_leave_nothing(checkout, site):
    url = site.put("/RAF-DB.zip", file(b"other bytes"))
    aim(checkout, url, "f" * 64)
    line = refused(checkout, "download", "raf_db")
    found = hashlib.sha256(b"other bytes").hexdigest()
    assert f"{url}: expected SHA-256 {'f' * 64}, found {found}; fetch it by hand" in line
    assert left(checkout) == []
    edit(checkout, ("f" * 64, "f" * 32))
    assert "datasets.raf_db.source.sha256" in refused(checkout, "download", "raf_db")


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
    assert left(checkout) == []
    assert not (checkout / "data/raw" / name).exists()


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
    brought = sorted(os.listdir(own / "data/raw/folder"))
    assert brought == ["files.parquet", "folder.txt"]  # and no image
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
