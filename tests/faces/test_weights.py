"""Where a detector's weights are, and what is fetched where there are none."""

import io
import shutil
import zipfile

import pytest
from serving import file, serving, status

from clfer.errors import InputError
from clfer.faces.weights import SHA256, locate
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
    return tmp_path / ".insightface"


@pytest.fixture
def site():
    with serving() as site:
        yield site


def pack(**members):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, of_file in members.items():
            archive.writestr(name, of_file)
    return content.getvalue()


def files(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_where_weights_are(weights, home, dead_address):
    assert locate(weights, silent, dead_address) == weights
    with pytest.raises(
        InputError, match=r"nowhere.onnx: expected an SCRFD detector .* found no file"
    ):
        locate(home / "nowhere.onnx", silent, dead_address)
    folder = home / "models/buffalo_s"
    folder.mkdir(parents=True)
    placed = shutil.copy(weights, folder)
    assert locate(None, silent, dead_address) == folder / "det_500m.onnx"
    assert str(placed) == str(locate(None, silent, dead_address))


@pytest.mark.parametrize("within", ["", "buffalo_sc/"])
def test_the_detector_is_fetched_once_and_alone(weights, home, site, within):
    content = weights.read_bytes()
    whole = pack(**{f"{within}w600k_mbf.onnx": b"of faces", f"{within}det_500m.onnx": content})
    half = len(whole) // 2
    url = site.put("/buffalo_sc.zip", file(whole, upto=half), file(whole))
    assert locate(None, silent, url) == home / FETCHED
    assert (home / FETCHED).read_bytes() == content
    assert files(home) == [FETCHED]
    assert site.ranges() == [None, None]
    assert locate(None, silent, url) == home / FETCHED
    assert len(site.asked) == 2


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"<html>sign in</html>", "no complete zip"),
        (pack(**{"w600k_mbf.onnx": b"of faces"}), "none that can be read"),
        (
            pack(**{"det_500m.onnx": b"other"}),
            "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa",
        ),
    ],
    ids=["a page", "another pack", "another detector"],
)
def test_other_bytes_leave_nothing(home, site, content, found):
    url = site.put("/buffalo_sc.zip", file(content))
    with pytest.raises(InputError) as told:
        locate(None, silent, url)
    assert str(told.value) == (
        f"{url}: expected a zip with det_500m.onnx of SHA-256 {SHA256}, found {found}; put a "
        f"det_*.onnx of insightface's into {home / 'models/clfer'} (its models are for "
        "non-commercial research only), name one by faces.weights or --detector, or do without: "
        "faces.detector given or none, or --no-detect"
    )
    assert files(home) == []


def test_without_a_network_the_folder_and_the_ways_around_are_told(home, dead_address):
    with pytest.raises(InputError) as told:
        locate(None, silent, f"{dead_address}/buffalo_sc.zip")
    assert str(told.value) == (
        f"buffalo_sc.zip: expected a download from {dead_address}/buffalo_sc.zip, found no "
        "connection (ConnectionError); put a det_*.onnx of "
        f"insightface's into {home / 'models/clfer'} (its models are for non-commercial research "
        "only), name one by faces.weights or --detector, or do without: faces.detector given or "
        "none, or --no-detect"
    )
    assert files(home) == []


def test_a_pack_that_has_gone(home, site):
    url = site.put("/buffalo_sc.zip", status(404))
    with pytest.raises(InputError, match="found HTTP 404; put a det_"):
        locate(None, silent, url)
    assert files(home) == []
