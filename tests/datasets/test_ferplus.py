import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from clfer.datasets.expressions import FERPLUS
from clfer.datasets import fer2013
from clfer.datasets import ferplus
from clfer.datasets.ferplus_files import LAYOUT, TABLE
from clfer.errors import InputError
from clfer.progress import silent
from clfer.sources import http
from clfer.sources.obtain import Address
from clfer.sources.patience import Patience

HERE = Path()
COLUMNS = ("row", "name", "usage", "votes", "label", "target", "landmarks", "box")
ALL_FILES = sorted([TABLE.path, *(file.path for file in LAYOUT.values())])


def chosen(source, mode, classes=8):
    return ferplus.Labels(source=source, mode=mode, classes=classes)


def source(folder, url=None, fer2013=None):
    return ferplus.Source(folder=folder, url=url, fer2013=Address(url=fer2013, sha256=None))


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def put(path, origin):
    path.parent.mkdir(parents=True, exist_ok=True)
    return shutil.copyfile(origin, path)


@pytest.fixture(scope="session")
def published(real_fer2013, tmp_path_factory):
    """Microsoft's files at the paths at which Microsoft publishes them."""
    folder = tmp_path_factory.mktemp("microsoft")
    put(folder / TABLE.path, real_fer2013 / TABLE.path)
    for file in LAYOUT.values():
        put(folder / file.path, real_fer2013 / file.places[0])
    return folder


@pytest.fixture(scope="session")
def real_raw(real_npz, published, tmp_path_factory):
    """`fetch` of the real files, everything placed by hand."""
    placed, raw = (tmp_path_factory.mktemp(name) for name in ("placed", "raw"))
    put(placed / "pixels" / "fer2013.npz", real_npz)
    shutil.copytree(published, placed, dirs_exist_ok=True)
    lines = ferplus.fetch(source(placed), HERE, raw, silent)
    assert lines[0].endswith("35,887 rows (Training 28,709, PublicTest 3,589, PrivateTest 3,589)")
    assert len(lines) == 5
    return raw


@pytest.fixture(scope="session")
def real_labels(real_raw):
    return ferplus.label(real_raw, chosen("layout", "majority"))[0]


def test_fetch_leaves_the_raw_files_as_published(real_raw, real_npz, published):
    assert files(real_raw) == sorted([*ALL_FILES, "fer2013.npz"])
    for path in ALL_FILES:
        assert (real_raw / path).read_bytes() == (published / path).read_bytes()
    assert (real_raw / "fer2013.npz").stat().st_size == real_npz.stat().st_size


def test_fetch_downloads_what_is_not_placed(real_npz, published, server, tmp_path):
    address, served = server
    shutil.copytree(published, served, dirs_exist_ok=True)
    put(tmp_path / "placed" / "fer2013.npz", real_npz)
    lines = ferplus.fetch(source(tmp_path / "placed", address), HERE, tmp_path / "raw", silent)
    assert files(tmp_path / "raw") == sorted([*ALL_FILES, "fer2013.npz"])
    assert sum(address in line for line in lines) == 4


def test_fetch_of_wrong_bytes_leaves_no_half_file(real_npz, published, server, tmp_path):
    address, served = server
    shutil.copytree(published, served, dirs_exist_ok=True)
    (served / "data/FER2013Valid/label.csv").write_bytes(b"cut short")
    put(tmp_path / "placed" / "fer2013.npz", real_npz)
    expected = "FER2013Valid/label.csv: expected SHA-256 aad6298b.*, found .*put it at"
    with pytest.raises(InputError, match=expected):
        ferplus.fetch(source(tmp_path / "placed", address), HERE, tmp_path / "raw", silent)
    assert files(tmp_path / "raw") == ["data/FER2013Train/label.csv", "fer2013new.csv"]


def test_fetch_without_network_says_what_to_place(real_npz, dead_address, tmp_path, monkeypatch):
    monkeypatch.setattr(http, "PATIENCE", Patience(2, 5, 0.3, 0.01, 0.02))
    placed = put(tmp_path / "placed" / "fer2013.npz", real_npz).parent
    with pytest.raises(InputError) as told:
        ferplus.fetch(source(placed, dead_address), HERE, tmp_path / "raw", silent)
    assert str(told.value) == (
        f"fer2013new.csv: expected a download from {dead_address}/fer2013new.csv, found no "
        "connection (ConnectionError), and nothing better in 2 attempts; fetch it by hand and put "
        "it at "
        f"{placed / 'fer2013new.csv'}"
    )
    assert files(tmp_path / "raw") == []


