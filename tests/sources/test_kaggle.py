"""Kaggle's real client, sent to a server of the test's own by the proxy variables it respects."""

import hashlib
import io
import zipfile

import numpy as np
import pytest
from serving import file, serving, status

from clfer.errors import InputError
from clfer.sources import kaggle
from clfer.sources.http import UnavailableError
from clfer.sources.kaggle import OnKaggle
from clfer.sources.patience import Patience

QUICK = Patience(attempts=3, connect=5, stall=0.3, pause=0.01, longest=0.02)
CONTENT = np.random.default_rng(0).bytes(5 << 19)
WANTED = OnKaggle("some-competition", "fer2013.tar.gz")
ASKED = "http://localhost/api/v1/competitions.CompetitionApiService/DownloadDataFile"
STORED = "http://storage.invalid/fer2013.tar.gz"


@pytest.fixture
def site(tmp_path, monkeypatch, no_kaggle):
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


def fetch(tmp_path, sha256=None):
    target = tmp_path / "placed" / "fer2013.tar.gz"
    kaggle.fetch(WANTED, target, sha256, QUICK)
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    return target.read_bytes()


def test_a_file_of_a_competition_arrives_in_silence(site, tmp_path, capfd):
    site.put(ASKED, status(302, Location=STORED))
    site.put(STORED, file(CONTENT))
    assert fetch(tmp_path, hashlib.sha256(CONTENT).hexdigest()) == CONTENT
    assert capfd.readouterr() == ("", "")


def test_what_is_served_in_a_zip_comes_out_of_it(site, tmp_path):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("fer2013.tar.gz", CONTENT)
    site.put(ASKED, file(packed.getvalue()))
    assert fetch(tmp_path) == CONTENT


def test_a_download_that_breaks_off_is_continued(site, tmp_path):
    site.put(ASKED, status(302, Location=STORED))
    ranged = {"Accept_Ranges": "bytes"}
    site.put(STORED, file(CONTENT, upto=1_600_000, **ranged), file(CONTENT, **ranged))
    assert fetch(tmp_path) == CONTENT
    assert f"bytes={1 << 20}-" in site.ranges()  # the client writes whole MiB


def test_rules_that_were_not_accepted_are_told_in_one_line(site, tmp_path):
    site.put(ASKED, status(403))
    with pytest.raises(UnavailableError, match="accepted the competition rules") as told:
        fetch(tmp_path)
    assert "\n" not in str(told.value)
    assert str(told.value).startswith("fer2013.tar.gz: expected a download from Kaggle (some-comp")
    assert len(site.asked) == 1
    assert not (tmp_path / "placed").exists()


def test_a_busy_server_is_asked_again(site, tmp_path):
    site.put(ASKED, status(503), status(302, Location=STORED))
    site.put(STORED, file(CONTENT))
    assert fetch(tmp_path) == CONTENT


def test_other_bytes_leave_nothing(site, tmp_path):
    site.put(ASKED, file(CONTENT))
    with pytest.raises(InputError, match=r"expected SHA-256 0{64}, found .*remove it to fetch it"):
        fetch(tmp_path, "0" * 64)
    assert not list((tmp_path / "placed").iterdir())


def test_credentials_are_looked_for_where_kaggle_keeps_them(tmp_path, monkeypatch, no_kaggle):
    assert kaggle.hindrance().startswith("no credentials in KAGGLE_API_TOKEN, in KAGGLE_USERNAME")
    monkeypatch.setenv("KAGGLE_USERNAME", "someone")
    assert "no credentials" in kaggle.hindrance()
    monkeypatch.setenv("KAGGLE_KEY", "secret")
    assert "no credentials" not in (kaggle.hindrance() or "")
    monkeypatch.delenv("KAGGLE_KEY")
    (tmp_path / "kaggle").mkdir()
    (tmp_path / "kaggle" / "kaggle.json").write_text("{}")
    assert "no credentials" not in (kaggle.hindrance() or "")
