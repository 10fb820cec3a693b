"""Looks at pictures for everyone who visits the page, one after the other."""

import asyncio
import base64
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image

from clfer.explanation.attention import class_maps, denormalised, enlarged, scaled
from clfer.explanation.layers import weights
from clfer.faces.views import central
from clfer.figures.maps import coloured
from clfer.inference.engines import Trained
from clfer.inference.frames import Picture
from clfer.inference.predictor import Face, Predictor, cut_out
from clfer.pictures import decode

SIDE = 1600  # pixels of a picture's longer side on the page
CLOSE = 256  # and of a face's
ALPHA = 0.6  # of a map over the face

Result = TypeVar("Result")


class Sight(NamedTuple):
    """What was seen in a picture.

    address: the picture as a data address, no larger than SIDE; size: its own width and height,
    which the boxes of `faces` are in; cuts: each face as the network that is explained takes it,
    None where nothing can be explained
    """

    address: str
    size: tuple[int, int]
    faces: list[Face]
    cuts: UInt8[np.ndarray, "F S S C"] | None


class Attention(NamedTuple):
    """Where a network looked for a class in a face.

    address: the face alone, then the map of each block over it, as data addresses; grids: rows and
    columns of each block's map; mu: weight of each block in MSR, None without it
    """

    label: str
    address: list[str]
    grids: list[tuple[int, int]]
    mu: list[float] | None


class Observer:
    """A predictor that many ask at once: it works in a thread of its own, in the order of asking.

    explained: place of the model that heat maps are of, the first that has its network here; None
    where none has (.onnx)
    """

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor
        trained = [isinstance(engine, Trained) for engine in predictor.engines]
        self.explained = trained.index(True) if any(trained) else None
        self._worker = ThreadPoolExecutor(1)

    async def look(self, content: bytes) -> Sight:
        """What is seen in an image file; UnreadableError where it is none."""
        return await self._asked(lambda: self._look(content))

    async def attention(self, sight: Sight, face: int) -> Attention | None:
        """Where the network looked for the label of a face; None where that can't be said."""
        return await self._asked(lambda: self._attention(sight, face))

    async def _asked(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)

    def _look(self, content: bytes) -> Sight:
        picture = decode(content)
        faces = self.predictor.faces(picture)
        size = (picture.shape[1], picture.shape[0])
        return Sight(_address(picture, SIDE), size, faces, self._cuts(picture, faces))

    def _cuts(self, picture: Picture, faces: list[Face]) -> UInt8[np.ndarray, "F S S C"] | None:
        if self.explained is None or not faces:
            return None
        cut = self.predictor.engines[self.explained].card.cut
        return np.stack([cut_out(picture, np.array(one.landmarks), cut) for one in faces])

    def _attention(self, sight: Sight, face: int) -> Attention | None:
        if self.explained is None or sight.cuts is None:
            return None
        engine = self.predictor.engines[self.explained]
        assert isinstance(engine, Trained)
        network, card = engine.network, engine.card
        label = sight.faces[face].label
        images = central(torch.from_numpy(sight.cuts[face : face + 1]).to(engine.device), card.view)
        wanted = torch.tensor([card.classes.index(label)], device=engine.device)
        maps = [one[0].cpu() for one in class_maps(network, images, wanted)]
        with torch.inference_mode():
            mu = weights(network, network.features(images))
        plain = denormalised(images)[0].cpu().numpy()
        large = [scaled(enlarged(one, card.view.crop)) for one in maps]
        over = [plain, *(_over(plain, one.numpy()) for one in large)]
        return Attention(
            label,
            [_address((255 * one).round().astype(np.uint8), CLOSE) for one in over],
            [(one.shape[0], one.shape[1]) for one in maps],
            None if mu is None else mu[0].tolist(),
        )


def _over(
    face: Float[np.ndarray, "S S 3"], attention: Float[np.ndarray, "S S"]
) -> Float[np.ndarray, "S S 3"]:
    """A map over a face, which is grey so that colours are the map's."""
    grey = face.mean(axis=-1, keepdims=True)
    mixed: Float[np.ndarray, "S S 3"] = (1 - ALPHA) * grey + ALPHA * coloured(attention)
    return mixed


def _address(pixels: UInt8[np.ndarray, "H W *C"], side: int) -> str:
    """A picture as a data address, its longer side `side` pixels: a small one is not enlarged, but
    for a face, which the browser would not enlarge as smoothly.
    """
    image = Image.fromarray(pixels).convert("RGB")
    if side == CLOSE:
        image = image.resize((side, side), Image.Resampling.BICUBIC)
    image.thumbnail((side, side))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
