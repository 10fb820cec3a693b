"""Which model is meant, and that its bytes are the right ones."""

import hashlib

import pytest
from bundles import model, refusal

from clfer.inference.models import SHIPPED, located
from clfer.progress import silent


@pytest.fixture
def offered(server, monkeypatch, tmp_path):
    """A model on a server, its address and its hash."""
    address, folder = server
    path = model(folder / "model.safetensors")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return path, f"{address}/model.safetensors", hashlib.sha256(path.read_bytes()).hexdigest()


def test_an_address_with_its_hash_is_fetched_once_and_checked(offered):
    path, url, digest = offered
    first = located(f"{url}#sha256={digest}", silent)
    assert first.read_bytes() == path.read_bytes()
    assert digest[:16] in first.name
    path.unlink()  # not asked for again
    assert located(f"{url}#sha256={digest}", silent) == first
    first.write_bytes(b"changed")
    assert "model.safetensors: expected a download" in refusal(
        located, f"{url}#sha256={digest}", silent
    )
    for bad in (url, f"{url}#sha256=12", f"{url}#md5={digest}"):
        assert "expected its SHA-256 behind it" in refusal(located, bad, silent)


def test_other_bytes_are_refused_and_nothing_is_left(offered, tmp_path):
    _, url, _ = offered
    said = refusal(located, f"{url}#sha256={'0' * 64}", silent)
    assert f"expected SHA-256 {'0' * 64}, found" in said
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


def test_a_name_is_that_of_a_file_before_that_of_the_package(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert located("ferplus", silent) == SHIPPED["ferplus"]
    model(tmp_path / "ferplus")
    assert located("ferplus", silent).samefile(tmp_path / "ferplus")
    assert refusal(located, "best", silent).startswith("best: expected a model file, ferplus (the")
