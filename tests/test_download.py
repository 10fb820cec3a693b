"""Downloads from a real server on this machine that does what servers do, and by Kaggle's real
client, sent there by the proxy variables that it respects.
"""

import hashlib
import os
import socket
import stat
import sys
import threading
import time

import numpy as np
import pytest
from serving import endless, file, serving, status

from clfer import download as module
from clfer.download import CHUNK, UnavailableError, download, from_kaggle
from clfer.errors import InputError
from clfer.progress import silent

CONTENT = np.random.default_rng(0).bytes(5 * CHUNK + 123)
HALF = 2 * CHUNK + 1000


def digest(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def site(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(module, "TIMEOUT", (1, 0.3))
    with serving() as site:
        yield site


@pytest.fixture
def target(tmp_path):
    return tmp_path / "placed" / "faces.tar.gz"


def fetch(url, target, content=CONTENT, track=silent, **more):
    download(url, target, None if content is None else digest(content), track, **more)


def alone(target, content=CONTENT):
    """The file is there, right, readable for all, and alone."""
    assert target.read_bytes() == content
    assert stat.S_IMODE(target.stat().st_mode) == 0o644
    return os.listdir(target.parent) == [target.name]


def refused(url, target, kind=InputError, **more):
    """The line, after which nothing is left."""
    with pytest.raises(kind) as told:
        fetch(url, target, **more)
    assert not list(target.parent.glob("*"))
    assert "\n" not in str(told.value)
    return str(told.value)


@pytest.mark.parametrize(
    "answer",
    [
        file(CONTENT),
        file(CONTENT, length=False),
        file(CONTENT, chunked=True),
        file(CONTENT, Content_Encoding="gzip"),  # as servers say of a .gz, which it shall stay
    ],
    ids=["length", "no length", "chunked", "said to be encoded"],
)
@pytest.mark.parametrize("known", [CONTENT, None], ids=["pinned", "not pinned"])
def test_a_file_arrives(site, target, answer, known):
    fetch(site.put("/a", answer), target, known)
    assert alone(target)
    assert len(site.asked) == 1


def test_an_empty_file_and_a_redirection(site, target):
    site.put("/there", file(b""))
    fetch(site.put("/a", status(302, Location="/there")), target, b"")
    assert alone(target, b"")


@pytest.mark.parametrize(
    "first",
    [
        file(CONTENT, upto=HALF),
        file(CONTENT, upto=HALF, chunked=True),
        file(CONTENT, upto=HALF, stalls=True),
        status(503),
        status(429),
    ],
    ids=["broken", "broken chunks", "stalled", "failing", "busy"],
)
def test_what_may_pass_is_tried_once_more_from_the_start(site, target, first):
    fetch(site.put("/a", first, file(CONTENT)), target)
    assert alone(target)
    assert site.ranges() == [None, None]


@pytest.mark.parametrize(
    ("answer", "found", "asked"),
    [
        (status(404), "HTTP 404", 1),
        (status(403), "HTTP 403", 1),
        (status(503), "HTTP 503", 2),
        (file(CONTENT, upto=HALF), "a connection that broke off", 2),
        (file(CONTENT, upto=HALF, stalls=True), "no byte for 0.3 s", 2),
    ],
    ids=["missing", "forbidden", "failing", "broken", "stalled"],
)
def test_there_is_no_file_for_us(site, target, answer, found, asked):
    url = site.put("/a", answer)
    assert refused(url, target, UnavailableError) == (
        f"faces.tar.gz: expected a download from {url}, found {found}; fetch it by hand and put it "
        f"at {target}"
    )
    assert len(site.asked) == asked


@pytest.mark.parametrize("scheme", ["", "file:///nowhere/", "nowhere/"])
def test_without_a_connection_it_ends_soon(dead_address, target, scheme):
    start = time.monotonic()
    line = refused(f"{scheme or dead_address}/a", target, UnavailableError, remedy="do without")
    assert "found no connection (" in line
    assert line.endswith("; do without")
    assert time.monotonic() - start < 3


def test_a_name_that_is_not_resolved_is_waited_for_no_longer_than_a_connection(target, monkeypatch):
    """A system without a network may take half a minute to say that there is no such name."""
    answered = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: answered.wait(60))
    monkeypatch.setattr(module, "TIMEOUT", (0.2, 1))
    monkeypatch.setenv("NO_PROXY", "*")
    line = refused("http://nowhere.invalid/a", target, UnavailableError)
    assert "found no connection (ConnectTimeout)" in line
    assert not answered.is_set()
    answered.set()


def test_other_bytes_than_expected(site, target):
    url = site.put("/a", file(b"<html>sorry</html>"))
    found = digest(b"<html>sorry</html>")
    line = refused(url, target)
    assert f"{url}: expected SHA-256 {digest(CONTENT)}, found {found}; fetch it by hand" in line


@pytest.mark.parametrize(
    ("answer", "size"),
    [(file(CONTENT), len(CONTENT)), (endless, 3 * CHUNK), (file(CONTENT, chunked=True), 3 * CHUNK)],
    ids=["declared", "endless", "chunked"],
)
def test_a_file_that_is_too_large(site, target, answer, size):
    url = site.put("/a", answer)
    line = refused(url, target, limit=2 * CHUNK)
    assert line.startswith(f"{url}: expected at most 131,072 bytes, found {size:,} or more; fetch ")
    assert len(site.asked) == 1


def test_what_was_there_stays_until_the_new_file_is_whole(site, target):
    target.parent.mkdir()
    target.write_bytes(b"old")
    with pytest.raises(InputError):
        fetch(site.put("/a", file(b"other")), target)
    assert target.read_bytes() == b"old"
    fetch(site.put("/a", file(CONTENT)), target)
    assert alone(target)


def test_progress_is_in_chunks(site, target):
    taken = []

    def track(items, description):
        for item in items:
            yield item
            taken.append((item, description))

    fetch(site.put("/a", file(CONTENT)), target, track=track)
    assert taken == [(number, "faces.tar.gz") for number in range(6)]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_place_that_may_not_be_written(site, target):
    target.parent.mkdir()
    target.parent.chmod(0o500)
    line = refused(site.put("/a", file(CONTENT)), target)
    assert line.startswith(f"{target}: expected a place to read and write, found")


def test_a_place_that_is_a_file(site, tmp_path):
    (tmp_path / "placed").write_bytes(b"mine")
    with pytest.raises(InputError, match="placed: expected a place to read and write, found"):
        fetch(site.put("/a", file(CONTENT)), tmp_path / "placed" / "a")


WANTED = ("some-competition", "fer2013.tar.gz")
ASKED = "http://localhost/api/v1/competitions.CompetitionApiService/DownloadDataFile"
STORED = "http://storage.invalid/fer2013.tar.gz"


@pytest.fixture
def kaggle(tmp_path, monkeypatch, no_kaggle):
    pytest.importorskip("kagglehub")
    monkeypatch.setenv("KAGGLE_USERNAME", "someone")
    monkeypatch.setenv("KAGGLE_KEY", "secret")
    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "LOCALHOST")
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "cache"))
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with serving() as site:
        monkeypatch.setenv("http_proxy", site.address)
        yield site


