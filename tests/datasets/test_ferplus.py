import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from clfer.datasets import fer2013, ferplus
from clfer.datasets.expressions import FERPLUS
from clfer.datasets.ferplus import LAYOUT, TABLE
from clfer.download import Address
from clfer.errors import InputError
from clfer.progress import silent

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
    rows = "35,887 rows (Training 28,709, PublicTest 3,589, PrivateTest 3,589)"
    assert lines[0] == f"FER2013: from {placed / 'pixels' / 'fer2013.npz'}, {rows}"
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


def test_fetch_of_wrong_bytes_leaves_no_half_file(real_npz, published, server, tmp_path):
    address, served = server
    shutil.copytree(published, served, dirs_exist_ok=True)
    (served / "data/FER2013Valid/label.csv").write_bytes(b"cut short")
    put(tmp_path / "placed" / "fer2013.npz", real_npz)
    expected = "FER2013Valid/label.csv: expected SHA-256 aad6298b.*, found .*put it at"
    with pytest.raises(InputError, match=expected):
        ferplus.fetch(source(tmp_path / "placed", address), HERE, tmp_path / "raw", silent)
    assert files(tmp_path) == [
        *("placed/fer2013.npz", "placed/fer2013new.csv", "placed/ferplus-label/FER2013Train.csv"),
        *sorted(f"served/{path}" for path in ALL_FILES),
    ]


def test_a_wrong_label_file_in_its_place_is_an_error(real_npz, published, dead_address, tmp_path):
    placed = put(tmp_path / "placed" / "fer2013.npz", real_npz).parent
    shutil.copytree(published, placed, dirs_exist_ok=True)
    (placed / "FER2013Test").mkdir()
    (placed / "FER2013Test/label.csv").write_bytes(b"cut short")  # before data/FER2013Test
    with pytest.raises(InputError) as told:
        ferplus.fetch(source(placed, dead_address), HERE, tmp_path / "raw", silent)
    line = str(told.value)
    assert line.startswith(f"{placed}/FER2013Test/label.csv: expected SHA-256 425142295cc2")
    assert line.endswith(f"downloaded, or take it from {dead_address}/data/FER2013Test/label.csv")


FORMS = (
    "fer2013.csv, icml_face_data.csv, fer2013.tar.gz, fer2013.npz or a .zip that holds one of the "
    "csv files"
)
PAGE = (
    "https://www.kaggle.com/c/challenges-in-representation-learning-facial-expression-recognition-"
    "challenge"
)


def test_all_that_is_missing_is_said_in_one_line(tmp_path, dead_address, no_kaggle):
    placed = tmp_path / "placed"
    with pytest.raises(InputError) as told:
        ferplus.fetch(source(placed, dead_address), HERE, tmp_path / "raw", silent)
    labels = [
        f"no {place} (from {dead_address}/{path}); "
        for place, path in (
            ("fer2013new.csv", "fer2013new.csv"),
            ("ferplus-label/FER2013Train.csv", "data/FER2013Train/label.csv"),
            ("ferplus-label/FER2013Valid.csv", "data/FER2013Valid/label.csv"),
            ("ferplus-label/FER2013Test.csv", "data/FER2013Test/label.csv"),
        )
    ]
    assert str(told.value) == (
        f"{placed}: expected FER2013 and FER+'s label files there, found no FER2013 there or one "
        f"folder down as {FORMS} (at Kaggle: no credentials in KAGGLE_API_TOKEN, in KAGGLE_USERNAME"
        f" with KAGGLE_KEY, or in {tmp_path / 'kaggle' / 'kaggle.json'}): download it from {PAGE} "
        f"(needs a Kaggle account); {''.join(labels)}their download: not tried without "
        "FER2013; put what is missing there"
    )
    assert files(tmp_path) == []


