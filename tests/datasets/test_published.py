import hashlib

import pytest

from clfer.datasets.ferplus.published import Published, obtain
from clfer.errors import InputError

BYTES, OTHERS = b"name,votes\n", b"<html>sorry</html>"
SHA256, OTHER_SHA256 = (hashlib.sha256(content).hexdigest() for content in (BYTES, OTHERS))
FILE = Published("data/label.csv", ("here/label.csv", "label.csv"), SHA256)


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "placed"
    (path / "here").mkdir(parents=True)
    return path


@pytest.fixture
def raw(tmp_path):
    return tmp_path / "raw"


def files(folder):
    """Every file, hidden ones included."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("place", FILE.places)
def test_a_placed_file_is_copied(folder, raw, dead_address, place):
    (folder / place).write_bytes(BYTES)
    line = obtain(FILE, folder, raw, dead_address)
    assert line == f"data/label.csv: from {folder / place}, SHA-256 as published"
    assert files(raw) == ["data/label.csv"]
    assert (raw / FILE.path).read_bytes() == BYTES


def test_the_first_place_wins_and_a_wrong_file_there_is_an_error(folder, raw, dead_address):
    first, second = (folder / place for place in FILE.places)
    first.write_bytes(OTHERS)
    second.write_bytes(BYTES)
    with pytest.raises(InputError) as told:
        obtain(FILE, folder, raw, dead_address)
    assert str(told.value) == (
        f"{first}: expected SHA-256 {SHA256}, found {OTHER_SHA256}; remove it to have it "
        f"downloaded, or take it from {dead_address}/data/label.csv"
    )
    assert not raw.exists()


def serve(server, content):
    address, served = server
    (served / "data").mkdir()
    (served / FILE.path).write_bytes(content)
    return address


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_file_that_is_not_placed_is_downloaded(folder, raw, server, slash):
    address = serve(server, BYTES) + slash
    line = obtain(FILE, folder, raw, address)
    assert line.startswith(f"data/label.csv: from {server[0]}/data/label.csv")
    assert files(raw) == ["data/label.csv"]
    assert (raw / FILE.path).read_bytes() == BYTES


def test_wrong_bytes_leave_no_file(folder, raw, server):
    address = serve(server, OTHERS)
    with pytest.raises(InputError) as told:
        obtain(FILE, folder, raw, address)
    assert str(told.value) == (
        f"{address}/data/label.csv: expected SHA-256 {SHA256}, found {OTHER_SHA256}; "
        f"fetch it by hand and put it at {folder / 'here/label.csv'}"
    )
    assert files(raw) == []


def test_a_missing_page_is_told_by_its_status(folder, raw, server):
    with pytest.raises(InputError) as told:
        obtain(FILE, folder, raw, server[0])
    assert str(told.value) == (
        f"data/label.csv: expected a download from {server[0]}/data/label.csv, found HTTP 404; "
        f"fetch it by hand and put it at {folder / 'here/label.csv'}"
    )
    assert files(raw) == []


@pytest.mark.parametrize("scheme", ["", "file:///nowhere/"])
def test_without_a_connection_the_way_by_hand_is_told(folder, raw, dead_address, scheme):
    address = scheme or dead_address
    with pytest.raises(InputError, match=r"found no connection \(\w+\); fetch it by hand") as told:
        obtain(FILE, folder, raw, address)
    assert "\n" not in str(told.value)
    assert files(raw) == []


def test_what_is_already_there_is_not_downloaded_again(folder, raw, dead_address):
    (raw / "data").mkdir(parents=True)
    (raw / FILE.path).write_bytes(BYTES)
    assert obtain(FILE, folder, raw, dead_address).startswith("data/label.csv: already there")
    (raw / FILE.path).write_bytes(OTHERS)
    with pytest.raises(InputError, match="no connection"):
        obtain(FILE, folder, raw, dead_address)
    assert (raw / FILE.path).read_bytes() == OTHERS


def test_a_file_placed_in_the_raw_folder_itself_stays(raw, dead_address):
    file = Published("label.csv", ("label.csv",), SHA256)
    raw.mkdir()
    (raw / "label.csv").write_bytes(BYTES)
    assert "SHA-256 as published" in obtain(file, raw, raw, dead_address)
    assert files(raw) == ["label.csv"]
