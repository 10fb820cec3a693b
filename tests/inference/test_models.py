"""Which model is meant, and that its bytes are the right ones."""

import hashlib
import json

import pytest
from bundles import model, refusal

from clfer.inference.models import located, released
from clfer.progress import silent


@pytest.fixture
def offered(server, monkeypatch, tmp_path):
    """A model on a server, under the name `good`; and one whose hash is another's."""
    address, folder = server
    path = model(folder / "model.safetensors")
    url, digest = f"{address}/model.safetensors", hashlib.sha256(path.read_bytes()).hexdigest()
    listing = tmp_path / "released.json"
    models = {"good": digest, "wrong": "0" * 64}
    listing.write_text(json.dumps({n: {"url": url, "sha256": d} for n, d in models.items()}))
    monkeypatch.setenv("CLFER_RELEASED", str(listing))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return path, url, digest


def test_a_released_model_is_fetched_once_and_checked(offered):
    path, _, digest = offered
    first = located("good", silent)
    assert first.read_bytes() == path.read_bytes()
    assert digest[:16] in first.name
    path.unlink()  # not asked for again
    assert located("good", silent) == first
    first.write_bytes(b"changed")
    assert "model.safetensors: expected a download" in refusal(located, "good", silent)


def test_an_address_with_its_hash_is_fetched(offered):
    path, url, digest = offered
    assert located(f"{url}#sha256={digest}", silent).read_bytes() == path.read_bytes()
    for bad in (url, f"{url}#sha256=12", f"{url}#md5={digest}"):
        assert "expected its SHA-256 behind it" in refusal(located, bad, silent)


def test_other_bytes_are_refused_and_nothing_is_left(offered, tmp_path):
    assert f"expected SHA-256 {'0' * 64}, found" in refusal(located, "wrong", silent)
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


def test_what_means_nothing_is_named(offered, monkeypatch, tmp_path):
    said = refusal(located, "best", silent)
    assert said.startswith("best: expected a model file")
    assert "good, wrong" in said
    monkeypatch.delenv("CLFER_RELEASED")
    assert released() == {}
    assert "none of which there is yet" in refusal(located, "best", silent)
    monkeypatch.setenv("CLFER_RELEASED", str(tmp_path / "other.json"))
    for text in ("{", "[1]", '{"a": 1}', '{"a": {"url": "x"}}'):
        (tmp_path / "other.json").write_text(text)
        assert "other.json: expected names" in refusal(released)
