"""A trained network in one file that says how to use it: weights as safetensors, a card in the
metadata.
"""

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from clfer.errors import InputError
from clfer.files import replacing
from clfer.model.card import METADATA, Card, read
from clfer.model.network import Network


def save(weights: dict[str, Tensor], card: Card, path: Path) -> None:
    """Write the file, whole or not at all; the same weights and card give the same bytes."""
    with replacing(path) as temporary:
        save_file(
            {name: value.contiguous() for name, value in weights.items()},
            temporary,
            metadata={METADATA: card.text()},
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
    card = read(text, path)
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
