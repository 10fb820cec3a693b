"""`clfer predict` as people call it: what is printed, what is written, and how it ends."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest
import torch
import typer
from bundles import CLASSES, SCRFD, model, refusal
from closure import ROOT
from exported_models import exported
from PIL import Image
from typer.testing import CliRunner

from clfer.faces.views import central
from clfer.inference.frames import Video
from clfer.inference.models import SHIPPED
from clfer.inference.output import film
from pipeline.models import default_model
from pipeline.predict import predict as command

FILE, DRAWN = (f"runs/{name}/ours/0/model.safetensors" for name in ("ferplus", "demo"))


def face(seed, shape=(48, 48)):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def started(folder, *words):
    command = [sys.executable, *map(str, words)]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=folder, env=env, **pipes)


def called(*arguments, given=""):
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(command)
    return CliRunner().invoke(app, list(map(str, arguments)), input=given)


def predict(*arguments, given=""):
    done = called(*arguments, "--no-detect", given=given)
    assert done.exit_code == 0, done.output
    return done


def refused(*arguments):
    def call():
        raise called(*arguments).exception

    return refusal(call)


@pytest.fixture(autouse=True)
def checkout(trained, monkeypatch):
    for name in [name for name in os.environ if name.startswith("CLFER")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CLFER_DEVICE", "cpu")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(trained)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a model as training leaves it, and pictures of which one is broken."""
    folder = tmp_path_factory.mktemp("checkout")
    for file in (FILE, DRAWN):
        (folder / file).parent.mkdir(parents=True)
        about = {"dataset": Path(file).parts[1], "variant": "ours", "seed": 0}
        model(folder / file, about=about)
    (folder / "photos/deep").mkdir(parents=True)
    for number, name in enumerate(("a.png", "b.png", "deep/c.png")):
        Image.fromarray(face(number)).save(folder / "photos" / name)
    (folder / "photos/broken.png").write_bytes((folder / "photos/a.png").read_bytes()[:500])
    return folder