def fetched(tmp_path, sha256=None):
    target = tmp_path / "placed" / "fer2013.tar.gz"
    from_kaggle(*WANTED, target, sha256)
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    return target.read_bytes()


def test_a_file_of_a_competition_arrives_in_silence(kaggle, tmp_path, capfd):
    kaggle.put(ASKED, status(302, Location=STORED))
    kaggle.put(STORED, file(8 * CONTENT))  # several of the client's pieces
    assert fetched(tmp_path, digest(8 * CONTENT)) == 8 * CONTENT
    assert capfd.readouterr() == ("", "")


def test_rules_that_were_not_accepted_are_told_in_one_line(kaggle, tmp_path):
    kaggle.put(ASKED, status(403))
    with pytest.raises(UnavailableError, match="accepted the competition rules") as told:
        fetched(tmp_path)
    assert "\n" not in str(told.value)
    assert str(told.value).startswith("fer2013.tar.gz: expected a download from Kaggle (some-comp")
    assert len(kaggle.asked) == 1
    assert not (tmp_path / "placed").exists()


def test_other_bytes_of_kaggle_leave_nothing(kaggle, tmp_path):
    kaggle.put(ASKED, file(CONTENT))
    with pytest.raises(InputError, match=r"expected SHA-256 0{64}, found .*remove it to fetch it"):
        fetched(tmp_path, "0" * 64)
    assert not list(tmp_path.glob("placed/*"))


def test_credentials_are_looked_for_where_kaggle_keeps_them(tmp_path, monkeypatch, no_kaggle):
    def missing():
        """Why Kaggle is not asked; with credentials, a client that is not there is why."""
        monkeypatch.setitem(sys.modules, "kagglehub", None)
        with pytest.raises(UnavailableError) as told:
            from_kaggle(*WANTED, tmp_path / "placed", None)
        return "no credentials in KAGGLE_API_TOKEN, in KAGGLE_USERNAME with" in str(told.value)

    assert missing()
    monkeypatch.setenv("KAGGLE_USERNAME", "someone")
    assert missing()
    monkeypatch.setenv("KAGGLE_KEY", "secret")
    assert not missing()
    monkeypatch.delenv("KAGGLE_KEY")
    (tmp_path / "kaggle").mkdir()
    (tmp_path / "kaggle" / "kaggle.json").write_text("{}")
    assert not missing()
