"""A trained network in one file: weights as safetensors, and in their metadata a card.

PyTorch is imported by `save` and `load` alone, so that cards can be read where it is not installed.
"""

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field, ValidationError

from clfer.errors import InputError, in_one_line
from clfer.faces.preprocessing import MEAN, STD, Cut, View
from clfer.files import replacing
from clfer.model.variant import Variant
from clfer.settings import Settings

if TYPE_CHECKING:
    import torch

    import clfer.model.network

FORMAT = 2
Numbers = Annotated[tuple[float, ...], Field(strict=False)]
METADATA = "clfer"  # one entry: several would be written in no fixed order, and bytes must repeat


def _checked(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names) or not all(name and name.isprintable() for name in names):
        raise ValueError("expected names that can be printed, each once")
    return names


def _only(expected: tuple[float, ...], found: tuple[float, ...]) -> tuple[float, ...]:
    """Every view is normalised by these."""
    if found != expected:
        raise ValueError(f"expected {expected}")
    return found


class Card(Settings):
    """What has to be known to use a network, and where it comes from."""

    format: int
    classes: Annotated[tuple[str, ...], Field(strict=False), AfterValidator(_checked)]
    backbone: str
    stem: str
    variant: Variant
    cut: Cut
    view: View
    mean: Annotated[Numbers, AfterValidator(partial(_only, MEAN))]  # of pixels in [0, 1]
    std: Annotated[Numbers, AfterValidator(partial(_only, STD))]
    provenance: dict[str, Any]

    def text(self) -> str:
        """The card as JSON; the same card gives the same text."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True)


def card(
    classes: tuple[str, ...],
    backbone: str,
    stem: str,
    variant: Variant,
    cut: Cut,
    view: View,
    provenance: dict[str, Any],
) -> Card:
    """The card of a network trained here."""
    return Card(
        format=FORMAT,
        classes=classes,
        backbone=backbone,
        stem=stem,
        variant=variant,
        cut=cut,
        view=View(resize=view.resize, crop=view.crop),
        mean=MEAN,
        std=STD,
        provenance=provenance,
    )


def save(weights: dict[str, "torch.Tensor"], card: Card, path: Path) -> None:
    """Write the file, whole or not at all; the same weights and card give the same bytes."""
    from safetensors.torch import save_file

    whole = {name: value.contiguous() for name, value in weights.items()}
    with replacing(path) as temporary:
        save_file(whole, temporary, metadata={METADATA: card.text()})


def load(path: Path) -> tuple["clfer.model.network.Network", Card]:
    """The network, in evaluation mode, and its card. Raises InputError naming what does not fit."""
    import torch
    from safetensors import SafetensorError, safe_open

    from clfer.model.network import Network

    try:
        path.open("rb").close()  # of one that may not be read safetensors says that it is missing
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(METADATA)
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError as error:
        raise InputError(f"{path} is missing; `clfer train` writes it") from error
    except PermissionError:
        raise
    except (SafetensorError, OSError, KeyError, AttributeError) as error:  # types torch has not
        raise InputError(
            f"{path} is no readable safetensors file ({error}); train it again"
        ) from error
    card = read_card(text, path)
    about: tuple[Any, ...] = card.backbone, card.stem, len(card.classes), card.variant
    try:
        with torch.device("meta"):  # first without memory: a card may ask for more than there is
            Network(*about).load_state_dict(weights, assign=True)
        network = Network(*about)
        network.load_state_dict(weights)
    except (RuntimeError, ValueError, TypeError) as error:
        raise InputError(
            f"{path}: expected the weights of its card, found others ({in_one_line(error)}); train "
            "it again"
        ) from error
    return network.eval(), card


def read_card(text: str | None, path: Path) -> Card:
    """The card that stood in the file at `path`. Raises InputError naming what does not fit."""
    if text is None:
        raise InputError(f"{path}: expected a model written by clfer, found one without its card")
    again = "export" if path.suffix == ".onnx" else "train"
    try:
        content = json.loads(text)
        version = content.get("format") if isinstance(content, dict) else None
        if version == FORMAT:
            return Card.model_validate(content)
    except (ValueError, RecursionError) as error:
        place = "no JSON"
        if isinstance(error, ValidationError):
            place = ".".join(map(str, error.errors()[0]["loc"]))
        raise InputError(
            f"{path}: expected a card of format {FORMAT}, found one that is broken ({place}); "
            f"{again} it again"
        ) from error
    shown = version if isinstance(version, int) else "another"
    raise InputError(
        f"{path}: expected a card of format {FORMAT}, found {shown}; {again} it again with this "
        "version of clfer, or use it with the one that wrote it"
    )
