"""The network of an exported model, for what needs gradients or feature maps."""

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx.numpy_helper import to_array
from torch import Tensor, nn

from clfer.errors import InputError, in_one_line
from clfer.model.bundle import METADATA, Card, read_card
from clfer.model.multiscale import MultiScale
from clfer.model.network import Network

QUANTISED = "_quantized"  # behind the name of a weight in eight bits


def restored(path: Path) -> tuple[Network, Card]:
    """The network in evaluation mode, and its card.

    Each batch normalisation has become the bias of its convolution, and does nothing but add that.
    Weights in eight bits are what they stand for; activations are not rounded to eight bits here,
    so that probabilities differ a little from those of the file. InputError where the file is no
    model of ours.
    """
    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:  # of protobuf, for whatever the file holds
        raise InputError(f"{path}: expected a model by `clfer export`, found none") from error
    card = read_card({one.key: one.value for one in model.metadata_props}.get(METADATA), path)
    try:
        network = Network(card.backbone, card.stem, len(card.classes), card.variant)  # type: ignore[arg-type]
        network.load_state_dict(_state(network, _weights(model)))
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: expected the weights of its card, found others "
            f"({in_one_line(error)}); name the .safetensors that it was made from"
        ) from error
    return network.eval(), card


def _weights(model: onnx.ModelProto) -> dict[str, Tensor]:
    """By their names in the network, in float32."""
    stored = {one.name.removeprefix("network."): to_array(one) for one in model.graph.initializer}
    weights = {}
    for name, value in stored.items():
        if name.endswith(QUANTISED):
            name = name.removesuffix(QUANTISED)
            # a bias has a scale of its own, that of its layer's inputs times its weights
            stem = name if f"{name}_scale" in stored else name + QUANTISED
            scale, zero = stored[f"{stem}_scale"], stored[f"{stem}_zero_point"]
            ends = (-1, *(1,) * (value.ndim - 1))  # a scale for each output channel
            value = (value.astype(np.int64) - zero.reshape(ends)) * scale.reshape(ends)
        weights[name] = torch.from_numpy(value.astype(np.float32))
    return weights


def _state(network: Network, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights and, for each batch normalisation, what makes it add the bias of the convolution
    that stands before it.
    """
    state, convolution = dict(network.state_dict()), ""
    if isinstance(network.representation, MultiScale):  # W of eq. 8 has lost its name, and is W^T
        shape = network.representation.attention.weight.T.shape
        (turned,) = (value for value in weights.values() if value.shape == shape)
        weights = {**weights, "representation.attention.weight": turned.T}
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            convolution = name
        elif isinstance(module, nn.BatchNorm2d):
            bias = weights[f"{convolution}.weight_bias"]
            one = torch.ones_like(bias)
            state |= {
                f"{name}.weight": one,
                f"{name}.bias": bias,
                f"{name}.running_mean": 0 * one,
                f"{name}.running_var": one - module.eps,
            }
    normalised = {name.rpartition(".")[0] for name in state if name.endswith(".running_var")}
    learned = (name for name in state if name.rpartition(".")[0] not in normalised)
    return state | {name: weights[name] for name in learned}
