"""What earlier stages have stored: whatever its bytes are, tables, faces or one clear line."""

import io
import json

import numpy as np
import polars as pl
import pytest
from mutations import attack, broken

from clfer.datasets import images, labels
from clfer.progress import silent
from pipeline import stored

ROWS = 40


def split(**how):
    """The bytes of a split's table."""
    random = np.random.default_rng(0)
    target = random.random((ROWS, 3), dtype=np.float32)
    rows = pl.DataFrame({
        "row": pl.Series(range(ROWS), dtype=pl.Int64),
        "face": pl.Series([None if row % 9 == 8 else row for row in range(ROWS)], dtype=pl.Int64),
        "label": pl.Series(["calm", "glad"] * (ROWS // 2), dtype=pl.Enum(("calm", "glad"))),
        "target": pl.Series(target, dtype=pl.Array(pl.Float32, 3)),
        "split": ["train", "val", "test", None] * (ROWS // 4),
        "landmarks": pl.Series([[1.5] * 10, None] * (ROWS // 2), dtype=labels.LANDMARKS),
    })  # fmt: skip
    file = io.BytesIO()
    rows.write_parquet(file, metadata={"protocol": "by hand", "evidence": "false"}, **how)
    return file.getvalue()


TABLES = [split(), split(compression="uncompressed"), split(compression="snappy", row_group_size=9)]


def npy(array, **how):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, **how)
    return file.getvalue()


FACES = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 1), dtype=np.uint8)
ARRAYS = [npy(FACES), npy(np.asfortranarray(FACES)), npy(FACES, version=(3, 0))]


@pytest.mark.parametrize("columns", [(), ("row", "label", "target")])
def test_a_table(columns, tmp_path):
    def read(content):
        (tmp_path / "demo.parquet").write_bytes(content)
        found = stored.table(tmp_path / "demo.parquet", "split demo", columns, bool(columns))
        assert {*columns} <= {*found.columns}
        found.to_dicts()

    attack(f"parquet {' '.join(columns)}", broken(*TABLES), read, 300)


def test_rows_of_a_table(tmp_path):
    def read(content):
        (tmp_path / "demo.parquet").write_bytes(content)
        rows = stored.Rows(tmp_path / "demo.parquet", "split demo", ("row", "label", "landmarks"))
        rows[5:30].to_dicts()
        rows.at(pl.Series([39, 2])).to_dicts()

    attack("rows of parquet", broken(*TABLES), read, 300)


def test_the_end_of_a_table(tmp_path):
    """Its schema and where its columns are."""

    def read(content):
        (tmp_path / "demo.parquet").write_bytes(content[::-1])
        stored.table(tmp_path / "demo.parquet", "split demo").to_dicts()

    inputs = broken(*(table[::-1] for table in TABLES), reach=900)
    attack("parquet, its end", inputs, read, 300)


def test_what_a_table_says_of_itself(tmp_path):
    def read(content):
        (tmp_path / "demo.parquet").write_bytes(content)
        assert {*labels.about(tmp_path / "demo.parquet")} == {"protocol", "evidence"}

    attack("parquet metadata", broken(*TABLES), read, 300)


def test_the_index_of_the_images(tmp_path):
    (tmp_path / "there").mkdir()
    files = [images.File(f"{number}.jpg", 9) for number in range(ROWS)]
    images.index(tmp_path, tmp_path, tmp_path / "there", files, silent)
    valid = (tmp_path / images.INDEX).read_bytes()

    def read(content):
        (tmp_path / images.INDEX).write_bytes(content)
        assert {*map(type, images.indexed(tmp_path))} <= {str}

    attack("index of images", broken(valid), read, 300)

    def look(content):
        (tmp_path / images.INDEX).write_bytes(content)
        images.pictures(tmp_path, tmp_path)(pl.DataFrame({"name": ["3.jpg", None, "30.jpg"]}))

    attack("sizes of images", broken(valid), look, 300)


@pytest.mark.parametrize(("name", "reach"), [("faces.npy", 1 << 20), ("faces.npy, its start", 128)])
def test_faces(name, reach, tmp_path):
    def read(content):
        (tmp_path / "faces.npy").write_bytes(content)
        found = stored.array(tmp_path / "faces.npy", "align demo")
        assert found.dtype == np.uint8
        assert found.ndim == 4
        found.sum()

    attack(name, broken(*ARRAYS, reach=reach), read, 300)


def test_a_history(tmp_path):
    valid = b"epoch,loss,val_accuracy\n1,0.5,0.25\n2,0.25,0.5\n"

    def read(content):
        (tmp_path / "history.csv").write_bytes(content)
        stored.table(tmp_path / "history.csv", "train demo ours 0", ("epoch",))

    attack("history.csv", broken(valid), read, 300)


def test_a_document(tmp_path):
    valid = json.dumps({"accuracy": 0.5, "classes": ["calm", "glad"], "top2": None}).encode()

    def read(content):
        (tmp_path / "scores.json").write_bytes(content)
        assert isinstance(stored.document(tmp_path / "scores.json", "evaluate demo ours 0"), dict)

    attack("JSON", broken(valid), read, 300)
