"""The encoder: a ResNet of torchvision, read out after each of its four blocks (Sec. III-A)."""

import pickle
import zipfile
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision import models
from torchvision.models.resnet import BasicBlock, ResNet

from clfer.errors import InputError, in_one_line

Stem = Literal["full", "small"]
STRIDE = {"full": 32, "small": 16}  # of the deepest map, in input pixels
POSITIONS = 16  # fewest of the deepest map: with less there is nothing to code
SMALL = "resnet10_quarter"
RESNETS = (SMALL, *models.list_models(include=["resnet*", "resnext*", "wide_resnet*"]))


class Encoder(nn.Module):
    """The features of an image: f_1..f_4 [B, C_j, H_j, W_j], each half the side of the one before.

    stem: `full` is torchvision's; `small` has no max-pooling, for images of up to 112 pixels.
    """

    def __init__(self, backbone: str, stem: Stem) -> None:
        super().__init__()
        net = resnet(backbone)
        pool = net.maxpool if stem == "full" else nn.Identity()
        self.stem = nn.Sequential(net.conv1, net.bn1, net.relu, pool)
        self.blocks = nn.ModuleList([net.layer1, net.layer2, net.layer3, net.layer4])
        self.channels = tuple(net.fc.in_features >> j for j in (3, 2, 1, 0))

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> list[Float[Tensor, "B _ _ _"]]:
        features = [self.stem(images)]
        for block in self.blocks:
            features.append(block(features[-1]))
        return features[1:]


def resnet(backbone: str) -> ResNet:
    """Any ResNet of torchvision, or `resnet10_quarter`, which is for the demo and for tests: one
    basic block a stage, of a quarter of the channels.
    """
    if backbone not in RESNETS:
        raise InputError(
            f"train.backbone: expected one of {', '.join(RESNETS)}; found '{backbone}'"
        )
    if backbone != SMALL:
        return models.get_model(backbone, weights=None)
    net, width = ResNet(BasicBlock, [1, 1, 1, 1]), 16
    net.inplanes = width
    net.conv1 = nn.Conv2d(3, width, kernel_size=7, stride=2, padding=3, bias=False)
    net.bn1 = nn.BatchNorm2d(width)
    for j, stride in enumerate((1, 2, 2, 2)):
        setattr(net, f"layer{j + 1}", net._make_layer(BasicBlock, width << j, 1, stride))
    net.fc = nn.Linear(8 * width, 1)
    return net


def check_input(size: int, stem: Stem) -> None:
    """Raise InputError unless images of this side give whole maps with enough positions to code."""
    step = STRIDE[stem]
    if size % step or size < step * POSITIONS**0.5:
        raise InputError(
            f"train.crop: with the {stem} stem expected a multiple of {step} from {4 * step} on, "
            f"so that every block's map is whole and the deepest has {POSITIONS} positions; "
            f"found {size}"
        )


def load_weights(encoder: Encoder, backbone: str, weights: str) -> None:
    """Load `imagenet` or a file (.safetensors, or a state dict as .pth); `none` changes nothing.

    Names are torchvision's; the classifier is left out. Raises InputError where there are no such
    weights, or they do not fit.
    """
    if weights == "none":
        return
    published = _imagenet(backbone) if weights == "imagenet" else _read(Path(weights))
    renamed = {_rename(name): value for name, value in published.items() if name[:3] != "fc."}
    try:
        encoder.load_state_dict(renamed)
    except RuntimeError as error:
        raise InputError(
            f"train.weights: {weights} does not fit {backbone}: {in_one_line(error)}"
        ) from error


def _rename(name: str) -> str:
    """torchvision's name of a weight -> ours: layer3.0.conv1 -> blocks.2.0.conv1, bn1 -> stem.1."""
    first, _, rest = name.partition(".")
    ours = {"conv1": "stem.0", "bn1": "stem.1"} | {f"layer{j + 1}": f"blocks.{j}" for j in range(4)}
    return f"{ours.get(first, first)}.{rest}"


def _imagenet(backbone: str) -> dict[str, Tensor]:
    """torchvision's ImageNet weights (IMAGENET1K_V1), hash-checked, from cache or network."""
    if backbone == SMALL:
        raise InputError(f"train.weights: there are no ImageNet weights of {SMALL}; set it to none")
    published = models.get_model_weights(backbone)["IMAGENET1K_V1"]
    cached = Path(torch.hub.get_dir()) / "checkpoints" / published.url.rpartition("/")[2]
    try:
        state: dict[str, Tensor] = published.get_state_dict(progress=False, check_hash=True)
    except (OSError, RuntimeError, pickle.UnpicklingError) as error:
        raise InputError(
            f"train.weights: the ImageNet weights of {backbone} could not be had ({error}): "
            f"expected {cached} or a network; put the file there, or set train.weights to none "
            "or to a file"
        ) from error
    return state


def _read(path: Path) -> dict[str, Tensor]:
    """The tensors in a file, by name."""
    try:
        state: dict[str, Tensor]
        state = load_file(path) if path.suffix == ".safetensors" else load_tensors(path)
        for name, value in state.items():
            if not (isinstance(name, str) and isinstance(value, Tensor)):
                raise TypeError("expected tensors by name")
        return state
    except FileNotFoundError as error:
        raise InputError(
            f"train.weights: expected imagenet, none or a file; found no {path}"
        ) from error
    except Exception as error:  # broken bytes make the unpickler trip over anything
        raise InputError(
            f"train.weights: {path} is no readable file of weights; expected .safetensors "
            "or a state dict"
        ) from error


def load_tensors(path: Path) -> Any:
    """What torch.save has written, on the CPU: tensors and plain values, never code.

    Raises ValueError where it would unpack to more than the file has, and torch's own errors where
    it is broken.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > path.stat().st_size:
            raise ValueError(f"{unpacked:,} bytes in a file of {path.stat().st_size:,}")
    return torch.load(path, map_location="cpu", weights_only=True)
