import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from image_trees import COLUMNS

from clfer.datasets import fer2013, ferplus
from clfer.datasets.expressions import FERPLUS
from clfer.datasets.ferplus import COUNTS, LAYOUT, SPLITS, TABLE
from clfer.download import Address
from clfer.errors import InputError
from clfer.progress import silent

ALL_FILES = sorted([TABLE.path, *(file.path for file in LAYOUT.values())])
PLACES = [TABLE.places[0], *(file.places[0] for file in LAYOUT.values())]


def chosen(source, mode, classes=8):
    return ferplus.Labels(source=source, mode=mode, classes=classes)


def fetched(folder, url=None, faces=None):
    """`fetch` from a folder into `raw` beside it."""
    source = ferplus.Source(folder=folder, url=url, fer2013=Address(url=faces, sha256=None))
    return ferplus.fetch(source, Path(), folder.parent / "raw", silent)


def refused(folder, url=None, faces=None):
    with pytest.raises(InputError) as error:
        fetched(folder, url, faces)
    assert files(folder.parent / "raw") == []
    return str(error.value)


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


@pytest.fixture
def placed(published, tmp_path):
    """A user's folder with Microsoft's files."""
    return shutil.copytree(published, tmp_path / "placed")


@pytest.fixture
def site(published, server):
    """An address that serves Microsoft's files, and their folder."""
    shutil.copytree(published, server[1], dirs_exist_ok=True)
    return server


@pytest.fixture(scope="session")
def raw(real_npz, published, tmp_path_factory):
    """`fetch` of the real files, everything placed by hand."""
    placed = shutil.copytree(published, tmp_path_factory.mktemp("real") / "placed")
    put(placed / "pixels/fer2013.npz", real_npz)
    lines = fetched(placed)
    rows = "35,887 rows (Training 28,709, PublicTest 3,589, PrivateTest 3,589)"
    assert lines[0] == f"FER2013: from {placed / 'pixels/fer2013.npz'}, {rows}"
    assert len(lines) == 5
    raw = placed.parent / "raw"
    assert files(raw) == sorted([*ALL_FILES, "fer2013.npz"])
    assert all((raw / path).read_bytes() == (published / path).read_bytes() for path in ALL_FILES)
    return raw


def test_fetch_of_wrong_bytes_leaves_no_half_file(real_npz, site, tmp_path):
    address, served = site
    (served / "data/FER2013Valid/label.csv").write_bytes(b"cut short")
    placed = put(tmp_path / "placed/fer2013.npz", real_npz).parent
    line = refused(placed, address)
    assert "FER2013Valid/label.csv: expected SHA-256 aad6298b" in line
    assert "; fetch it by hand and put it at" in line
    assert files(placed) == ["fer2013.npz", "fer2013new.csv", "ferplus-label/FER2013Train.csv"]


def test_a_wrong_label_file_in_its_place_is_an_error(real_npz, placed, dead_address):
    put(placed / "fer2013.npz", real_npz)
    wrong = placed / "FER2013Test/label.csv"  # before data/FER2013Test
    wrong.parent.mkdir()
    wrong.write_bytes(b"cut short")
    line = refused(placed, dead_address)
    assert line.startswith(f"{wrong}: expected SHA-256 425142295cc2")
    assert line.endswith(f"downloaded, or take it from {dead_address}/data/FER2013Test/label.csv")