def test_only_what_is_missing_is_said(real_npz, published, dead_address, tmp_path):
    placed = put(tmp_path / "placed" / "fer2013.npz", real_npz).parent
    put(placed / "fer2013new.csv", published / "fer2013new.csv")
    with pytest.raises(InputError, match="found no ferplus-label/FER2013Train") as told:
        ferplus.fetch(source(placed, dead_address), HERE, tmp_path / "raw", silent)
    assert str(told.value).count("; no ferplus-label/FER2013") == 2
    assert "; their download: no connection (ConnectionError); put" in str(told.value)
    assert "Kaggle" not in str(told.value)
    assert files(tmp_path / "raw") == []


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


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fer2013.tar.gz", "archive.zip"])
def test_fer2013_in_an_archive_is_extracted(real_fer2013, published, tmp_path, name):
    placed = shutil.copytree(published, tmp_path / "placed")
    csv = tmp_path / "fer2013.csv"
    subprocess.run([sys.executable, real_fer2013 / "unpack.py", csv], check=True)
    if name.endswith("zip"):
        with zipfile.ZipFile(placed / name, "w") as archive:
            archive.write(csv, "fer2013/fer2013.csv")
    else:
        with tarfile.open(placed / name, "w:gz", compresslevel=1) as archive:
            archive.add(csv, "fer2013/fer2013.csv")
    lines = ferplus.fetch(source(placed), HERE, tmp_path / "raw", silent)
    assert lines[0].startswith(f"FER2013: from {placed / name}, 35,887 rows")
    assert files(tmp_path / "raw") == sorted([*ALL_FILES, "fer2013.csv"])
    assert (tmp_path / "raw/fer2013.csv").stat().st_size == csv.stat().st_size


@pytest.mark.parametrize("name", ["fer2013.csv", "fer2013.tar.gz"])
def test_another_fer2013_at_the_address_does_not_stay(published, server, tmp_path, name):
    address, served = server
    placed = shutil.copytree(published, tmp_path / "placed")
    (served / name).write_bytes(b"<html>sorry</html>")
    with pytest.raises(InputError, match=rf"placed/{name}: expected (the columns|a complete)"):
        ferplus.fetch(source(placed, None, f"{address}/{name}"), HERE, tmp_path / "raw", silent)
    assert files(placed) == ALL_FILES
    assert files(tmp_path / "raw") == []


def test_an_address_that_is_no_form_of_fer2013_is_told(tmp_path, dead_address):
    with pytest.raises(InputError, match=r"source\.fer2013\.url: expected an address that ends in"):
        ferplus.fetch(
            source(tmp_path, None, f"{dead_address}/faces?id=3"), HERE, tmp_path / "raw", silent
        )


def write(path, pixels, emotion, usage):
    np.savez(path, pixels=pixels, emotion=emotion, usage=usage)


def test_fetch_refuses_another_number_of_rows(published, tmp_path):
    placed = shutil.copytree(published, tmp_path / "placed")
    zeros = np.zeros((3, 48, 48), np.uint8)
    write(placed / "fer2013.npz", zeros, np.zeros(3, int), np.array([0, 1, 2]))
    expected = (
        r"fer2013\.npz: expected 35,887 rows \(Training 28,709, PublicTest 3,589, PrivateTest "
        r"3,589\), found 3 rows \(Training 1, PublicTest 1, PrivateTest 1\); take the complete"
    )
    with pytest.raises(InputError, match=expected):
        ferplus.fetch(source(placed), HERE, tmp_path / "raw", silent)


def test_fetch_refuses_rows_in_another_order(published, real_npz, tmp_path):
    placed = shutil.copytree(published, tmp_path / "placed")
    arrays = dict(np.load(real_npz))
    order = np.arange(35_887)
    order[[0, 3]] = [3, 0]
    write(placed / "fer2013.npz", *(arrays[k][order] for k in ("pixels", "emotion", "usage")))
    expected = r"fer2013\.npz: expected the rows in FER2013's published order .*, found another"
    with pytest.raises(InputError, match=expected):
        ferplus.fetch(source(placed), HERE, tmp_path / "raw", silent)
    assert files(tmp_path / "raw") == []


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
