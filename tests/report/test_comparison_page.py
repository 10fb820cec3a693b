"""The page of `clfer experiment comparison`: what it says of the training."""

import polars as pl
from recipes import recipe

from clfer.report.comparison import document, training


def said(**own):
    """What is said of two variants, of which the second has settings of its own."""
    machine = dict.fromkeys(("device", "python", "torch", "torchvision", "clfer"), "x")
    runs = []
    for variant, more in (("baseline", {}), ("msr", own)):
        settings = recipe(**more).model_dump()
        facts = {"variant": variant, "seed": 0, "recipe": settings, "sources": {}, "seconds": 1.0}
        runs.append((machine | facts, pl.DataFrame({"train_accuracy": [0.5]}), None))
    found = {"variants": {"baseline": {}, "msr": {}}}
    return training(document(found, runs, {}, [], ""))[0]


def test_a_recipe_of_its_own_is_not_the_same_for_every_variant():
    assert said().endswith("the same for every variant")
    assert said(lr=0.5, threads=7).endswith("the same for every variant, but msr has lr 0.5")
