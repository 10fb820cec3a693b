"""Stage split: which image trains, which validates, which tests, and what leaks between them."""

from pathlib import Path
from typing import Any

from clfer.errors import InputError
from clfer.files import replacing, write_json
from pipeline import options, paths
from pipeline.console import say
from pipeline.params import dataset, settings

LABELS = ("row", "usage", "label", "target")


def split(name: options.Dataset) -> None:
    """Cache the split of a dataset, free of copies across its parts, with an audit beside it."""
    from clfer.report.rendering import sentences

    target = paths.split(name)
    leaks = divide(name, target)
    write_json(target.with_suffix(".json"), leaks)
    say(sentences("leakage.txt.j2", leakage=leaks), f"split {name}: {target}")


def divide(name: str, target: Path, duplicates: str | None = None) -> dict[str, Any]:
    """Write the split of a dataset; what leaks in it. duplicates: instead of `split.duplicates`."""
    import polars as pl

    from clfer.audit.leakage import leakage
    from clfer.datasets import labels as columns
    from clfer.datasets.splits import Split
    from clfer.datasets.splits import split as split_table
    from pipeline import stored

    module = dataset(name)
    chosen = settings(Split, "split", over={"duplicates": duplicates} if duplicates else {})
    labels, records = paths.labels(name), paths.faces(name).with_suffix(".parquet")
    pixels = stored.array(paths.faces(name), f"align {name}")
    faces = stored.table(records, f"align {name}", ("row", "face"), alone=True)
    if len(faces) != len(pixels):
        raise InputError(
            f"{paths.faces(name)}: expected the {len(faces):,} faces of the records beside it, "
            f"found {len(pixels):,}; let `clfer align {name}` write both again"
        )
    table = (
        stored.table(labels, f"relabel {name}", LABELS, alone=True)
        .join(faces, on="row", how="left", maintain_order="left")
        .with_columns(pl.col("usage").replace_strict(module.SPLITS).alias("published"))
        .drop("usage")
    )
    divided = split_table(table, pixels, columns.classes(table), chosen)
    with replacing(target) as temporary:
        divided.write_parquet(temporary, metadata=columns.about(labels))
    return leakage(divided)
