"""A trained network in one file that says how to use it: weights as safetensors, a card in the
metadata.
"""

import json
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from clfer.errors import InputError
from clfer.faces.views import MEAN, STD, View
from clfer.files import replacing
from clfer.model.network import Network
from clfer.model.variant import Variant
from clfer.settings import Settings

FORMAT = 1
METADATA = "clfer"  # one entry: several would be written in no fixed order, and bytes must repeat


class Card(Settings):
    """What has to be known to use a network, and where it comes from."""

    format: int
    classes: tuple[str, ...]
    backbone: str
    stem: str
    variant: Variant
    view: View
    mean: tuple[float, ...]  # per channel, of pixels in [0, 1]
    std: tuple[float, ...]
    provenance: dict[str, Any]


def card(
    classes: tuple[str, ...],
    backbone: str,
    stem: str,
    variant: Variant,
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
        view=View(resize=view.resize, crop=view.crop),
        mean=MEAN,
        std=STD,
        provenance=provenance,
    )


def save(weights: dict[str, Tensor], card: Card, path: Path) -> None:
    """Write the file, whole or not at all; the same weights and card give the same bytes."""
    with replacing(path) as temporary:
        save_file(
            {name: value.contiguous() for name, value in weights.items()},
            temporary,
            metadata={METADATA: json.dumps(card.model_dump(mode="json"), sort_keys=True)},
        )


def load(path: Path) -> tuple[Network, Card]:
    """The network, in evaluation mode, and its card. Raises InputError naming what does not fit."""
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(METADATA)
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError as error:
        raise InputError(f"{path} is missing; `clfer train` writes it") from error
    except (SafetensorError, OSError, KeyError, AttributeError) as error:  # types torch has not
        raise InputError(
            f"{path} is no readable safetensors file ({error}); train it again"
        ) from error
    if text is None:
        raise InputError(f"{path}: expected a model written by clfer, found one without its card")
    try:
        card = Card.model_validate_json(text)
    except ValidationError as error:
        raise InputError(
            f"{path}: expected a card of format {FORMAT}, found another; train it again"
        ) from error
    try:
        with torch.device("meta"):  # first without memory: a card may ask for more than there is
            _network(card).load_state_dict(weights, assign=True)
        network = _network(card)
        network.load_state_dict(weights)
    except (RuntimeError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"{path}: expected the weights of its card, found others ({reason}); train it again"
        ) from error
    return network.eval(), card


def _network(card: Card) -> Network:
    return Network(card.backbone, card.stem, len(card.classes), card.variant)  # type: ignore[arg-type]
