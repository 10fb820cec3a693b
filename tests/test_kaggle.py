"""Kaggle's real client, sent to a server of the test's own by the proxy variables it respects."""

import hashlib
import sys

import numpy as np
import pytest
from serving import file, serving, status

from clfer.download import UnavailableError, from_kaggle
from clfer.errors import InputError

CONTENT = np.random.default_rng(0).bytes(5 << 19)
WANTED = ("some-competition", "fer2013.tar.gz")
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
    from_kaggle(*WANTED, target, sha256)
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    return target.read_bytes()


def test_a_file_of_a_competition_arrives_in_silence(site, tmp_path, capfd):
    site.put(ASKED, status(302, Location=STORED))
    site.put(STORED, file(CONTENT))
    assert fetch(tmp_path, hashlib.sha256(CONTENT).hexdigest()) == CONTENT
    assert capfd.readouterr() == ("", "")


def test_rules_that_were_not_accepted_are_told_in_one_line(site, tmp_path):
    site.put(ASKED, status(403))
    with pytest.raises(UnavailableError, match="accepted the competition rules") as told:
        fetch(tmp_path)
    assert "\n" not in str(told.value)
    assert str(told.value).startswith("fer2013.tar.gz: expected a download from Kaggle (some-comp")
    assert len(site.asked) == 1
    assert not (tmp_path / "placed").exists()


def test_other_bytes_leave_nothing(site, tmp_path):
    site.put(ASKED, file(CONTENT))
    with pytest.raises(InputError, match=r"expected SHA-256 0{64}, found .*remove it to fetch it"):
        fetch(tmp_path, "0" * 64)
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
