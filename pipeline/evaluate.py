"""Stage evaluate: one trained model on the test images, which nothing has looked at before."""

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import polars as pl
import torch
import typer
from jaxtyping import Float
from pydantic import ValidationError

from clfer import __version__, distributed
from clfer.datasets import labels
from clfer.datasets.transfer import restricted, shared
from clfer.errors import InputError
from clfer.figures import confusion
from clfer.files import replacing, sha256
from clfer.model.bundle import load
from clfer.model.card import Card
from clfer.progress import silent
from clfer.report.evaluation import confusion_table, score_lines
from clfer.report.marks import OPTIMISTIC
from clfer.report.model_card import model_card
from clfer.report.trained import Trained
from clfer.scoring.scores import scores
from clfer.scoring.selection import TEST
from clfer.team import started
from clfer.training.examples import Faces
from clfer.training.machine import device, memory, threads
from clfer.training.prediction import predict
from clfer.training.recipe import Recipe
from pipeline import paths
from pipeline.console import say, table, track
from pipeline.data import cached, examples
from pipeline.params import block


def evaluate(
    name: Annotated[str, typer.Argument(metavar="DATASET")],
    variant: Annotated[str, typer.Argument(metavar="VARIANT")],
    seed: Annotated[int, typer.Argument(metavar="SEED", min=0)],
    on: Annotated[
        str | None,
        typer.Option(metavar="DATASET", help="Test on the images of another dataset instead."),
    ] = None,
    processes: Annotated[
        int, typer.Option(min=1, help="Processes of this machine that share the images.")
    ] = 1,
) -> None:
    """Predict the test images with one trained model and score it under results/.

    With --on, classes are brought together by name, and the scores stand under transfer/.
    """
    if processes > 1 and not started():
        from pipeline.processes import launch

        launch(processes, ["evaluate", name, variant, str(seed), *(["--on", on] if on else [])])
        return
    there = device()
    with distributed.joined(there):
        _evaluate(name, variant, seed, on, there)


def _evaluate(name: str, variant: str, seed: int, on: str | None, there: torch.device) -> None:
    """The same in this process, which may be one of several: the leader writes and speaks."""
    model = paths.run(name, variant, seed) / "model.safetensors"
    network, card = load(paths.existing(model, f"train {name} {variant} {seed}"))
    recipe = _recipe(card, model)
    data = on or name
    split, stored = cached(data)
    images = split.filter(pl.col("split") == "test").sort("row")
    images = images.select("row", "group", "unique", "label", "target")
    faces = Faces(stored, there, memory())
    network.to(faces.device).to(memory_format=torch.channels_last)
    index = examples(split, "test").face
    shown = track if distributed.leads() else silent
    with threads(recipe.threads):
        probability = predict(network, faces, index, recipe, shown).cpu().numpy()
    if not distributed.leads():
        return
    if on:
        common = shared(card.classes, labels.classes(split))
        predictions = restricted(images, probability, common)
    else:
        predictions = _own(images, probability, card)
    about = labels.about(paths.split(data))
    found = scores(predictions) | {
        "evidence": json.loads(about["evidence"]),
        "protocol": {
            "labels": about["protocol"],
            "duplicates": block("split", "duplicates"),
            "selected_on": recipe.select,
        },
    }
    if on:
        found["transfer"] = {
            "trained_on": name,
            "left_out_of_model": common.left_out_of_model,
            "left_out_of_data": common.left_out_of_data,
            "images_left_out": len(images) - len(predictions),
            "preferred_another": float(predictions["preferred_another"].to_numpy().mean()),
        }
    out = paths.transfer(on, name, variant, seed) if on else paths.results(name, variant, seed)
    title = f"{name} {variant}, seed {seed}" + (f", on {on}" if on else "")
    if recipe.select == TEST and not on:
        title += f" ({OPTIMISTIC})"
    _write(predictions, found, title, out)
    if not on:
        trained = Trained(
            dataset=name,
            variant=variant,
            seed=seed,
            file=model.as_posix(),
            file_sha256=sha256(model),
            card=card,
            parameters=sum(one.numel() for one in network.parameters()),
            stored=stored.shape[1:],
            split=split,
            split_sha256=sha256(paths.split(name)),
            scores=found,
        )
        with replacing(out / "model_card.md") as temporary:
            temporary.write_text(model_card(trained), encoding="utf-8")
    table(*confusion_table(title, found))
    say(score_lines(found, on), f"evaluate {title}: {out}")


def _recipe(card: Card, model: Path) -> Recipe:
    """How it was trained; InputError where another version of clfer knew other settings."""
    told = card.provenance
    try:
        return Recipe.model_validate(told.get("recipe"))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(["recipe", *map(str, first["loc"])])
        found = "none" if first["type"] == "missing" else str(first["input"])[:60]
        raise InputError(
            f"{model}: expected the settings of training of clfer {__version__}, found "
            f"{found} as {key} (trained by clfer {told.get('clfer', 'of unknown version')}); "
            f"train it again"
        ) from error


def _own(images: pl.DataFrame, probability: Float[np.ndarray, "N C"], card: Card) -> pl.DataFrame:
    """What a model predicts of its own dataset's images."""
    best = [card.classes[i] for i in probability.argmax(1)]
    return images.with_columns(
        pl.Series("probability", probability, pl.Array(pl.Float32, len(card.classes))),
        pl.Series("predicted", best).cast(pl.Enum(card.classes)),
    )


def _write(predictions: pl.DataFrame, found: dict[str, Any], title: str, out: Path) -> None:
    """The four files of an evaluation, each whole or not at all."""
    classes, counts = tuple(found["classes"]), np.array(found["confusion"])
    with replacing(out / "predictions.parquet") as temporary:
        predictions.write_parquet(temporary)
    with replacing(out / "confusion.csv") as temporary:
        rows = {"actual": classes} | {c: counts[:, i] for i, c in enumerate(classes)}
        pl.DataFrame(rows).write_csv(temporary)
    with replacing(out / "confusion.png") as temporary:
        confusion.draw(counts, classes, title, temporary)
    with replacing(out / "scores.json") as temporary:
        temporary.write_text(json.dumps(found, indent=2) + "\n")
