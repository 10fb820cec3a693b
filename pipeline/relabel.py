"""Stage relabel: the published labels as one table, a row for each image."""

import json
from collections import Counter

from clfer.files import replacing
from pipeline import options, paths
from pipeline.console import say
from pipeline.params import dataset, settings


def relabel(name: options.Dataset) -> None:
    """Turn a dataset's published labels or votes into data/labels/DATASET.parquet."""
    from clfer.datasets.labels import GROUP

    module = dataset(name)
    labels = settings(module.Labels, "datasets", name, "labels")
    table, remarks = module.label(paths.existing(paths.raw(name), f"download {name}"), labels)
    protocol = module.protocol(labels, table)
    with replacing(paths.labels(name)) as temporary:
        # what every later stage has to know of the dataset goes with its table
        about = {"protocol": protocol, "evidence": json.dumps(module.EVIDENCE)}
        table.write_parquet(temporary, metadata=about, row_group_size=GROUP)
    kept = table.drop_nulls("label")
    usage = Counter(kept["usage"])
    lines = [
        protocol,
        f"{len(table):,} rows, {len(kept):,} with a label: "
        + ", ".join(f"{usage[name]:,} {name}" for name in dict.fromkeys(table["usage"])),
        *remarks,
    ]
    say(lines, f"relabel {name}: {paths.labels(name)}")
