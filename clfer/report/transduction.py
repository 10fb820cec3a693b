"""The page of `clfer experiment transduction`."""

from collections.abc import Mapping, Sequence
from typing import Any

from clfer.report.markdown import table
from clfer.report.numbers import between, count, marked, percent, plural

QUESTION = (
    "The head of the paper's released code adds the mean of the current batch to every image, in "
    "evaluation too, so that the classes of the other images count. What is that alone worth? The "
    "predictions are those of models that see each image by itself; only the rule of the released "
    "head is put on top of them."
)
LEGEND = (
    "Accuracy in %, mean over the seeds, with the 95 % interval for other seeds on the same "
    "images. *honest*: each image by itself. Otherwise by order of the test images and size of "
    "the batch: *alone* counts each image twice; *shuffled* is the mean over {draws} "
    "permutations; *sorted* is by class, then by row; the last batch is kept. The head's bias is "
    "set on the validation images. {like}In a sorted order the batch tells the head the class: "
    "such a score does not say how well a model recognises a face."
)

LIKE = (
    "*RAF-DB's*: images drawn with replacement so that their classes follow RAF-DB's test list; "
    "*honest* beside it is of the same images by themselves. "
)


def markdown(document: Mapping[str, Any], picture: str) -> str:
    """The page of a document that `clfer experiment transduction` writes, with its picture."""
    variants, bounds = document["variants"], document["ci95"]
    head = [
        "order",
        "batch",
        *(f"{v}, {plural(len(s), 'seed')}" for v, s in document["seeds"].items()),
    ]
    orders = next(iter(variants.values()))
    rows = [["honest", "", *(_cell(variants[v]["honest"], bounds[v]["honest"]) for v in variants)]]
    for name in (name for name in orders if name != "honest"):
        for batch in orders[name]:
            cells = (_cell(variants[v][name][batch], bounds[v][name][batch]) for v in variants)
            rows.append([name, batch, *cells])
    title = marked(document["dataset"], document["evidence"], "val")
    parts = [
        f"# Transduction on {title}",
        QUESTION,
        f"{count(document['images'])} test images.",
        table(head, rows),
        LEGEND.format(draws=document["draws"], like=LIKE if "RAF-DB's" in orders else ""),
        f"![Accuracy by order of the test images and size of the batch]({picture})",
        f"Made by `{document['command']}`.",
    ]
    return "\n\n".join(parts) + "\n"


def _cell(value: float, ends: Sequence[float] | None) -> str:
    return f"{percent(value)} {between(ends)}".strip()
