"""Rows of a table that are read from its file when they are asked for."""

import polars as pl
import pytest

from clfer.errors import InputError
from pipeline.stored import Rows

WHOLE = pl.DataFrame({"row": range(1000), "name": [f"{n:04}.png" for n in range(1000)], "x": 1.5})


@pytest.fixture
def file(tmp_path):
    WHOLE.write_parquet(tmp_path / "table.parquet", row_group_size=64, compression="uncompressed")
    return tmp_path / "table.parquet"


def test_slices_are_those_of_the_whole_table(file):
    rows, expected = Rows(file, "relabel demo", ("name", "row")), WHOLE.select("name", "row")
    assert len(rows) == 1000
    for part in (slice(0, 10), slice(60, 140), slice(990, 2000), slice(0, 0), slice(1000, 1010)):
        assert rows[part].equals(expected[part])


def test_single_rows_come_in_the_order_asked_for(file):
    rows = Rows(file, "relabel demo", ("row", "name"))
    numbers = [999, 0, 63, 64, 7]
    assert rows.at(pl.Series("row", numbers)).rows() == [(n, f"{n:04}.png") for n in numbers]
    none = rows.at(pl.Series("row", [], dtype=pl.Int64))
    assert none.schema == WHOLE.select("row", "name").schema
    assert len(none) == 0


def test_damage_is_told_when_it_is_met(file):
    """The first rows are whole, and the name of the file and its stage are known later as well."""
    content = bytearray(file.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 200] = bytes(255 for _ in range(200))
    file.write_bytes(content)
    rows = Rows(file, "relabel demo", ("row", "name"))
    assert rows[:64].equals(WHOLE.select("row", "name")[:64])
    with pytest.raises(InputError, match=r"table\.parquet: expected a table.*clfer relabel demo"):
        rows[64:1000]


def test_what_is_missing_is_named(file, tmp_path):
    with pytest.raises(InputError, match="expected a column 'box', found row, name, x; delete it"):
        Rows(file, "relabel demo", ("row", "box"))
    with pytest.raises(InputError, match=r"none\.parquet"):
        Rows(tmp_path / "none.parquet", "relabel demo", ("row",))
    file.write_bytes(file.read_bytes()[:300])
    with pytest.raises(InputError, match=r"table\.parquet: expected a table, found it damaged"):
        Rows(file, "relabel demo", ("row",))
