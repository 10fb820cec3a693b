"""Which model is meant, and that its bytes are the right ones."""

import hashlib
import json

import pytest
from bundles import model

from clfer.errors import InputError
from clfer.inference.models import located, released
from clfer.progress import silent


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def offered(server, monkeypatch, tmp_path):
    """A model on a server, under the name `good`; and one whose hash is another's."""
    address, folder = server
    path = model(folder / "model.safetensors")
    url, digest = f"{address}/model.safetensors", hashlib.sha256(path.read_bytes()).hexdigest()
    names = {
        "good": {"url": url, "sha256": digest},
        "wrong": {"url": url, "sha256": "0" * 64},
    }
    listing = tmp_path / "released.json"
    listing.write_text(json.dumps(names))
    monkeypatch.setenv("CLFER_RELEASED", str(listing))
    return path, url, digest


def test_a_released_model_is_fetched_once_and_checked(offered, server):
    path, _, digest = offered
    first = located("good", silent)
    assert first.read_bytes() == path.read_bytes()
    path.unlink()  # not asked for again
    assert located("good", silent) == first
    first.write_bytes(b"changed")
    with pytest.raises(InputError, match=r"model\.safetensors: expected a download"):
        located("good", silent)
    assert digest[:16] in first.name


def test_an_address_with_its_hash_is_fetched(offered):
    path, url, digest = offered
    assert located(f"{url}#sha256={digest}", silent).read_bytes() == path.read_bytes()
    for bad in (url, f"{url}#sha256=12", f"{url}#md5={digest}"):
        with pytest.raises(InputError, match="expected its SHA-256 behind it"):
            located(bad, silent)


def test_other_bytes_are_refused_and_nothing_is_left(offered, tmp_path):
    with pytest.raises(InputError, match=f"expected SHA-256 {'0' * 64}, found"):
        located("wrong", silent)
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


def test_what_means_nothing_is_named(offered, monkeypatch, tmp_path):
    with pytest.raises(InputError, match=r"best: expected a model file.*good, wrong"):
        located("best", silent)
    monkeypatch.delenv("CLFER_RELEASED")
    assert released() == {}
    with pytest.raises(InputError, match=r"best: expected .*none of which there is yet"):
        located("best", silent)
    for text in ("{", "[1]", '{"a": 1}', '{"a": {"url": "x"}}'):
        (tmp_path / "other.json").write_text(text)
        monkeypatch.setenv("CLFER_RELEASED", str(tmp_path / "other.json"))
        with pytest.raises(InputError, match=r"other\.json: expected names"):
            released()
