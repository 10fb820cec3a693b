"""`clfer describe` through the command line, on a small demo."""

import json

from test_commands import checkout as checkout
from test_commands import clfer, edit, refused


def test_before_its_time_and_on_a_small_demo(checkout):
    edit(checkout, "      train: 1000", "      train: 160")
    edit(checkout, "      val: 250", "      val: 120")
    edit(checkout, "      test: 500", "      test: 120")
    for stages, missing in ((("download", "relabel"), "relabel"), (("align",), "align")):
        line = refused(checkout, "describe", "demo")
        assert f"`clfer {missing} demo` writes it" in line
        for stage in stages:
            assert clfer(checkout, stage, "demo").returncode == 0
    target = checkout / "data/describe"
    assert not target.exists()

    for split in ("as published", "as divided"):
        if split == "as divided":
            assert clfer(checkout, "split", "demo").returncode == 0
        done = clfer(checkout, "describe", "demo")
        assert done.returncode == 0, done.stderr
        assert f"splits {split}" in done.stdout
        assert "two raters agree" in done.stdout
        assert max(map(len, done.stdout.splitlines()[:-6])) <= 80
        found = json.loads((target / "demo.json").read_text())
        assert found["split"] == split
        assert found["rows"] == 400
        assert found["evidence"] is False
        assert list(found["splits"]) == ["train", "val", "test"]
        assert sorted(path.name for path in target.iterdir()) == ["demo.json", "demo.png"]
    used, published = (found["splits"]["train"][kind]["images"] for kind in ("used", "published"))
    assert used < published  # copies have left train