@pytest.mark.parametrize(("make", "there"), [(True, "none of these"), (False, "no such folder")])
def test_fetch_without_fer2013_says_how_to_get_it(tmp_path, no_kaggle, make, there):
    placed = tmp_path / "placed"
    if make:
        placed.mkdir()
    with pytest.raises(InputError) as told:
        ferplus.fetch(source(placed), HERE, tmp_path / "raw", silent)
    assert str(told.value) == (
        f"{placed}: expected FER2013 there or one folder down as fer2013.csv, icml_face_data.csv, "
        f"fer2013.tar.gz, fer2013.npz or a .zip that holds one of the csv files, found {there}; "
        "no source.fer2013.url is given; at Kaggle: no credentials in KAGGLE_API_TOKEN, in "
        f"KAGGLE_USERNAME with KAGGLE_KEY, or in {tmp_path / 'kaggle' / 'kaggle.json'}; "
        "download it from https://www.kaggle.com/c/challenges-in-representation-learning-facial-"
        "expression-recognition-challenge (needs a Kaggle account) and put it there"
    )
    assert not (tmp_path / "raw").exists()


def test_fetch_downloads_fer2013_into_the_users_folder(real_npz, published, server, tmp_path):
    address, served = server
    shutil.copytree(published, served, dirs_exist_ok=True)
    put(served / "fer2013.npz", real_npz)
    placed = tmp_path / "placed"
    lines = ferplus.fetch(
        source(placed, address, f"{address}/fer2013.npz"), HERE, tmp_path / "raw", silent
    )
    assert lines[0].startswith(f"fer2013.npz: from {address}/fer2013.npz")
    labels = [TABLE.places[0], *(file.places[0] for file in LAYOUT.values())]
    assert files(placed) == sorted([*labels, "fer2013.npz"])
    assert files(tmp_path / "raw") == sorted([*ALL_FILES, "fer2013.npz"])
    shutil.rmtree(served)
    shutil.rmtree(tmp_path / "raw")  # as DVC does before the stage runs again
    lines = ferplus.fetch(source(placed, address), HERE, tmp_path / "raw", silent)
    assert not any(address in line for line in lines)
    assert files(tmp_path / "raw") == sorted([*ALL_FILES, "fer2013.npz"])


def test_another_fer2013_at_the_address_does_not_stay(server, tmp_path):
    address, served = server
    (served / "fer2013.csv").write_bytes(b"<html>sorry</html>")
    with pytest.raises(InputError, match=r"fer2013\.csv: expected the columns emotion"):
        ferplus.fetch(
            source(tmp_path / "placed", None, f"{address}/fer2013.csv"),
            HERE,
            tmp_path / "raw",
            silent,
        )
    assert files(tmp_path / "placed") == []


def test_an_address_that_is_no_form_of_fer2013_is_told(tmp_path, dead_address):
    with pytest.raises(InputError, match=r"source\.fer2013\.url: expected an address that ends in"):
        ferplus.fetch(
            source(tmp_path, None, f"{dead_address}/faces?id=3"), HERE, tmp_path / "raw", silent
        )


def write(path, pixels, emotion, usage):
    np.savez(path, pixels=pixels, emotion=emotion, usage=usage)


def test_fetch_refuses_another_number_of_rows(tmp_path):
    zeros = np.zeros((3, 48, 48), np.uint8)
    write(tmp_path / "fer2013.npz", zeros, np.zeros(3, int), np.array([0, 1, 2]))
    expected = (
        r"fer2013\.npz: expected 35,887 rows \(Training 28,709, PublicTest 3,589, PrivateTest "
        r"3,589\), found 3 rows \(Training 1, PublicTest 1, PrivateTest 1\); take the complete"
    )
    with pytest.raises(InputError, match=expected):
        ferplus.fetch(source(tmp_path), HERE, tmp_path / "raw", silent)


def test_fetch_refuses_rows_in_another_order(real_npz, tmp_path):
    arrays = dict(np.load(real_npz))
    order = np.arange(35_887)
    order[[0, 3]] = [3, 0]
    write(tmp_path / "fer2013.npz", *(arrays[k][order] for k in ("pixels", "emotion", "usage")))
    expected = r"fer2013\.npz: expected the rows in FER2013's published order .*, found another"
    with pytest.raises(InputError, match=expected):
        ferplus.fetch(source(tmp_path), HERE, tmp_path / "raw", silent)
    assert not (tmp_path / "raw").exists()


