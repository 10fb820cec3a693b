"""Stage train: one variant on one dataset with one seed."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import polars as pl
import torch
import typer
from safetensors.torch import save_file

from clfer import __version__, distributed
from clfer.errors import InputError
from clfer.files import replacing, sha256
from clfer.model.bundle import save
from clfer.model.card import card
from clfer.progress import silent
from clfer.scratch import fingerprint
from clfer.training.checkpoints import FORMAT, claim
from clfer.training.deterministic import threads
from clfer.training.examples import UNLABELLED, Faces
from clfer.training.loop import train as fit
from clfer.training.supervision import thinned
from pipeline import cell, paths
from pipeline.console import err, say, track
from pipeline.data import cached, device, examples
from pipeline.params import check_unchanged


def train(
    name: Annotated[str, typer.Argument(metavar="DATASET")],
    variant: Annotated[str, typer.Argument(metavar="VARIANT")],
    seed: Annotated[int, typer.Argument(metavar="SEED", min=0)],
    fresh: Annotated[
        bool, typer.Option(help="Begin anew instead of continuing a killed run.")
    ] = False,
    device_memory: Annotated[
        float,
        typer.Option(envvar="CLFER_DEVICE_MEMORY", help="GiB of faces kept on the device."),
    ] = 8.0,
    processes: Annotated[
        int, typer.Option(min=1, help="Processes of this machine that share every batch.")
    ] = 1,
) -> None:
    """Train one variant with one seed and keep its model and history under runs/."""
    if processes > 1 and not distributed.started():
        again = ["--fresh"] if fresh else []
        memory = ["--device-memory", str(device_memory)]
        from pipeline.processes import launch

        launch(processes, ["train", name, variant, str(seed), *again, *memory])
        return
    there = device()
    with distributed.joined(there):
        _train(name, variant, seed, fresh, device_memory, there)


def _train(
    name: str, variant: str, seed: int, fresh: bool, device_memory: float, there: torch.device
) -> None:
    """The same in this process, which may be one of several: the leader writes and speaks."""
    chosen, recipe = cell.variant(variant), cell.recipe(name, variant)
    split, stored = cached(name)
    classes = tuple(split["label"].dtype.categories)  # type: ignore[attr-defined]
    parts = ("train", "val", "test") if recipe.select == "test" else ("train", "val")
    splits = {part: examples(split, part) for part in parts}
    if recipe.scarce_class is not None:
        code = _code(recipe.scarce_class, classes)
        splits["train"] = thinned(splits["train"], code, recipe.scarce_kept, seed)
    digests = [sha256(paths.split(name)), sha256(paths.faces(name))]
    leads, team = distributed.leads(), distributed.size()
    all_of_it = (recipe.model_dump(), chosen.model_dump(), seed, digests, torch.__version__, team)
    where = paths.scratch(fingerprint(FORMAT, *all_of_it))
    if fresh and leads:
        (where / "state.pt").unlink(missing_ok=True)
    distributed.wait()
    faces = Faces(stored, there, device_memory)
    out = paths.run(name, variant, seed)
    if leads:
        several = f", {team} processes" if team > 1 else ""
        err.print(f"train {name} {variant} seed {seed} on {there}{several}", highlight=False)
    with claim(where) as checkpoint, threads(recipe.threads):
        shown = track if leads else silent
        state = fit(faces, splits, recipe, chosen, seed, checkpoint, shown, report)
        if not leads:
            return
        best = state.history[state.best_epoch - 1]
        provenance = {
            "dataset": name,
            "variant": variant,
            "seed": seed,
            "epoch": state.best_epoch,
            "selected_on": recipe.select,
            "accuracy": {part: best[f"{part}_accuracy"] for part in parts},
            "recipe": recipe.model_dump(),
            "split_sha256": digests[0],
            "faces_sha256": digests[1],
            "clfer": __version__,
        }
        with replacing(out / "history.csv") as temporary:
            pl.DataFrame(state.history).write_csv(temporary)
        with replacing(out / "features.safetensors") as temporary:
            save_file(state.moments, temporary)
        cut = cell.cut(name)
        bundle = card(classes, recipe.backbone, recipe.stem, chosen, cut, recipe, provenance)
        save(state.best, bundle, out / "model.safetensors")
        check_unchanged()  # before the state goes: put back, the parameters find it done
    known = int((state.label != UNLABELLED).sum())
    labelled = f" ({known:,} with a label)" if known < len(state.label) else ""
    lines = [
        f"{len(state.label):,} images{labelled}, {recipe.epochs} epochs of {recipe.backbone} "
        f"at {recipe.crop} px",
        f"epoch {state.best_epoch} selected on {recipe.select}"
        + (" (optimistic: the test images chose it): " if recipe.select == "test" else ": ")
        + ", ".join(f"{part} accuracy {best[f'{part}_accuracy']:.4f}" for part in parts),
    ]
    say(lines, f"train {name} {variant} {seed}: {out}")


def _code(name: str, classes: Sequence[str]) -> int:
    """The place of a class among the dataset's; InputError where it has none."""
    if name not in classes:
        raise InputError(
            f"train.scarce_class: expected one of {', '.join(classes)}; found '{name}'"
        )
    return classes.index(name)


def report(row: Mapping[str, int | float]) -> None:
    """A line per epoch on standard error."""
    err.print(
        f"  epoch {row['epoch']:>3.0f}  loss {row['loss']:.4f}  train {row['train_accuracy']:.4f}  "
        f"val {row['val_accuracy']:.4f}",
        highlight=False,
    )