def test_all_that_is_missing_is_named_in_one_line(tmp_path, dead_address, no_kaggle):
    labels = [
        f"no {place} (from {dead_address}/{file.path}); "
        for place, file in zip(PLACES, (TABLE, *LAYOUT.values()), strict=True)
    ]
    assert refused(tmp_path / "placed", dead_address) == (
        f"{tmp_path / 'placed'}: expected FER2013 and FER+'s label files there, found no FER2013 "
        "there or one folder down as fer2013.csv, icml_face_data.csv, fer2013.tar.gz, fer2013.npz "
        "or a .zip that holds one of the csv files (at Kaggle: no credentials in KAGGLE_API_TOKEN,"
        " in KAGGLE_USERNAME with KAGGLE_KEY, or in "
        f"{tmp_path / 'kaggle' / 'kaggle.json'}): download it from {ferplus.KAGGLE} "
        f"(needs a Kaggle account); {''.join(labels)}their download: not tried without "
        "FER2013; put what is missing there"
    )
    assert files(tmp_path) == []


def test_only_what_is_missing_is_named(real_npz, published, dead_address, tmp_path):
    placed = put(tmp_path / "placed/fer2013.npz", real_npz).parent
    put(placed / TABLE.path, published / TABLE.path)
    line = refused(placed, dead_address)
    assert "found no ferplus-label/FER2013Train" in line
    assert line.count("; no ferplus-label/FER2013") == 2
    assert "; their download: no connection (ConnectionError); put" in line
    assert "Kaggle" not in line


def test_fetch_downloads_into_the_users_folder(real_npz, site, tmp_path):
    address, served = site
    put(served / "fer2013.npz", real_npz)
    placed = tmp_path / "placed"
    lines = fetched(placed, address, f"{address}/fer2013.npz")
    assert lines[0].startswith(f"fer2013.npz: from {address}/fer2013.npz")
    assert files(placed) == sorted([*PLACES, "fer2013.npz"])
    shutil.rmtree(served)
    shutil.rmtree(tmp_path / "raw")  # as DVC does before the stage runs again
    assert not any(address in line for line in fetched(placed, address))
    assert files(tmp_path / "raw") == sorted([*ALL_FILES, "fer2013.npz"])


@pytest.mark.slow
def test_fer2013_in_an_archive_is_extracted_and_equals_the_arrays(
    real_fer2013, real_npz, placed, tmp_path
):
    csv = tmp_path / "fer2013.csv"
    subprocess.run([sys.executable, real_fer2013 / "unpack.py", csv], check=True)
    with tarfile.open(placed / "fer2013.tar.gz", "w:gz", compresslevel=1) as archive:
        archive.add(csv, "fer2013/fer2013.csv")
    assert fetched(placed)[0].startswith(f"FER2013: from {placed}/fer2013.tar.gz, 35,887 rows")
    assert files(tmp_path / "raw") == sorted([*ALL_FILES, "fer2013.csv"])
    assert (tmp_path / "raw/fer2013.csv").stat().st_size == 301_081_971  # the published file's
    tables = (fer2013.read(path) for path in (tmp_path / "raw/fer2013.csv", real_npz))
    for ours, expected in zip(*tables, strict=True):
        assert np.array_equal(ours, expected)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("fer2013.csv", "/fer2013.csv: expected the columns"),
        ("fer2013.tar.gz", "/fer2013.tar.gz: expected a complete archive"),
        ("faces?id=3", "source.fer2013.url: expected an address that ends in"),
    ],
)
def test_another_fer2013_at_the_address_does_not_stay(placed, server, name, expected):
    address, served = server
    (served / name).write_bytes(b"<html>sorry</html>")
    assert expected in refused(placed, None, f"{address}/{name}")
    assert files(placed) == ALL_FILES


def test_fetch_refuses_another_number_of_rows_and_another_order(placed, real_npz):
    arrays = dict(np.load(real_npz))
    np.savez(placed / "fer2013.npz", **{name: array[-3:] for name, array in arrays.items()})
    expected = "35,887 rows (Training 28,709, PublicTest 3,589, PrivateTest 3,589)"
    found = "3 rows (Training 0, PublicTest 0, PrivateTest 3)"
    assert f"expected {expected}, found {found}; take the complete" in refused(placed)
    order = np.arange(35_887)
    order[[0, 3]] = [3, 0]
    np.savez(placed / "fer2013.npz", **{name: array[order] for name, array in arrays.items()})
    assert "fer2013.npz: expected the rows in FER2013's published order" in refused(placed)