def test_a_folder_with_a_broken_picture_in_it(trained):
    outs = ("--csv", "o/f.csv", "--json", "o/f.json", "--parquet", "o/f.parquet", "--draw", "o/d")
    done = predict("photos", *outs)
    said = done.stderr.splitlines()
    assert said[0] == f"model: {FILE} (another by --model): ours on ferplus, seed 0; device cpu"
    assert "3 faces in 3 pictures\n" in done.stdout
    assert "could not be read, and left out: 1" in done.stdout
    assert "photos/broken.png: " in done.stdout
    with (trained / "o/f.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == ["photos/a.png", "photos/b.png", "photos/deep/c.png"]
    labels = [row["label"] for row in rows]
    for row, label in zip(rows, labels, strict=True):
        assert label in CLASSES
        assert label in done.stdout
        probability = [float(row[f"probability_{name}"]) for name in CLASSES]
        # each is rounded to six places
        assert sum(probability) == pytest.approx(1, abs=1e-6 * len(CLASSES))
    listed = json.loads((trained / "o/f.json").read_text())
    assert [one["label"] for one in listed] == labels
    assert pl.read_parquet(trained / "o/f.parquet")["label"].to_list() == labels
    drawn = sorted(str(path.relative_to(trained / "o/d")) for path in trained.glob("o/d/**/*.png"))
    assert drawn == ["a.png", "b.png", "deep/c.png"]


def test_a_model_of_drawn_faces_is_taken_where_it_is_named_and_warned_of():
    said = predict("photos/a.png", "--model", DRAWN).stderr.splitlines()
    line = "ours on demo, seed 0 (drawn faces: it knows no people); device cpu"
    assert said[0] == f"model: {DRAWN}: {line}"
    assert said[1].startswith("warning: this model was trained on drawn faces")


def test_names_on_standard_input_and_a_least_confidence():
    done = predict("-", "--min-confidence", "1", given="photos/b.png\nphotos/a.png\n")
    rows = [line.split("│") for line in done.stdout.splitlines() if "│" in line]
    assert [row[0].strip() for row in rows] == ["b.png", "a.png"]
    assert {row[2].strip() for row in rows} == {"unsure"}


def test_one_is_singular_and_the_file_that_has_all_is_named(monkeypatch):
    assert "1 face in 1 picture\n" in predict("photos/a.png").stdout
    monkeypatch.setitem(command.__globals__, "SHOWN", 1)
    assert "and 2 more: --csv FILE has all" in predict("photos").stdout
    done = predict("photos", "--json", "all.json")
    assert "and 2 more: all.json has all" in done.stdout
    assert "3 faces: all.json" in done.stdout


def test_what_does_not_fit_is_one_line_and_no_picture_is_replaced(trained, monkeypatch):
    before = (trained / "photos/a.png").read_bytes()
    for arguments, line in (
        (["gone.png"], "gone.png: expected a picture, a video or a folder; found nothing"),
        (["photos", "--model", "params.yaml"], "params.yaml: expected a model file, fer"),
        (["photos", "--model", "photos/a.png"], "photos/a.png is no readable safetensors"),
        (["photos", "--detector", "x.onnx"], "x.onnx: expected yunet, insightface"),
        (
            ["photos", "--no-detect", "--draw", "photos"],
            "--draw: expected a file of its own; found photos/a.png",
        ),
        (
            ["photos", "--csv", "photos/../photos/a.png"],
            "--csv: expected a file of its own; found photos/../photos/a.png",
        ),
        (
            ["photos/deep/c.png", "photos/a.png", "--draw", "photos"],
            "--draw: expected a file of its",
        ),
        (["photos", "--model", FILE, "--csv", FILE], "--csv: expected a file of its own; found r"),
        (["photos", "--csv", "x", "--json", "x"], "--json: expected a file of its own"),
        (
            ["photos/broken.png", "--no-detect", "--csv", "x"],
            "photos/broken.png: expected at least one picture or video that can be read, found",
        ),
    ):
        assert refused(*arguments).startswith(line)
        assert not (trained / "x").exists()
    monkeypatch.setenv("CLFER_DETECTOR", "params.yaml")
    assert refused("photos", "--csv", "params.yaml").startswith("--csv: expected a file of its own")
    assert (trained / "photos/a.png").read_bytes() == before


def test_which_model_is_taken_follows_params_and_no_file_time(tmp_path, monkeypatch):
    """That of the package; the only one of real faces; of several the last dataset and variant of
    `run`, and its first seed.
    """
    monkeypatch.chdir(tmp_path)
    cells = ("demo/ours/0", "ferplus/baseline/3", "ferplus/ours/1", "ferplus/ours/0", "raf/ours/0")
    files = {cell: tmp_path / "runs" / cell / "model.safetensors" for cell in cells}
    expected = {1: SHIPPED["ferplus"], 2: files["ferplus/baseline/3"]}
    assert default_model() == SHIPPED["ferplus"]
    for count, file in enumerate(files.values(), start=1):
        file.parent.mkdir(parents=True)
        file.touch()
        os.utime(file, (0, 1000 * (count % 3)))
        if count in expected:
            assert default_model().absolute() == expected[count]
    said = refusal(default_model)
    assert "found 4: " in said
    assert "; name one by --model" in said
    rows = "  datasets: [demo, ferplus, sfew]\n  variants: [baseline, ours]\n  seeds: [0, 1]\n"
    blocks = "datasets: {demo: {}, ferplus: {}, sfew: {}}\nvariants: {baseline: {}, ours: {}}\n"
    (tmp_path / "params.yaml").write_text(f"run:\n{rows}{blocks}")
    assert default_model().samefile(files["ferplus/ours/0"])


def test_a_video_frame_by_frame_and_a_broken_one_is_left_out(trained, tmp_path, monkeypatch):
    clip = tmp_path / "clip.mp4"
    with film(clip, 10.0) as add:
        for number in range(24):
            add(cv2.cvtColor(face(number // 8, (96, 96)), cv2.COLOR_GRAY2RGB), number / 10)
    monkeypatch.chdir(tmp_path)
    outs = ("--csv", "out.csv", "--draw", "drawn", "--timeline", "times", "--every", "2")
    done = predict("clip.mp4", "--model", trained / FILE, *outs)
    rows = pl.read_csv("out.csv")
    assert rows["frame"].to_list() == list(range(0, 24, 2))
    np.testing.assert_allclose(rows["seconds"].to_numpy(), np.arange(0, 2.4, 0.2), atol=0.01)
    assert len(list(Video(tmp_path / "drawn/clip.mp4"))) == 12
    assert Video(tmp_path / "drawn/clip.mp4").rate == 5
    assert (tmp_path / "times/clip.mp4.png").stat().st_size > 5000
    line = next(line for line in done.stdout.splitlines() if line.startswith("clip.mp4"))
    assert [cell.strip() for cell in line.split("│")][1:4] == ["12", "0", "12"]
    clip.write_bytes(clip.read_bytes()[:300])
    words = ["predict", "photos/a.png", clip, "--no-detect"]
    running = started(trained, "-m", "pipeline", *words)
    out, err = running.communicate(timeout=300)
    assert running.returncode == 0, err
    assert f"{clip}: no video that can be decoded" in out.replace("\n", "")
    assert "moov" not in err  # FFmpeg's own words


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_no_file(trained, tmp_path, how):
    for number in range(1500):
        Image.fromarray(face(number)).save(tmp_path / f"{number}.png")
    cut = trained / f"cut-{how}"
    words = ["predict", tmp_path, "--no-detect", "--csv", "cut.csv", "--draw", cut]
    running = started(trained, "-m", "pipeline", *words)
    deadline = time.monotonic() + 120
    while not list(cut.glob("*.png")) and time.monotonic() < deadline:
        time.sleep(0.05)
    running.send_signal(how)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 128 + how, said
    assert "Traceback" not in said
    assert not (trained / "cut.csv").exists()
    assert not list(trained.glob(".cut*"))
    assert not list(cut.glob(".*"))


def test_the_real_photos(trained, real_data, monkeypatch):
    monkeypatch.setenv("CLFER_DETECTOR", str(real_data / SCRFD))
    done = called(real_data / "photos", "--csv", "real.csv")
    assert done.exit_code == 0, done.output
    by_file = dict(pl.read_csv(trained / "real.csv").group_by("file").len().iter_rows())
    counts = {path.rpartition("/")[2]: count for path, count in by_file.items()}
    known = {"solvay_conference_1927.png": 29, "fr_two_people.jpg": 2, "skimage_astronaut.png": 1}
    assert known.items() <= counts.items()
    assert "no face found in 3 pictures" in done.stdout
    for name in ("chelsea", "coffee", "rocket"):
        assert f"skimage_{name}" in done.stdout
        assert not any(name in path for path in counts)


def test_an_exported_model_predicts_where_pytorch_is_not(trained):
    """Nor is anything else imported that takes long and is not needed."""
    network, about = exported(trained / "small.onnx")
    code = (
        "import sys\n"
        "for name in ('torch', 'torchvision', 'polars', 'requests', 'matplotlib', 'onnx'):\n"
        "    sys.modules[name] = None  # an import of it fails\n"
        "from pipeline.app import main; main()"
    )
    words = ["predict", "photos", "--no-detect", "--model", "small.onnx", "--json", "onnx.json"]
    running = started(trained, "-c", code, *words)
    assert running.wait(300) == 0, running.stderr.read()
    listed = json.loads((trained / "onnx.json").read_text())
    assert len(listed) == 3
    for number, one in enumerate(listed):
        pixels = torch.from_numpy(face(number)[None, :, :, None])
        with torch.no_grad():
            expected = network(central(pixels, about.view)).softmax(1)[0]
        found = [one["probability"][name] for name in about.classes]
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_every_picture_is_drawn_under_a_name_of_its_own(trained, tmp_path):
    """Also one with the longest name there is, and one whose drawing is called like another's."""
    names = ["n" * 251 + ".bmp", "a.bmp", "a.bmp.png"]
    (tmp_path / "in").mkdir()
    for number, name in enumerate(names):
        Image.fromarray(face(number)).save(tmp_path / "in" / name)
    predict(tmp_path / "in", "--draw", tmp_path / "out")
    drawn = sorted(one.name for one in (tmp_path / "out").iterdir())
    assert drawn == ["a.bmp-2.png", "a.bmp.png", "n" * 251 + ".png"]


def test_names_on_standard_input_as_the_system_has_them(trained, tmp_path):
    """Bytes that are no UTF-8, in any locale; and no input at all."""
    name = os.fsencode(tmp_path) + b"/caf\xe9.png"
    Image.fromarray(face(0)).save(os.fsdecode(name))
    words = [sys.executable, "-m", "pipeline", "predict", "-", "--no-detect", "--csv", "in.csv"]
    env = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8:strict"}
    done = subprocess.run(words, cwd=trained, env=env, input=name, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    assert pl.read_csv(trained / "in.csv")["file"][0].endswith(r"caf\udce9.png")
    closed = subprocess.run(["sh", "-c", '"$@" <&-', "sh", *words], cwd=trained, env=env, stderr=-1)
    assert closed.returncode == 1
    assert b"error: -: expected names of files, one a line; found none" in closed.stderr