def test_fetch_refuses_a_second_fer2013_beside_the_first(real_npz, tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "fer2013.csv").touch()
    put(tmp_path / "placed" / "fer2013.npz", real_npz)
    with pytest.raises(InputError, match=r"fer2013\.csv: expected only fer2013\.npz .*; remove it"):
        ferplus.fetch(source(tmp_path / "placed"), HERE, raw, silent)


@pytest.mark.parametrize("labels", ferplus.COUNTS)
def test_the_published_counts_come_out(real_raw, labels):
    table, remarks = ferplus.label(real_raw, chosen(*labels))
    assert remarks == []
    assert table.columns == [*COLUMNS]
    assert table["row"].to_list() == list(range(35_887))
    for (usage, _), count in zip(ferplus.SPLITS.items(), ferplus.COUNTS[labels], strict=True):
        assert table.filter(usage=usage)["label"].count() == count
    targets = table["target"].drop_nulls().arr.sum()
    assert len(targets) == sum(ferplus.COUNTS[labels])
    assert np.allclose(targets, 1, atol=1e-6)
    assert (table["label"].is_null() == table["target"].is_null()).all()
    assert table["landmarks"].null_count() == 35_887
    assert table.schema["landmarks"] == pl.Array(pl.Float32, 10)


@pytest.mark.parametrize(("mode", "counts"), [("majority", (24_941, 3_186, 3_137))])
def test_seven_classes_drop_contempt(real_raw, mode, counts):
    """By fer2013new.csv: 119, 13 and 16 images fewer."""
    table, _ = ferplus.label(real_raw, chosen("table", mode, classes=7))
    assert table.schema["label"] == pl.Enum(FERPLUS[:7])
    for usage, count in zip(ferplus.SPLITS, counts, strict=True):
        assert table.filter(usage=usage)["label"].count() == count


def test_the_default_class_counts(real_labels):
    expected = {
        "Training": [8733, 7284, 3136, 3022, 2098, 116, 536, 120],
        "PublicTest": [1180, 862, 411, 348, 289, 25, 60, 16],
        "PrivateTest": [1083, 892, 394, 382, 269, 16, 86, 15],
    }
    for usage, counts in expected.items():
        labels = real_labels.filter(usage=usage)["label"]
        assert [(labels == name).sum() for name in FERPLUS] == counts


def test_a_name_on_two_rows_goes_to_the_first(real_labels):
    pairs = {
        "fer0006953.png": (5274, 6968),
        "fer0008403.png": (8423, 15835),
        "fer0011785.png": (5348, 11817),
        "fer0033120.png": (33200, 34334),
    }
    for name, rows in pairs.items():
        votes = real_labels.filter(name=name)
        assert tuple(votes["row"]) == rows
        assert votes["votes"].is_null().to_list() == [False, True]


def test_layout_votes_differ_from_the_table_in_1601_images(real_raw, real_labels):
    table = ferplus.label(real_raw, chosen("table", "majority"))[0]
    ours = real_labels["votes"]
    differ = (ours != table["votes"]) & ours.is_not_null()
    assert differ.sum() == 1_601


@pytest.mark.parametrize(
    ("labels", "file", "split"),
    [
        (chosen("layout", "majority"), LAYOUT["PublicTest"].path, "val"),
        (chosen("table", "argmax8"), TABLE.path, "train"),
    ],
)
def test_other_counts_name_the_file_and_the_split(real_raw, tmp_path, labels, file, split):
    for path in ALL_FILES:
        put(tmp_path / path, real_raw / path)
    lines = (tmp_path / file).read_text().splitlines()
    del lines[5]
    (tmp_path / file).write_text("\n".join(lines))
    counts = dict(
        zip(("train", "val", "test"), ferplus.COUNTS[labels.source, labels.mode], strict=True)
    )
    expected = (
        f"{tmp_path / file}: expected {counts[split]:,} images with a label in {split} (source "
        f"{labels.source}, mode {labels.mode}), found {counts[split] - 1:,}; fetch the file again"
    )
    with pytest.raises(InputError) as told:
        ferplus.label(tmp_path, labels)
    assert str(told.value) == expected


def test_images_come_in_row_order(real_raw, real_npz, real_labels):
    faces = fer2013.faces(real_npz)
    count = 0
    for expected, image in zip(faces, ferplus.pictures(real_raw, HERE)(real_labels), strict=True):
        assert np.array_equal(image, expected)
        count += 1
    assert count == 35_887


def test_protocols_are_told_apart():
    labels = [chosen(*which, classes) for which in ferplus.COUNTS for classes in (7, 8)]
    names = {ferplus.protocol(each, pl.DataFrame()) for each in labels}
    assert len(names) == len(labels)
    assert "FERPlus, Microsoft's label.csv per split, majority, 8 classes" in names
