"""Models of a hub, whose real client asks a server of the test's own."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from closure import ROOT
from exported_models import tiny
from PIL import Image
from serving import file, serving, status

NAME, COMMIT = "hf:someone/faces", "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def site(tmp_path, monkeypatch):
    pytest.importorskip("huggingface_hub")
    for name in [name for name in os.environ if name.startswith("HF_")]:
        monkeypatch.delenv(name)
    with serving() as site:
        monkeypatch.setenv("HF_ENDPOINT", site.address)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("NO_PROXY", "*")
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        monkeypatch.chdir(tmp_path)
        Image.fromarray(np.zeros((48, 48), np.uint8)).save("face.png")
        yield site


def offer(site, content, name="model.safetensors", revision="main", api="", commit=COMMIT):
    """A repository with this file beside its README."""
    listed = {"id": "someone/faces", "sha": commit}
    listed["siblings"] = [{"rfilename": "README.md"}, {"rfilename": name}]
    site.put(f"/api/models/someone/faces{api}", file(json.dumps(listed).encode()))
    path = f"/someone/faces/resolve/{revision}/{name}"
    site.put(path, file(content, tag=f'"{len(content)}-{commit}"', X_Repo_Commit=commit))
    return path


def predict(name=NAME):
    """What the command prints on standard error, and its status."""
    command = ["-m", "pipeline", "predict", "face.png", "--no-detect", "--model", name]
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True)
    assert done.returncode in (0, 1)
    return done.stderr, done.returncode


def refused(name=NAME):
    """The one line with which the command refuses."""
    said, status = predict(name)
    assert status == 1
    assert said.count("\n") == 1
    assert said.startswith(
        f"error: {name}: expected hf:owner/name[@revision] with model.onnx or model.s"
    )
    return said.partition("; found ")[2].rstrip()


def test_a_model_is_fetched_once_and_taken_from_the_cache_when_the_hub_is_away(site, tmp_path):
    path = offer(site, tiny().SerializeToString(), "model.onnx")
    for _ in range(2):
        said, status_ = predict()
        assert status_ == 0
        assert f"snapshots/{COMMIT}/model.onnx: a network on unknown data" in said
        assert said.count("\n") == 1
    assert [asked for asked, _ in site.asked].count(path) == 3  # twice its head, once its bytes
    site.put("/api/models/someone/faces", status(503))
    assert predict() == (said, 0)


def test_a_revision_has_files_of_its_own_and_a_broken_one_is_told_in_one_line(site):
    offer(site, b"of main")
    offer(site, b"graph", "model.onnx", "v1.0", "/revision/v1.0", "f" * 40)
    said, _ = predict(f"{NAME}@v1.0")
    assert f"snapshots/{'f' * 40}/model.onnx: expected a model written by `clfer export`" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("code", "error", "found"),
    [
        (404, "RevisionNotFound", "no revision 'x'"),
        (401, "RepoNotFound", "no such repository, or one that is not yours to read (HF_TOKEN)"),
        (403, "GatedRepo", "one that its owner opens to those who ask; ask, and set HF_TOKEN"),
        (500, "", "HTTP 500, and none in the cache"),
    ],
)
def test_what_the_hub_refuses_is_told_in_one_line(site, code, error, found):
    site.put("/api/models/someone/faces/revision/x", status(code, X_Error_Code=error))
    assert refused(f"{NAME}@x") == found


def test_what_is_no_model_is_told_in_one_line(site, dead_address, monkeypatch):
    offer(site, b"", "weights.bin")
    assert refused() == "README.md, weights.bin there"
    assert refused("hf:some/one/else") == "another name"
    monkeypatch.setenv("HF_ENDPOINT", dead_address)
    assert refused() == "ConnectError, and none in the cache"
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert refused() == "OfflineModeIsEnabled, and none in the cache"
