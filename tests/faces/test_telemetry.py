"""What clfer uses reports to nobody."""

import os
import subprocess
import sys

from closure import ROOT

DETECT = """
import sys
from pathlib import Path

import numpy as np

from clfer.faces.scrfd import Scrfd

Scrfd(Path(sys.argv[1]), 0.4, False)(np.zeros((64, 64), np.uint8))
"""


def test_onnxruntime_makes_no_identity_and_no_reports(real_data, tmp_path):
    """Where it is let, it keeps a device's identity and the reports to be sent in these folders."""
    places = ("HOME", "TMPDIR", "XDG_CACHE_HOME")
    elsewhere = dict.fromkeys(places, str(tmp_path)) | {"PYTHONPATH": str(ROOT)}
    environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"} | elsewhere
    weights = real_data / "weights/insightface/det_500m.onnx"
    subprocess.run([sys.executable, "-c", DETECT, weights], env=environment, check=True)
    found = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()]
    assert [name for name in found if "onnxruntime" in name or name == ".ses"] == []
