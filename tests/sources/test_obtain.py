import hashlib
import io
import tarfile

import pytest
from serving import file, serving, status

from clfer.errors import InputError
from clfer.progress import silent
from clfer.sources import http, kaggle
from clfer.sources.kaggle import OnKaggle
from clfer.sources.obtain import Address, Published, bring, deliver, obtain
from clfer.sources.patience import Patience

BYTES, OTHERS = b"name,votes\n", b"<html>sorry</html>"
SHA256, OTHER_SHA256 = (hashlib.sha256(content).hexdigest() for content in (BYTES, OTHERS))
FILE = Published("data/label.csv", ("here/label.csv", "label.csv"), SHA256)


@pytest.fixture(autouse=True)
def hasty(monkeypatch, no_kaggle):
    quick = Patience(attempts=2, connect=5, stall=0.3, pause=0.01, longest=0.02)
    monkeypatch.setattr(http, "PATIENCE", quick)
    monkeypatch.setattr(kaggle, "PATIENCE", quick)


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
    line = obtain(FILE, folder, raw, dead_address, silent)
    assert line == f"data/label.csv: from {folder / place}, SHA-256 as published"
    assert files(raw) == ["data/label.csv"]
    assert (raw / FILE.path).read_bytes() == BYTES


def test_the_first_place_wins_and_a_wrong_file_there_is_an_error(folder, raw, dead_address):
    first, second = (folder / place for place in FILE.places)
    first.write_bytes(OTHERS)
    second.write_bytes(BYTES)
    with pytest.raises(InputError) as told:
        obtain(FILE, folder, raw, dead_address, silent)
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
    line = obtain(FILE, folder, raw, address, silent)
    assert line.startswith(f"data/label.csv: from {server[0]}/data/label.csv")
    assert files(raw) == ["data/label.csv"]
    assert (raw / FILE.path).read_bytes() == BYTES
    assert files(folder) == ["here/label.csv"]  # so that it is not downloaded again


def test_wrong_bytes_leave_no_file(folder, raw, server):
    address = serve(server, OTHERS)
    with pytest.raises(InputError) as told:
        obtain(FILE, folder, raw, address, silent)
    assert str(told.value) == (
        f"{address}/data/label.csv: expected SHA-256 {SHA256}, found {OTHER_SHA256}; "
        f"fetch it by hand and put it at {folder / 'here/label.csv'}"
    )
    assert files(raw.parent) == ["served/data/label.csv"]


def test_a_missing_page_is_told_by_its_status(folder, raw, server):
    with pytest.raises(InputError) as told:
        obtain(FILE, folder, raw, server[0], silent)
    assert str(told.value) == (
        f"label.csv: expected a download from {server[0]}/data/label.csv, found HTTP 404; "
        f"fetch it by hand and put it at {folder / 'here/label.csv'}"
    )
    assert files(raw.parent) == []


