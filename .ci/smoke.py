"""What the wheel alone can do where no extra is installed: `python smoke.py [--model FILE]`, run in
an empty folder so that the checkout is not imported.
"""

import csv
import subprocess
import sys

from PIL import Image


def clfer(*words: str, status: int = 0) -> str:
    """What a command printed, results and messages. It must end with that status."""
    done = subprocess.run(["clfer", *words], capture_output=True, text=True)
    assert done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout + done.stderr


Image.radial_gradient("L").save("face.png")
said = clfer(
    *("predict", "face.png", "--no-detect", "--csv", "faces.csv", "--draw", "drawn"), *sys.argv[1:]
)
with open("faces.csv", encoding="utf-8") as file:
    (row,) = csv.DictReader(file)
shares = [float(value) for name, value in row.items() if name.startswith("probability_")]
assert len(shares) >= 7, row
assert abs(sum(shares) - 1) < 1e-3, row
assert row["label"] in said, said
assert Image.open("drawn/face.png").size == (256, 256)
assert "predict" in clfer("--help")
assert "pip install 'clfer[train]'" in clfer("benchmark", status=1)
print(said)
