"""The core predicts alone, and a missing extra is one line that names it."""

import re
import subprocess
import sys
import tomllib
from contextlib import suppress
from importlib import metadata

import numpy as np
import pytest
from checkouts import environment
from closure import ROOT
from exported_models import tiny
from packaging.requirements import Requirement
from PIL import Image

from clfer.errors import EXTRAS
from pipeline.app import STAGES, TOOLS

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ALONE = {"extra": ""}
OWNERS = metadata.packages_distributions()  # of a module, the distributions that have it
MISSING = [
    ("benchmark", "torch"),
    ("predict {photo} --no-detect --model {model} --parquet a.parquet", "polars"),
    ("predict {photo} --no-detect --model {photo}", "torch"),
    ("demo --no-open --port 0", "fastapi"),
    ("export {photo}", "onnx"),
]

# a process in which the core alone can be imported
CORE = """
import sys
sys.modules |= dict.fromkeys({absent})
from typer.testing import CliRunner
from pipeline.app import app, main
"""
HELP = """
for name in {commands}:
    assert CliRunner().invoke(app, [name, "--help"]).exit_code == 0, name
main([*{words}, "--draw", "drawn", "--csv", "a.csv"])
"""


def plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def required(names):
    """Distributions, and all that they require, as installed here."""
    found, waiting = set(), [*names]
    while waiting:
        name = plain(waiting.pop())
        if name not in found:
            found.add(name)
            with suppress(metadata.PackageNotFoundError):
                asked = map(Requirement, metadata.requires(name) or ())
                always = (one for one in asked if not one.marker or one.marker.evaluate(ALONE))
                waiting += [one.name for one in always]
    return found


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("core")
    photo, model = folder / "face.png", folder / "tiny.onnx"
    pixels = np.random.default_rng(0).integers(0, 256, (48, 48), dtype=np.uint8)
    Image.fromarray(pixels).save(photo)
    model.write_bytes(tiny().SerializeToString())
    return folder, {"photo": str(photo), "model": str(model)}


def run(folder, code):
    core = required(Requirement(one).name for one in PROJECT["dependencies"])
    core |= {"clfer", "opencv-python", "setuptools"}  # one with the same module; one of .pth files
    absent = [name for name, owners in OWNERS.items() if not core & set(map(plain, owners))]
    code = CORE.format(absent=absent) + code
    words, env = [sys.executable, "-c", code], environment(folder, PYTHONPATH=str(ROOT))
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, env=env)


def test_predict_and_all_help_import_the_core_alone(files):
    folder, names = files
    words = ["predict", names["photo"], "--no-detect", "--model", names["model"]]
    done = run(folder, HELP.format(commands=[*STAGES, *TOOLS], words=words))
    assert done.returncode == 0, done.stderr
    assert (folder / "drawn/face.png").exists()
    assert len((folder / "a.csv").read_text().splitlines()) == 2
    assert "1 face in 1 picture" in done.stdout


@pytest.mark.parametrize(("words", "package"), MISSING)
def test_a_missing_extra_is_one_line(files, words, package):
    folder, names = files
    done = run(folder, f"main({words.format(**names).split()})")
    extra = next(one for one, names in EXTRAS.items() if package in names.split())
    assert done.returncode == 1
    line = f"error: {package} is missing, which this command needs: pip install 'clfer[{extra}]'"
    assert done.stderr.splitlines()[-1] == line
    assert "Traceback" not in done.stderr


def test_the_extras_have_what_their_line_promises():
    for extra, names in EXTRAS.items():
        asked = PROJECT["optional-dependencies"][extra]
        listed = required(Requirement(one).name for one in asked if "clfer[" not in one)
        for module in names.split():
            assert set(map(plain, OWNERS.get(module, [module]))) & listed, module
    everything = set(PROJECT["optional-dependencies"]) - {"all", "dev"}
    (whole,) = map(Requirement, PROJECT["optional-dependencies"]["all"])
    assert whole.extras | {"train"} == everything