def test_what_has_come_of_a_file_outlives_the_raw_folder(folder, raw, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    with serving() as site:
        site.put("/data/label.csv", file(BYTES, upto=4), status(404))
        with pytest.raises(InputError, match=r"\(4 bytes are kept, and the next run continues"):
            obtain(FILE, folder, raw, site.address, silent)
        assert not raw.exists()
        site.put("/data/label.csv", file(BYTES))
        obtain(FILE, folder, raw, site.address, silent)
        assert site.ranges() == [None, "bytes=4-", "bytes=4-"]
    assert (raw / FILE.path).read_bytes() == BYTES


@pytest.mark.parametrize(
    ("scheme", "found"),
    [
        ("", r"no connection \(ConnectionError\), and nothing better in 2 attempts"),
        ("file:///nowhere/", "an address with neither http:// nor https://"),
    ],
)
def test_without_a_connection_the_way_by_hand_is_told(folder, raw, dead_address, scheme, found):
    address = scheme or dead_address
    with pytest.raises(InputError, match=rf"found {found}; fetch it by hand and put it at") as told:
        obtain(FILE, folder, raw, address, silent)
    assert "\n" not in str(told.value)
    assert files(raw.parent) == []


def test_what_is_already_there_is_not_downloaded_again(folder, raw, dead_address):
    (raw / "data").mkdir(parents=True)
    (raw / FILE.path).write_bytes(BYTES)
    assert obtain(FILE, folder, raw, dead_address, silent).startswith(
        "data/label.csv: already there"
    )
    (raw / FILE.path).write_bytes(OTHERS)
    with pytest.raises(InputError, match="no connection"):
        obtain(FILE, folder, raw, dead_address, silent)
    assert (raw / FILE.path).read_bytes() == OTHERS


def test_a_file_placed_in_the_raw_folder_itself_stays(raw, dead_address):
    file = Published("label.csv", ("label.csv",), SHA256)
    raw.mkdir()
    (raw / "label.csv").write_bytes(BYTES)
    assert "SHA-256 as published" in obtain(file, raw, raw, dead_address, silent)
    assert files(raw) == ["label.csv"]


WANTED = OnKaggle("some-competition", "fer2013.tar.gz")


def test_a_delivery_comes_from_the_address(folder, server):
    (server[1] / "fer2013.csv").write_bytes(BYTES)
    address = Address(url=f"{server[0]}/fer2013.csv", sha256=SHA256)
    came, lines = deliver(folder, address, WANTED, silent)
    assert came == folder / "fer2013.csv"
    assert came.read_bytes() == BYTES
    assert lines == [f"fer2013.csv: from {server[0]}/fer2013.csv, SHA-256 as given"]


def test_without_any_source_each_is_named(folder, server, tmp_path):
    nowhere = (
        f"no credentials in KAGGLE_API_TOKEN, in KAGGLE_USERNAME with KAGGLE_KEY, or in {tmp_path}"
    )
    url = f"{server[0]}/a.csv"
    for given, told in ((None, []), (url, [f"at {url}: HTTP 404"])):
        came, lines = deliver(folder, Address(url=given, sha256=None), WANTED, silent)
        assert came is None
        assert lines[:-1] == told
        assert lines[-1].startswith(f"at Kaggle: {nowhere}")


def test_other_bytes_than_given_end_the_search(folder, server):
    (server[1] / "fer2013.csv").write_bytes(OTHERS)
    address = Address(url=f"{server[0]}/fer2013.csv", sha256=SHA256)
    with pytest.raises(InputError, match=f"expected SHA-256 {SHA256}, found {OTHER_SHA256}"):
        deliver(folder, address, WANTED, silent)
    assert files(folder) == []


def archive(name):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz" if name.endswith("gz") else "w") as tar:
        info = tarfile.TarInfo("basic/1.jpg")
        info.size = len(BYTES)
        tar.addfile(info, io.BytesIO(BYTES))
    return packed.getvalue()


@pytest.mark.parametrize("name", ["RAF DB.tar.gz", "faces.tar"])
def test_an_archive_of_images_is_brought_and_unpacked_once(folder, server, name):
    (server[1] / name).write_bytes(archive(name))
    url = f"{server[0]}/{name.replace(' ', '%20')}"
    digest = hashlib.sha256(archive(name)).hexdigest()
    stem = name.partition(".")[0]
    (folder / "here").rmdir()
    lines = bring(folder, url, digest, silent)
    assert lines[0] == f"{name}: from {url}, SHA-256 as given"
    assert lines[1] == f"{name}: 1 files unpacked to {folder / stem}"
    assert files(folder) == sorted([name, f"{stem}/basic/1.jpg"])
    (server[1] / name).unlink()
    assert bring(folder, url, digest, silent) == []


def test_an_archive_that_is_there_already_is_only_unpacked(tmp_path, dead_address):
    (tmp_path / "faces.tar").write_bytes(archive("faces.tar"))
    lines = bring(tmp_path, f"{dead_address}/faces.tar", None, silent)
    assert lines == [f"faces.tar: 1 files unpacked to {tmp_path / 'faces'}"]


def test_a_zip_stays_as_it_is(tmp_path, server):
    (server[1] / "faces.zip").write_bytes(BYTES)
    assert len(bring(tmp_path / "placed", f"{server[0]}/faces.zip", SHA256, silent)) == 1
    assert files(tmp_path / "placed") == ["faces.zip"]
    assert bring(tmp_path / "placed", f"{server[0]}/faces.zip", SHA256, silent) == []


def test_nothing_is_brought_without_an_address_or_beside_files(tmp_path, dead_address):
    assert bring(tmp_path / "none", None, None, silent) == []
    (tmp_path / "mine.jpg").write_bytes(BYTES)
    assert bring(tmp_path, f"{dead_address}/faces.zip", None, silent) == []


def test_an_address_of_no_archive_is_told(tmp_path, dead_address):
    with pytest.raises(InputError, match=r"expected the address of an archive \(\.zip, \.tar"):
        bring(tmp_path, f"{dead_address}/faces.rar", None, silent)
