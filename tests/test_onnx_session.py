"""On which device onnxruntime computes. No test has a GPU: where one has to be there, a provider of
the CPU's onnxruntime that leaves all to the CPU takes CUDA's place.
"""

import os
import subprocess
import sys

import numpy as np
import onnxruntime
import pytest
from bundles import SCRFD, refusal
from closure import ROOT
from exported_models import faces, tiny
from variants import CUT

from clfer import onnx_session
from clfer.faces.detectors import open_detector
from clfer.inference.engines import Exported, open_engine
from clfer.pictures import decode
from clfer.progress import silent
from pipeline.models import predictor

OTHER = "AzureExecutionProvider"
YUNET = "weights/yunet/face_detection_yunet_2026may.onnx"
LACKING = pytest.mark.skipif(
    onnx_session.CUDA in onnxruntime.get_available_providers(), reason="onnxruntime has CUDA"
)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "tiny.onnx"
    path.write_bytes(tiny().SerializeToString())
    return path


@pytest.fixture
def gpu(monkeypatch):
    if OTHER not in onnxruntime.get_available_providers():
        pytest.skip(f"this onnxruntime has no {OTHER}")
    monkeypatch.setattr(onnx_session, "CUDA", OTHER)


@pytest.mark.parametrize("device", [None, "cpu"])
def test_without_a_device_it_is_the_cpu(file, device):
    engine = open_engine(file, device)
    assert engine.device == "cpu"
    assert engine._session.get_providers() == [onnx_session.CPU]


@LACKING
@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_a_gpu_that_onnxruntime_lacks_is_one_line(file, real_data, device, capfd):
    has = ", ".join(onnxruntime.get_available_providers())
    for name, call in (
        ("tiny.onnx", lambda: open_engine(file, device)),
        ("det_500m.onnx", lambda: open_detector(real_data / SCRFD, CUT, silent, device=device)),
    ):
        assert refusal(call) == (
            f"--device: expected CUDAExecutionProvider in onnxruntime for {name}, found {has}; "
            "install onnxruntime-gpu in the place of onnxruntime, or take --device cpu"
        )
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("device", ["gpu0", "meta", "cuda:x", "cuda:-1", "cpu:0", "cuda:1:2"])
def test_another_name_is_one_line(file, device):
    assert refusal(open_engine, file, device) == (
        f"--device: expected cpu, cuda or cuda:N for tiny.onnx, found '{device}'; take one of them"
    )


def test_the_command_ends_with_one_line(real_data, tmp_path):
    words = ["predict", real_data / "photos/skimage_coffee.png", "--model", "ferplus"]
    command = [sys.executable, "-m", "pipeline", *words, "--no-detect", "--device", "gpu0"]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    (said,) = done.stderr.splitlines()
    assert said.startswith("error: --device: expected cpu, cuda or cuda:N")


@pytest.mark.parametrize(("device", "got"), [("cuda", "cuda:0"), ("cuda:1", "cuda:1")])
def test_the_model_computes_where_it_was_asked_to(file, gpu, device, got):
    engine = open_engine(file, device)
    assert engine.device == got
    assert engine._session.get_providers()[0] == OTHER
    some = faces(3)
    np.testing.assert_array_equal(engine(some), Exported(file)(some))


def test_scrfd_stays_where_it_was_asked_to(real_data, gpu):
    picture = decode((real_data / "photos/skimage_astronaut.png").read_bytes())
    there, here = (
        open_detector(real_data / SCRFD, CUT, silent, device=device) for device in ("cuda", "mps")
    )
    assert (there.device, here.device) == ("cuda:0", "cpu")
    for found, expected in zip(there(picture), here(picture), strict=True):
        np.testing.assert_array_equal(found, expected)
    for detector, first in ((there, OTHER), (here, onnx_session.CPU)):
        sessions = detector.model.resolution_sessions  # insightface's own for each size
        assert len(sessions) == 2
        assert all(one.get_providers()[0] == first for one in sessions.values())


def test_a_broken_file_is_no_matter_of_the_device(file, gpu):
    file.write_bytes(b"no model")
    assert "tiny.onnx: expected a model written by" in refusal(open_engine, file, "cuda")


@pytest.mark.parametrize(
    ("weights", "device", "line"),
    [
        (YUNET, "cpu", "; device cpu"),
        (YUNET, "cuda", "; device cuda:0, detector on cpu"),
        (SCRFD, "cuda:1", "; device cuda:1"),
    ],
)
def test_the_banner_says_which_device_it_got(file, gpu, real_data, capsys, weights, device, line):
    predictor([str(file)], str(real_data / weights), device)
    assert capsys.readouterr().err.rstrip("\n").endswith(line)
