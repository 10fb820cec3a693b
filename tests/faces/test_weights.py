"""Where a detector's weights are, and what is fetched where there are none."""

import shutil

import pytest
from fer2013_forms import zipped
from serving import file, serving, status
from variants import CUT

from clfer.errors import InputError
from clfer.faces import yunet
from clfer.faces.detectors import VARIABLE, open_detector
from clfer.faces.scrfd import SHA256, located
from clfer.progress import silent

FETCHED, WAYS = "models/clfer/det_500m.onnx", "name another"


@pytest.fixture
def weights(real_data):
    return real_data / "weights/insightface/det_500m.onnx"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """insightface's folder in a home of its own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.delenv(VARIABLE, raising=False)
    return tmp_path / ".insightface"


@pytest.fixture
def site():
    with serving() as site:
        yield site


def opened(named=None, option="--detector", kind="insightface"):
    return open_detector(named, CUT, silent, option, kind).weights


def files(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_the_setting_goes_before_the_variable_and_that_before_insightfaces_folder(
    weights, home, monkeypatch, tmp_path
):
    assert opened(weights) == weights
    folder = home / "models/buffalo_s"
    folder.mkdir(parents=True)
    shutil.copy(weights, folder)
    assert opened() == opened("insightface") == folder / "det_500m.onnx"
    own = shutil.copy(weights, tmp_path / "own.onnx")
    monkeypatch.setenv(VARIABLE, str(own))
    assert opened() == own
    assert opened(weights) == weights
    assert opened("insightface") == folder / "det_500m.onnx"
    monkeypatch.setenv(VARIABLE, "yunet")
    assert opened() == folder / "det_500m.onnx"  # the setting says which
    with pytest.raises(InputError, match="expected weights of yunet, found those of another"):
        opened(weights, kind="yunet")
    monkeypatch.setenv(VARIABLE, "yunett")
    with pytest.raises(InputError) as caught:
        opened(option="datasets.demo.faces.weights")
    assert str(caught.value) == (
        "yunett: expected yunet, insightface or the file of a detector (.onnx), found no file; did "
        "you mean 'yunet'?; name one by datasets.demo.faces.weights or CLFER_DETECTOR"
    )


def test_yunet_is_fetched_once_and_verified(real_data, home, site, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    content = (real_data / "weights/yunet/face_detection_yunet_2026may.onnx").read_bytes()
    url = site.put("/yunet.onnx", file(content))
    found = yunet.located(silent, "WAYS", url)
    assert found.read_bytes() == content
    assert yunet.located(silent, "WAYS", url) == found
    assert len(site.asked) == 1
    found.write_bytes(b"changed")
    with pytest.raises(InputError) as caught:
        yunet.located(silent, "WAYS", site.put("/yunet.onnx", file(b"other")))
    assert f"expected SHA-256 {yunet.SHA256}, found" in str(caught.value)
    assert str(caught.value).endswith(f"; put that file into {found.parent}, or WAYS")


@pytest.mark.parametrize("within", ["", "buffalo_sc/"])
def test_the_detector_is_fetched_once_and_alone(weights, home, site, within):
    content = weights.read_bytes()
    whole = zipped({f"{within}w600k_mbf.onnx": b"of faces", f"{within}det_500m.onnx": content})
    half = len(whole) // 2
    url = site.put("/buffalo_sc.zip", file(whole, upto=half), file(whole))
    assert located(silent, WAYS, url) == home / FETCHED
    assert (home / FETCHED).read_bytes() == content
    assert files(home) == [FETCHED]
    assert site.ranges() == [None, None]
    assert located(silent, WAYS, url) == home / FETCHED
    assert len(site.asked) == 2


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            file(b"<html>sign in</html>"),
            f"expected a zip with det_500m.onnx of SHA-256 {SHA256}, found no complete zip",
        ),
        (file(zipped({"w600k_mbf.onnx": b"of faces"})), "found none in it"),
        (
            file(zipped({"det_500m.onnx": b"other"})),
            "found d9298a10d1b0735837dc4bd",
        ),
        (status(404), "found HTTP 404"),
        (None, "found no connection (ConnectionError)"),
    ],
    ids=["a page", "another pack", "another detector", "gone", "no network"],
)
def test_a_failed_download_leaves_nothing_and_names_the_ways_around(
    home, site, dead_address, answer, message
):
    url = f"{dead_address}/p.zip" if answer is None else site.put("/p.zip", answer)
    with pytest.raises(InputError) as caught:
        located(silent, WAYS, url)
    assert message in str(caught.value)
    assert str(caught.value).endswith(
        f"; put a det_*.onnx of insightface's into {home / 'models/clfer'}, or {WAYS}"
    )
    assert files(home) == []
