"""Stage evaluate: one trained model on the test images, which nothing has looked at before."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clfer.errors import InputError
from clfer.files import replacing, sha256, write_json, write_text
from clfer.progress import silent
from pipeline import app, options, paths
from pipeline.console import say, table, track
from pipeline.params import block, check_there

if TYPE_CHECKING:
    from clfer.model.bundle import Card
    from clfer.training.recipe import Recipe


def evaluate(
    name: options.Dataset,
    variant: options.Variant,
    seed: options.Seed,
    on: Annotated[
        str | None,
        typer.Option(
            metavar="DATASET",
            help="Test on the images of another dataset instead.",
            autocompletion=options.DATASETS,
        ),
    ] = None,
    processes: options.Processes = 1,
) -> None:
    """Predict the test images with one trained model and score it under results/.

    With --on, classes are brought together by name, and the scores stand under transfer/.
    """
    for place in (("datasets", name), ("variants", variant), *([("datasets", on)] if on else [])):
        check_there(*place)
    if app.launched(processes):
        return
    from clfer import distributed
    from clfer.training.machine import device

    with distributed.joined(device()):
        _evaluate(name, variant, seed, on)


def _evaluate(name: str, variant: str, seed: int, on: str | None) -> None:
    """The same in this process, which may be one of several: the leader writes and speaks."""
    import numpy as np
    import polars as pl
    import torch

    from clfer import distributed
    from clfer.datasets import labels
    from clfer.datasets.transfer import restricted, shared
    from clfer.figures import confusion
    from clfer.model.bundle import load
    from clfer.report.model_card import EvaluatedModel, confusion_table, model_card, score_lines
    from clfer.report.numbers import OPTIMISTIC
    from clfer.scoring.scores import predicted, scores
    from clfer.scoring.selection import TEST
    from clfer.training.examples import Faces
    from clfer.training.machine import device, memory, threads
    from clfer.training.prediction import predict
    from pipeline.cell import cached, examples
    from pipeline.stored import protocol, tested

    model = paths.run(name, variant, seed) / "model.safetensors"
    network, card = load(paths.existing(model, f"train {name} {variant} {seed}"))
    recipe = _recipe(card, model)
    data = on or name
    split, stored = cached(data)
    faces = Faces(stored, device(), memory())
    network.to(faces.device).to(memory_format=torch.channels_last)
    index = examples(split, "test").face
    shown = track if distributed.leads() else silent
    with threads(recipe.threads):
        probability = predict(network, faces, index, recipe, shown).cpu().numpy()
    if not distributed.leads():
        return
    images = tested(split)
    if on:
        common = shared(card.classes, labels.classes(split))
        predictions = restricted(images, probability, common)
    else:
        predictions = predicted(images, probability, card.classes)
    model_sha256, split_sha256 = sha256(model), sha256(paths.split(data))
    about = labels.about(paths.split(data))
    called, evidence = protocol(about, block("split", "duplicates"), recipe.select)
    found = scores(predictions) | {
        "evidence": evidence,
        "protocol": called,
        "recipe": recipe.model_dump(mode="json"),
        "sources": {model.as_posix(): model_sha256, paths.split(data).as_posix(): split_sha256},
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
    with replacing(out / "predictions.parquet") as temporary:
        predictions.write_parquet(temporary)
    found["sources"][(out / "predictions.parquet").as_posix()] = sha256(out / "predictions.parquet")
    classes, counts = tuple(found["classes"]), np.array(found["confusion"])
    with replacing(out / "confusion.csv") as temporary:
        columns = {"actual": classes} | {c: counts[:, i] for i, c in enumerate(classes)}
        pl.DataFrame(columns).write_csv(temporary)
    with replacing(out / "confusion.png") as temporary:
        confusion.draw(counts, classes, title, temporary)
    write_json(out / "scores.json", found)
    if not on:
        evaluated = EvaluatedModel(
            dataset=name,
            variant=variant,
            seed=seed,
            file=model.as_posix(),
            file_sha256=model_sha256,
            card=card,
            parameters=sum(one.numel() for one in network.parameters()),
            stored=stored.shape[1:],
            split=split,
            split_sha256=split_sha256,
            scores=found,
        )
        write_text(out / "model_card.md", model_card(evaluated))
    table(*confusion_table(title, found))
    say(score_lines(found, on), f"evaluate {title}: {out}")


def _recipe(card: Card, model: Path) -> Recipe:
    """How it was trained; InputError where another version of clfer knew other settings."""
    from pydantic import ValidationError

    from clfer import __version__
    from clfer.training.recipe import Recipe

    provenance = card.provenance
    try:
        return Recipe.model_validate(provenance.get("recipe"))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(["recipe", *map(str, first["loc"])])
        found = "none" if first["type"] == "missing" else str(first["input"])[:60]
        raise InputError(
            f"{model}: expected the settings of training of clfer {__version__}, found "
            f"{found} as {key} (trained by clfer {provenance.get('clfer', 'of unknown version')}); "
            f"train it again"
        ) from error