def counts_of(table):
    return tuple(table.filter(usage=usage)["label"].count() for usage in SPLITS)


@pytest.mark.parametrize("labels", COUNTS)
def test_the_published_counts_come_out(raw, labels):
    table, remarks = ferplus.label(raw, chosen(*labels))
    assert remarks == []
    assert table.columns == COLUMNS
    assert table["row"].to_list() == list(range(35_887))
    assert counts_of(table) == COUNTS[labels]
    assert np.allclose(table["target"].drop_nulls().arr.sum(), 1, atol=1e-6)
    assert (table["label"].is_null() == table["target"].is_null()).all()
    assert table["landmarks"].null_count() == 35_887
    if labels == ("layout", "majority"):  # the default
        by_class = [8733, 7284, 3136, 3022, 2098, 116, 536, 120]
        train = table.filter(usage="Training")["label"]
        assert [(train == name).sum() for name in FERPLUS] == by_class


def test_seven_classes_drop_contempt(raw):
    """By fer2013new.csv: 119, 13 and 16 images fewer."""
    table, _ = ferplus.label(raw, chosen("table", "majority", classes=7))
    assert table.schema["label"] == pl.Enum(FERPLUS[:7])
    assert counts_of(table) == (24_941, 3_186, 3_137)


def test_a_name_on_two_rows_goes_to_the_first_and_votes_differ_in_1601_images(raw, real_npz):
    layout, table = (ferplus.label(raw, chosen(s, "majority"))[0] for s in ("layout", "table"))
    for name, rows in {"fer0006953.png": (5274, 6968), "fer0033120.png": (33200, 34334)}.items():
        found = layout.filter(name=name)
        assert tuple(found["row"]) == rows
        assert found["votes"].is_null().to_list() == [False, True]
    ours = layout["votes"]
    assert ((ours != table["votes"]) & ours.is_not_null()).sum() == 1_601
    assert np.array_equal(ferplus.pictures(raw, Path())(layout), fer2013.read(real_npz).pixels)


@pytest.mark.parametrize(
    ("source", "mode", "file", "found"),
    [
        ("layout", "majority", LAYOUT["PublicTest"].path, "3,191 {} in val {}, found 3,190"),
        ("table", "argmax8", TABLE.path, "28,561 {} in train {}, found 28,560"),
    ],
)
def test_other_counts_name_the_file_and_the_split(raw, tmp_path, source, mode, file, found):
    shutil.copytree(raw / "data", tmp_path / "data")
    put(tmp_path / TABLE.path, raw / TABLE.path)
    lines = (tmp_path / file).read_text().splitlines()
    (tmp_path / file).write_text("\n".join(lines[:5] + lines[6:]))
    with pytest.raises(InputError) as error:
        ferplus.label(tmp_path, chosen(source, mode))
    found = found.format("images with a label", f"(source {source}, mode {mode})")
    assert str(error.value) == f"{tmp_path / file}: expected {found}; fetch the file again"


def test_protocols_differ():
    labels = [chosen(*which, classes) for which in COUNTS for classes in (7, 8)]
    names = {ferplus.protocol(each, pl.DataFrame()) for each in labels}
    assert len(names) == len(labels)
    assert "FERPlus, Microsoft's label.csv per split, majority, 8 classes" in names


def test_what_lies_there_under_another_name_is_named(tmp_path, dead_address, no_kaggle):
    (tmp_path / "placed").mkdir()
    for name in ("fer2013.csv.gz", "FER2013 (1).csv", ".hidden"):
        (tmp_path / "placed" / name).write_bytes(b"?")
    line = refused(tmp_path / "placed", dead_address)
    assert "one of the csv files but FER2013 (1).csv, fer2013.csv.gz (at Kaggle" in line
