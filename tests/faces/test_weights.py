"""Where a detector's weights are, and what is fetched where there are none."""

import io
import shutil
import zipfile
from functools import partial

import pytest
from serving import file, serving, status
from variants import CUT

from clfer.errors import InputError
from clfer.faces.detection import PACK, SHA256, VARIABLE, open_detector
from clfer.progress import silent

FETCHED = "models/clfer/det_500m.onnx"


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


def located(weights=None, address=PACK, option="--detector"):
    return open_detector(weights, CUT, silent, option, address).weights


def pack(**members):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, of_file in members.items():
            archive.writestr(name, of_file)
    return content.getvalue()


def files(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_the_setting_goes_before_the_variable_and_that_before_insightfaces_folder(
    weights, home, dead_address, monkeypatch, tmp_path
):
    find = partial(located, address=dead_address)
    assert find(weights) == weights
    folder = home / "models/buffalo_s"
    folder.mkdir(parents=True)
    shutil.copy(weights, folder)
    assert find() == folder / "det_500m.onnx"
    own = shutil.copy(weights, tmp_path / "own.onnx")
    monkeypatch.setenv(VARIABLE, str(own))
    assert find() == own
    assert find(weights) == weights
    monkeypatch.setenv(VARIABLE, str(tmp_path / "nowhere.onnx"))
    with pytest.raises(InputError) as caught:
        find(option="datasets.demo.faces.weights")
    assert str(caught.value) == (
        f"{tmp_path}/nowhere.onnx: expected an SCRFD detector (det_*.onnx of insightface), found "
        "no file; name one by datasets.demo.faces.weights or CLFER_DETECTOR"
    )


@pytest.mark.parametrize("within", ["", "buffalo_sc/"])
def test_the_detector_is_fetched_once_and_alone(weights, home, site, within):
    content = weights.read_bytes()
    whole = pack(**{f"{within}w600k_mbf.onnx": b"of faces", f"{within}det_500m.onnx": content})
    half = len(whole) // 2
    url = site.put("/buffalo_sc.zip", file(whole, upto=half), file(whole))
    assert located(address=url) == home / FETCHED
    assert (home / FETCHED).read_bytes() == content
    assert files(home) == [FETCHED]
    assert site.ranges() == [None, None]
    assert located(address=url) == home / FETCHED
    assert len(site.asked) == 2


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            file(b"<html>sign in</html>"),
            f"expected a zip with det_500m.onnx of SHA-256 {SHA256}, found no complete zip",
        ),
        (file(pack(**{"w600k_mbf.onnx": b"of faces"})), "found none in it"),
        (
            file(pack(**{"det_500m.onnx": b"other"})),
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
        located(address=url)
    assert message in str(caught.value)
    assert str(caught.value).endswith(
        f"; put a det_*.onnx of insightface's into {home / 'models/clfer'}, or name one by "
        "--detector or CLFER_DETECTOR"
    )
    assert files(home) == []
