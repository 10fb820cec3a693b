"""What the page is told of a picture: the predictor's own numbers, and maps of the faces that these
are of.
"""

import asyncio
import base64
import copy
import io

import cv2
import numpy as np
import pytest
import torch
from demo_server import drawn, model
from PIL import Image

from clfer.inference.predictor import Predictor
from clfer.page.observer import SIDE, Observer
from clfer.pictures import UnreadableError


@pytest.fixture(scope="module")
def observer(real_data, tmp_path_factory):
    path = model(tmp_path_factory.mktemp("model") / "model.safetensors")
    detector = real_data / "weights/insightface/det_500m.onnx"
    return Observer(Predictor(path, detector=detector, device="cpu"))


def encoded(picture):
    return cv2.imencode(".png", picture)[1].tobytes()


def pixels(address):
    assert address.startswith("data:image/jpeg;base64,")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))


def test_it_sees_what_the_predictor_sees(observer):
    picture = drawn(0, 1, 5)
    sight = asyncio.run(observer.look(encoded(picture)))
    assert len(sight.faces) == 3
    assert sight.faces == observer.predictor.faces(picture)
    assert sight.size == (picture.shape[1], picture.shape[0])
    shown = pixels(sight.address)
    assert shown.shape == (*picture.shape, 3)
    assert np.abs(shown[..., 0].astype(int) - picture).mean() < 2


def test_maps_are_of_the_faces_that_were_classified(observer):
    """The cut faces, given to the model as they are, have the probabilities of the predictor."""
    sight = asyncio.run(observer.look(encoded(drawn(0, 1, 5))))
    found = observer.predictor.engines[0](sight.cuts)
    expected = [list(one.probability.values()) for one in sight.faces]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_attention_is_that_of_the_chosen_face(observer):
    sight = asyncio.run(observer.look(encoded(drawn(0, 1, 5))))
    both = [asyncio.run(observer.attention(sight, i)) for i in (0, 2)]
    network = observer.predictor.engines[0].network
    for face, found in zip((0, 2), both, strict=True):
        assert found.label == sight.faces[face].label
        assert len(found.address) == 1 + len(found.grids) == 5
        assert found.grids == [(32, 32), (16, 16), (8, 8), (4, 4)]
        assert len(found.mu) == 4
        alone = pixels(found.address[0]).mean(axis=2)
        stored = sight.cuts[face, ..., 0]
        # the network sees the middle 64 of 72 pixels of the stored face
        near = cv2.resize(stored, (288, 288), interpolation=cv2.INTER_CUBIC)[16:272, 16:272]
        assert np.corrcoef(alone.ravel(), near.ravel())[0, 1] > 0.98
    assert both[0].address[4] != both[1].address[4]
    assert all(weight.grad is None for weight in network.parameters())


def test_a_large_picture_is_shown_smaller_with_boxes_in_its_own_pixels(observer):
    picture = np.kron(drawn(0, 1), np.ones((5, 5), np.uint8))
    sight = asyncio.run(observer.look(encoded(picture)))
    assert sight.size == (2600, 1600)
    assert pixels(sight.address).shape == (round(1600 * SIDE / 2600), SIDE, 3)
    left, _, width, _ = sight.faces[1].box
    assert 1300 < left + width / 2 < 2600


def test_without_a_face_or_a_picture(observer):
    sight = asyncio.run(observer.look(encoded(np.full((100, 120), 200, np.uint8))))
    assert sight.faces == []
    assert asyncio.run(observer.look(encoded(np.zeros((1, 9), np.uint8)))).size == (9, 1)
    with pytest.raises(UnreadableError, match="no image"):
        asyncio.run(observer.look(b"<svg>"))


def test_without_the_network_itself_there_are_no_maps(observer):
    """As of a model in another form: all else is as it was."""
    trained = observer.predictor.engines[0]

    class Other:
        card = trained.card

        def __call__(self, faces):
            return trained(faces)

    predictor = copy.copy(observer.predictor)
    predictor.engines = [Other()]
    other = Observer(predictor)
    picture = encoded(drawn(0, 1))
    sight = asyncio.run(other.look(picture))
    assert sight.faces == asyncio.run(observer.look(picture)).faces
    assert asyncio.run(other.attention(sight, 0)) is None


def test_many_at_once_get_their_own(observer):
    """The predictor may be used by one thread at a time; whoever asks meanwhile waits."""
    pictures = [drawn(seed) for seed in (0, 1, 2, 4, 5)]

    async def all_of_them():
        return await asyncio.gather(*(observer.look(encoded(one)) for one in pictures))

    seen = asyncio.run(all_of_them())
    alone = [observer.predictor.faces(one) for one in pictures]
    assert [one.faces for one in seen] == alone
    assert not torch.is_inference_mode_enabled()
