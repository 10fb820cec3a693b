"""bench/gpu_day.sh: what it would run is there."""

import re
import subprocess

import pytest
from checkouts import ROOT
from ruamel.yaml import YAML

PARAMS = YAML(typ="safe", pure=True).load(ROOT / "params.yaml")


def said(*words):
    command = ["bash", "bench/gpu_day.sh", *words]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return ran.returncode, ran.stdout + ran.stderr


def test_its_experiments_name_what_params_yaml_has(tmp_path):
    status, text = said("--dry-run", "pack", str(tmp_path / "packs"))
    experiments = re.findall(r"^\+ (clfer experiment .*)$", text, re.MULTILINE)
    assert status == 0
    assert len(experiments) == 8
    for line in experiments:
        for names in re.findall(r"--variants (\S+)", line):
            assert set(names.split(",")) <= PARAMS["variants"].keys()
        for name in re.findall(r"--recipe (\S+)", line):
            assert name in PARAMS["recipes"]
        for block, key in re.findall(r"-S recipes\.(\w+)\.(\w+)=", line):
            assert key in PARAMS["recipes"][block]
    assert not (tmp_path / "packs").exists()


@pytest.mark.parametrize("words", [(), ("run", "packs"), ("pack",)])
def test_without_what_it_needs_it_says_how(words):
    status, text = said(*words)
    assert status == 1
    assert "bench/gpu_day.sh pack PACKS" in text
