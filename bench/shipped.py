"""Score the model in the package on FERPlus' test images, beside the network it was made from.

    python -m bench.shipped FLOAT.safetensors

FERPlus is prepared in this checkout (`clfer split ferplus` and what goes before it). Writes the
model's card, clfer/inference/ferplus.md, and docs/results/shipped.json: SHA-256 of both files, all
scores of the one in the package and the accuracies of the other.
"""

import argparse
from pathlib import Path

import numpy as np
import polars as pl

from clfer.datasets import labels
from clfer.files import sha256, write_json, write_text
from clfer.inference.engines import open_engine
from clfer.inference.models import SHIPPED
from clfer.inference.predictor import BATCH
from clfer.model.bundle import load
from clfer.report.model_card import EvaluatedModel, model_card
from clfer.scoring.comparison import mcnemar
from clfer.scoring.scores import confidence, predicted, scores
from pipeline import paths
from pipeline.cell import cached, examples
from pipeline.stored import protocol, tested

NAME, RESULT = "ferplus", Path("docs/results/shipped.json")


def predictions(path: Path) -> pl.DataFrame:
    """Of a model's file, on the test images."""
    split, stored = cached(NAME)
    engine, faces = open_engine(path, "cpu"), stored[examples(split, "test").face.numpy()]
    parts = [engine(faces[i : i + BATCH]) for i in range(0, len(faces), BATCH)]
    return predicted(tested(split), np.concatenate(parts), engine.card.classes)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.shipped", description=main.__doc__)
    parser.add_argument("network", type=Path, help="the .safetensors that was exported")
    source, shipped = parser.parse_args().network, SHIPPED[NAME]
    network, card = load(source)
    table, split, stored = predictions(shipped), *cached(NAME)
    found, whole = scores(table), predictions(source)
    test = mcnemar(confidence(whole)[1], confidence(table)[1])
    selected_on = card.provenance["recipe"]["select"]
    called, evidence = protocol(labels.about(paths.split(NAME)), "drop", selected_on)
    model = EvaluatedModel(
        dataset=NAME,
        variant=card.provenance["variant"],
        seed=card.provenance["seed"],
        file=NAME,
        file_sha256=sha256(shipped),
        card=card,
        parameters=sum(one.numel() for one in network.parameters()),
        stored=stored.shape[1:],
        split=split,
        split_sha256=sha256(paths.split(NAME)),
        scores=found | {"protocol": called, "evidence": evidence},
    )
    write_text(shipped.with_suffix(".md"), model_card(model))
    unique = whole.filter("unique")
    about = {
        "file": {"sha256": sha256(shipped), "bytes": shipped.stat().st_size},
        "made_from": {
            "sha256": sha256(source),
            "accuracy": float(confidence(whole)[1].mean()),
            "accuracy_without_copies": float(confidence(unique)[1].mean()),
            "right_alone": test.only_a_right,
            "file_right_alone": test.only_b_right,
            "mcnemar_p": test.p,
        },
        "validation_accuracy": card.provenance["accuracy"]["val"],
        "scores": found,
    }
    write_json(RESULT, about)
    print(f"float {about['made_from']['accuracy']:.4f}, in the package {found['accuracy']:.4f}")


if __name__ == "__main__":
    main()
