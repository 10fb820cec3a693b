"""Stage evaluate: one trained model on the test images, which nothing has looked at before."""

import json
from typing import Annotated

import numpy as np
import polars as pl
import torch
import typer

from clfer import labels
from clfer.figures import confusion
from clfer.files import replacing
from clfer.model.bundle import load
from clfer.scoring.scores import scores
from clfer.training.examples import Faces
from clfer.training.precision import precision
from clfer.training.prediction import predict
from clfer.training.recipe import Recipe
from pipeline import paths
from pipeline.console import say, table, track
from pipeline.data import cached, device, examples
from pipeline.params import block


def evaluate(
    name: Annotated[str, typer.Argument(metavar="DATASET")],
    variant: Annotated[str, typer.Argument(metavar="VARIANT")],
    seed: Annotated[int, typer.Argument(min=0)],
) -> None:
    """Predict the test images with one trained model and score it under results/."""
    model = paths.run(name, variant, seed) / "model.safetensors"
    network, card = load(paths.existing(model, f"train {name} {variant} {seed}"))
    split, stored = cached(name)
    dataset = labels.about(paths.split(name))
    faces = Faces(stored, device(), memory=8.0)
    network.to(faces.device).to(memory_format=torch.channels_last)
    recipe = Recipe.model_validate(card.provenance["recipe"])
    probability = predict(
        network,
        faces,
        examples(split, "test").face,
        card.view,
        precision(recipe, faces.device),
        track,
    ).cpu()
    predictions = (
        split.filter(pl.col("split") == "test")
        .sort("row")
        .select("row", "group", "unique", "label", "target")
        .with_columns(
            pl.Series("probability", probability.numpy(), pl.Array(pl.Float32, len(card.classes))),
            pl.Series("predicted", [card.classes[i] for i in probability.argmax(1).tolist()]).cast(
                pl.Enum(card.classes)
            ),
        )
    )
    found = scores(predictions) | {
        "evidence": json.loads(dataset["evidence"]),
        "protocol": {
            "labels": dataset["protocol"],
            "duplicates": block("split", "duplicates"),
            "selected_on": recipe.select,
        },
    }
    out = paths.results(name, variant, seed)
    counts = np.array(found["confusion"])
    with replacing(out / "predictions.parquet") as temporary:
        predictions.write_parquet(temporary)
    with replacing(out / "confusion.csv") as temporary:
        rows = {"actual": card.classes} | {c: counts[:, i] for i, c in enumerate(card.classes)}
        pl.DataFrame(rows).write_csv(temporary)
    with replacing(out / "confusion.png") as temporary:
        confusion.draw(counts, card.classes, f"{name} {variant}, seed {seed}", temporary)
    with replacing(out / "scores.json") as temporary:
        temporary.write_text(json.dumps(found, indent=2) + "\n")
    columns = [c[:4] for c in card.classes]  # eight of them fit a terminal of 80 columns
    table(
        f"{name} {variant} {seed}: rows are the actual class, columns the predicted one",
        ["", *columns, "recall"],
        [
            [c, *map(str, counts[i]), f"{found['per_class'][c]['recall']:.2f}"]
            for i, c in enumerate(card.classes)
        ],
    )
    low, high = found["accuracy_ci95"]
    say(
        [
            f"accuracy {found['accuracy']:.4f} [{low:.4f}, {high:.4f}], {found['images']:,} images",
            f"UAR {found['uar']:.4f}, macro-F1 {found['macro_f1']:.4f}, ECE {found['ece']:.4f}",
        ],
        f"evaluate {name} {variant} {seed}: {out}",
    )
